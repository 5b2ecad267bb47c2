import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { ManualClock } from '../../kernel/index.ts';
import { catalog } from '../../resources/catalog.ts';
import type { ResourceDefinition } from '../../resources/define.ts';
import type { PathAnswer } from '../types.ts';
import { gnosticDocument } from './gnostic.ts';
import { OpenApi } from './open-api.ts';

const served = (catalog as unknown as ResourceDefinition[])
  .filter(({ group }) => group === 'apps' || group === 'autoscaling')
  .map((definition) =>
    definition.resource === 'deployments'
      ? ({ ...definition, subresources: { scale: { type: 'scale', verbs: ['get', 'patch', 'update'] } } } as never)
      : definition,
  );

const openApi = new OpenApi({ definitions: () => served, clock: new ManualClock() });

function get(target: string, headers: Record<string, string> = {}): Promise<PathAnswer> {
  const url = new URL(target, 'http://localhost');
  return openApi.handle({
    method: 'GET',
    path: url.pathname,
    query: url.searchParams,
    header: (name) => headers[name],
    user: { name: 'test', groups: [] },
  });
}

const header = ({ headers }: PathAnswer, name: string): string | undefined => new Map(headers).get(name);
const text = ({ body }: PathAnswer): string => new TextDecoder().decode(body as Uint8Array);

interface Document {
  paths: Record<string, Record<string, { parameters?: { name: string }[]; 'x-kubernetes-group-version-kind': object }>>;
  components: { schemas: Record<string, { properties: Record<string, object> }> };
}

const document = async (name: string): Promise<Document> =>
  JSON.parse(text(await get(`/openapi/v3/${name}`))) as Document;

test('/openapi/v3 names each group version’s document by its hash', async () => {
  const answer = await get('/openapi/v3');
  const { paths } = JSON.parse(text(answer)) as { paths: Record<string, { serverRelativeURL: string }> };
  assert.deepEqual(Object.keys(paths).sort(), ['apis/apps/v1', 'apis/autoscaling/v1', 'apis/autoscaling/v2']);
  const address = paths['apis/apps/v1']!.serverRelativeURL;
  assert.match(address, /^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{128}$/);
  const found = await get(address);
  assert.equal(found.contentType, 'application/json');
  assert.equal(header(found, 'Cache-Control'), 'public, immutable');
  assert.equal(header(found, 'Expires'), 'Fri, 01 Jan 2027 00:00:00 GMT');
  assert.equal(header(found, 'ETag'), `"${address.split('=')[1]}"`);
});

test('a stale hash redirects, a known ETag is 304, an unknown group version 404', async () => {
  const moved = await get('/openapi/v3/apis/apps/v1?hash=ABC');
  assert.equal(moved.status, 301);
  assert.match(header(moved, 'Location')!, /^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{128}$/);
  const { headers } = await get('/openapi/v3/apis/apps/v1');
  const etag = new Map(headers).get('ETag')!;
  assert.equal((await get('/openapi/v3/apis/apps/v1', { 'if-none-match': etag })).status, 304);
  assert.equal((await get('/openapi/v3/apis/nope/v1')).status, 404);
});

test('documents go out as they are kept when the client takes gzip', async () => {
  const answer = await get('/openapi/v3/apis/apps/v1', { 'accept-encoding': 'gzip, br' });
  assert.equal(header(answer, 'Content-Encoding'), 'gzip');
  assert.equal(gunzipSync(answer.body as Uint8Array).toString(), text(await get('/openapi/v3/apis/apps/v1')));
});

test('kubectl finds server-side validation and the kind behind a path', async () => {
  const { paths } = await document('apis/apps/v1');
  const { patch } = paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']!;
  assert.deepEqual(patch!['x-kubernetes-group-version-kind'], { group: 'apps', version: 'v1', kind: 'Deployment' });
  assert.ok(patch!.parameters!.some(({ name }) => name === 'fieldValidation'));
  const scale = paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale']!['get']!;
  assert.deepEqual(scale['x-kubernetes-group-version-kind'], { group: 'autoscaling', version: 'v1', kind: 'Scale' });
});

test('schemas carry what strategic merge and server-side apply need, and defaults', async () => {
  const { schemas } = (await document('apis/apps/v1')).components;
  assert.deepEqual(schemas['io.k8s.api.core.v1.Container']!.properties['ports'], {
    type: 'array',
    items: { $ref: '#/components/schemas/io.k8s.api.core.v1.ContainerPort' },
    'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-patch-merge-key': 'containerPort',
    'x-kubernetes-patch-strategy': 'merge',
  });
  assert.deepEqual(schemas['io.k8s.api.core.v1.ContainerPort']!.properties['protocol'], {
    type: 'string',
    enum: ['TCP', 'UDP', 'SCTP'],
    default: 'TCP',
  });
  assert.deepEqual(schemas['io.k8s.api.apps.v1.DeploymentSpec']!.properties['strategy'], {
    allOf: [{ $ref: '#/components/schemas/io.k8s.api.apps.v1.DeploymentStrategy' }],
    default: {},
    'x-kubernetes-patch-strategy': 'retainKeys',
  });
});

test('every reference has its definition', async () => {
  for (const target of ['/openapi/v2', '/openapi/v3/apis/apps/v1', '/openapi/v3/apis/autoscaling/v2']) {
    const body = text(await get(target));
    const parsed = JSON.parse(body) as { definitions?: object; components?: { schemas: object } };
    const known = new Set(Object.keys(parsed.definitions ?? parsed.components!.schemas));
    for (const [, name] of body.matchAll(/"\$ref":"#\/(?:definitions|components\/schemas)\/([^"]+)"/g)) {
      assert.ok(known.has(name!), `${target}: ${name}`);
    }
  }
});

test('/openapi/v2 is JSON, or gnostic protobuf for clients that ask for it', async () => {
  const json = await get('/openapi/v2', { accept: 'application/json, */*' });
  assert.equal(json.contentType, 'application/json');
  const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
  const protobuf = await get('/openapi/v2', { accept });
  assert.equal(protobuf.contentType, 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
  assert.deepEqual(Buffer.from(protobuf.body as Uint8Array), Buffer.concat([...gnosticDocument(served)]));
  await assert.rejects(get('/openapi/v2', { accept: 'text/html' }), { reason: 'NotAcceptable' });
});
