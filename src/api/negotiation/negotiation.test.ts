import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unwrapEnvelope, referenceCodec, wrapEnvelope } from '../../schema/index.ts';
import { testCluster } from '../testing/cluster.ts';
import { at } from '../testing/exchange.ts';
import { negotiate, type Offer } from './accept.ts';
import { prettyJson } from './pretty.ts';
import { envelope } from './wire.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const all: Offer = { table: true, partial: true, protobuf: true };
const protobuf = 'application/vnd.kubernetes.protobuf';

const accepted: readonly [accept: string | undefined, media: string, kind?: string][] = [
  [undefined, 'json'],
  ['*/*', 'json'],
  ['text/html,application/*,application/yaml;q=0.1', 'json'],
  ['application/yaml', 'yaml'],
  [protobuf, 'protobuf'],
  [`${protobuf},application/json`, 'protobuf'],
  [`${protobuf};q=0.5,application/json`, 'json'],
  ['text/html,*/*;q=0.8', 'json'],
  [
    'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json',
    'json',
    'Table',
  ],
  [`${protobuf};as=Table;v=v1;g=meta.k8s.io,application/json`, 'json'],
  [`${protobuf};as=PartialObjectMetadataList;v=v1;g=meta.k8s.io`, 'protobuf', 'PartialObjectMetadataList'],
  ['application/json;as=Other;v=v1;g=meta.k8s.io,application/json', 'json'],
  ['application/cbor,application/json', 'json'],
  ['application/json;stream=watch', 'json'],
];
for (const [accept, media, kind] of accepted) {
  test(`Accept: ${accept ?? '(none)'} → ${media}${kind ? ` ${kind}` : ''}`, () => {
    const output = negotiate(accept, new URLSearchParams(), 'go-client', all);
    assert.equal(output.media, media);
    assert.equal(output.convert?.kind, kind);
  });
}

test('what cannot be met is 406', async () => {
  const cluster = await testCluster();
  const types = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
  const streams = 'application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch';
  for (const [accept, message] of [
    ['text/html', `406: Not Acceptable\n\nAvailable representations: ${types}, ${streams}`],
    ['application/json;as=Other;v=v1;g=meta.k8s.io', `only the following media types are accepted: ${types}`],
  ] as const) {
    const answer = await cluster.ask('GET', maps, { headers: { accept } });
    assert.equal(answer.status, 406);
    assert.equal(at(answer.json, 'message'), message);
  }
  await cluster.close();
});

test("our envelope is the schema's", () => {
  const gvk = { apiVersion: 'apps/v1', kind: 'Deployment' };
  const message = new Uint8Array(300).fill(7);
  assert.equal(Buffer.compare(envelope(gvk, message), wrapEnvelope(gvk, message)), 0);
});

test('protobuf goes in and comes out; errors are protobuf too', async () => {
  const cluster = await testCluster();
  const gvk = { apiVersion: 'v1', kind: 'ConfigMap' };
  const json = new TextEncoder().encode('{"metadata":{"name":"a"},"data":{"k":"v"}}');
  const body = wrapEnvelope(gvk, referenceCodec.fromJson('core/v1.ConfigMap', json, { defaults: false }).bytes);
  const headers = { 'content-type': protobuf, accept: protobuf };
  const made = await cluster.ask('POST', maps, { body, headers });
  assert.equal(made.status, 201);
  assert.equal(made.headers.get('content-type'), protobuf);
  const opened = unwrapEnvelope(made.body);
  assert.equal(opened.kind, 'ConfigMap');
  assert.match(
    new TextDecoder().decode(referenceCodec.toJson('core/v1.ConfigMap', opened.message)),
    /"data":\{"k":"v"\}/,
  );
  const list = unwrapEnvelope((await cluster.ask('GET', maps, { headers })).body);
  assert.equal(list.kind, 'ConfigMapList');
  assert.match(
    new TextDecoder().decode(referenceCodec.toJson('core/v1.ConfigMapList', list.message)),
    /"items":\[\{"metadata":\{"name":"a"/,
  );
  const missing = unwrapEnvelope((await cluster.ask('GET', `${maps}/b`, { headers })).body);
  assert.equal(missing.kind, 'Status');
  assert.match(
    new TextDecoder().decode(referenceCodec.toJson('meta/v1.Status', missing.message)),
    /"reason":"NotFound"/,
  );
  const broken = await cluster.ask('POST', maps, { body: '{}', headers: { 'content-type': protobuf } });
  assert.equal(broken.status, 400);
  assert.match(String(at(broken.json, 'message')), /does not appear to be a protobuf message, expected prefix/);
  await cluster.close();
});

test('YAML goes in and comes out, keys sorted', async () => {
  const cluster = await testCluster();
  const made = await cluster.ask('POST', maps, {
    body: 'kind: ConfigMap\napiVersion: v1\nmetadata:\n  name: a\ndata:\n  on: "1"\n  at: 2001-01-01\n  mode: "0777"\n',
    headers: { 'content-type': 'application/yaml', accept: 'application/yaml' },
  });
  assert.equal(made.status, 201);
  // Go reads YAML 1.1, where `on` is true; what looks like a time stays text.
  assert.match(
    made.text,
    /^apiVersion: v1\ndata:\n {2}at: "2001-01-01"\n {2}mode: "0777"\n {2}"true": "1"\nkind: ConfigMap\nmetadata:\n/,
  );
  assert.match(made.text, /creationTimestamp: "2026-01-01T00:00:00Z"\n {2}managedFields:\n {2}- apiVersion: v1\n/);
  const list = await cluster.ask('GET', maps, { headers: { accept: 'application/yaml' } });
  assert.match(list.text, /^apiVersion: v1\nitems:\n/);
  await cluster.close();
});

test('bodies of other types are 415', async () => {
  const cluster = await testCluster();
  const answer = await cluster.ask('POST', maps, { body: 'x', headers: { 'content-type': 'text/plain' } });
  assert.equal(answer.status, 415);
  assert.equal(
    at(answer.json, 'message'),
    'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
  );
  await cluster.close();
});

test('syntax and type errors are told apart', async () => {
  const cluster = await testCluster();
  const syntax = await cluster.ask('POST', maps, { body: '{"metadata":' });
  assert.match(
    String(at(syntax.json, 'message')),
    /^the object provided is unrecognized \(must be of type ConfigMap\): couldn't get version\/kind; json parse error: unexpected end of JSON input \(\{"metadata":\)$/,
  );
  const type = await cluster.ask('POST', maps, {
    body: '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"},"data":3}',
  });
  assert.match(
    String(at(type.json, 'message')),
    /^ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal/,
  );
  assert.equal(type.status, 400);
  await cluster.close();
});

test('tables show what includeObject asks for', async () => {
  const cluster = await testCluster();
  await cluster.ask('POST', maps, { body: { metadata: { name: 'a' }, data: { k: 'v' } } });
  const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
  const read = async (query: string): Promise<unknown> =>
    (await cluster.ask('GET', `${maps}${query}`, { headers })).json;
  assert.equal(at(await read(''), 'rows.0.object.kind'), 'PartialObjectMetadata');
  assert.equal(at(await read('?includeObject=None'), 'rows.0.object'), null);
  assert.equal(at(await read('?includeObject=Object'), 'rows.0.object.data.k'), 'v');
  assert.equal(at(await read('/a'), 'rows.0.cells.0'), 'a');
  assert.equal(at(await read('/a'), 'kind'), 'Table');
  const bad = await cluster.ask('GET', `${maps}?includeObject=Some`, { headers });
  assert.equal(bad.status, 400);
  await cluster.close();
});

test('metadata alone, as one object and as a list', async () => {
  const cluster = await testCluster();
  await cluster.ask('POST', maps, { body: { metadata: { name: 'a' }, data: { k: 'v' } } });
  const partial = (kind: string): { headers: Record<string, string> } => ({
    headers: { accept: `application/json;as=${kind};v=v1;g=meta.k8s.io` },
  });
  const one = await cluster.ask('GET', `${maps}/a`, partial('PartialObjectMetadata'));
  assert.equal(at(one.json, 'metadata.name'), 'a');
  assert.equal(at(one.json, 'data'), undefined);
  const list = await cluster.ask('GET', maps, partial('PartialObjectMetadataList'));
  assert.equal(at(list.json, 'kind'), 'PartialObjectMetadataList');
  assert.equal(at(list.json, 'items.0.kind'), 'PartialObjectMetadata');
  const wrong = await cluster.ask('GET', maps, partial('PartialObjectMetadata'));
  assert.equal(wrong.status, 406);
  assert.match(
    String(at(wrong.json, 'message')),
    /^you requested PartialObjectMetadata, but the requested object is a list/,
  );
  await cluster.close();
});

test('people get indented JSON', async () => {
  const cluster = await testCluster();
  const answer = await cluster.ask('GET', maps, { headers: { 'user-agent': 'curl/8' } });
  assert.equal(
    answer.text,
    '{\n  "kind": "ConfigMapList",\n  "apiVersion": "v1",\n  "metadata": {\n    "resourceVersion": "0"\n  },\n  "items": []\n}',
  );
  assert.equal(
    (await cluster.ask('GET', `${maps}?pretty=0`, { headers: { 'user-agent': 'curl/8' } })).text.split('\n').length,
    2,
  );
  assert.equal(prettyJson('{"a":"x\\"{,","b":[1,{}]}'), '{\n  "a": "x\\"{,",\n  "b": [\n    1,\n    {}\n  ]\n}');
  await cluster.close();
});
