import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Answer, type Ask, type HttpClient, httpClient } from '../support/http.ts';
import { type ServerOverStore, setups, startOver } from '../support/setups.ts';

/** Each bad request gets upstream's status and reason, and changes nothing. */
const configMaps = '/api/v1/namespaces/default/configmaps';
const json = { 'content-type': 'application/json' };
const deep = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
const patch = (type: string, body: string, path = `${configMaps}/base`): Ask => ({
  method: 'PATCH',
  path,
  headers: { 'content-type': type },
  body,
});
const create = (body: string | Uint8Array, type = 'application/json'): Ask => ({
  method: 'POST',
  path: configMaps,
  headers: { 'content-type': type },
  body,
});
const named = (rest: string): string => `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bad"${rest}}}`;

const cases: readonly [string, Ask, number, string, RegExp][] = [
  [
    'malformed JSON',
    create('{"apiVersion":"v1",'),
    400,
    'BadRequest',
    /unexpected end of JSON input|unexpected EOF|couldn't get version\/kind/,
  ],
  ['malformed YAML', create('a: [b', 'application/yaml'), 400, 'BadRequest', /yaml/i],
  [
    'malformed protobuf',
    create(Uint8Array.of(0x6b, 0x38, 0x73, 0, 0xff, 0xff, 0xff), 'application/vnd.kubernetes.protobuf'),
    400,
    'BadRequest',
    /./,
  ],
  ['protobuf without its magic', create('hello', 'application/vnd.kubernetes.protobuf'), 400, 'BadRequest', /./],
  [
    'an unknown content type',
    create(named(''), 'text/csv'),
    415,
    'UnsupportedMediaType',
    /accepted media types include: application\/json/,
  ],
  [
    'another kind than the path',
    create('{"apiVersion":"v1","kind":"Secret","metadata":{"name":"bad"}}'),
    400,
    'BadRequest',
    /Secret/,
  ],
  ['an unknown kind', create('{"apiVersion":"v1","kind":"Nope","metadata":{"name":"bad"}}'), 400, 'BadRequest', /Nope/],
  [
    'a wrong type',
    create('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bad"},"data":[1]}'),
    400,
    'BadRequest',
    /cannot unmarshal array/,
  ],
  ['nesting of 10,000 levels', create(deep(10_002)), 400, 'BadRequest', /exceeded max depth/],
  [
    'a body over 3 MiB',
    create(`{"data":{"k":"${'x'.repeat(3 << 20)}"}}`),
    413,
    'RequestEntityTooLarge',
    /limit is 3145728|too large/i,
  ],
  [
    'a label of 64 characters',
    create(named(`,"labels":{"a":"${'x'.repeat(64)}"}`)),
    422,
    'Invalid',
    /must be no more than 63 (characters|bytes)/,
  ],
  [
    'a bad name',
    create('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"Bad_"}}'),
    422,
    'Invalid',
    /a lowercase RFC 1123 subdomain/,
  ],
  [
    'no name',
    create('{"apiVersion":"v1","kind":"ConfigMap","metadata":{}}'),
    422,
    'Invalid',
    /name or generateName is required/,
  ],
  [
    'another namespace than the path',
    create(named(',"namespace":"other"')),
    400,
    'BadRequest',
    /the namespace of the provided object does not match the namespace sent on the request/,
  ],
  [
    'a resourceVersion on create',
    create(named(',"resourceVersion":"1"')),
    500,
    '',
    /resourceVersion should not be set/,
  ],
  [
    'a namespace that does not exist',
    {
      ...create('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bad"}}'),
      path: '/api/v1/namespaces/nowhere/configmaps',
    },
    404,
    'NotFound',
    /namespaces "nowhere" not found/,
  ],
  [
    'an existing name',
    create('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"base"}}'),
    409,
    'AlreadyExists',
    /configmaps "base" already exists/,
  ],
  [
    'a stale resourceVersion',
    {
      method: 'PUT',
      path: `${configMaps}/base`,
      headers: json,
      body: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"base","resourceVersion":"1"}}',
    },
    409,
    'Conflict',
    /the object has been modified/,
  ],
  [
    'another name than the path',
    {
      method: 'PUT',
      path: `${configMaps}/base`,
      headers: json,
      body: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"other"}}',
    },
    400,
    'BadRequest',
    /does not match the name on the (URL|request)/,
  ],
  ['a JSON patch that is not a list', patch('application/json-patch+json', '{}'), 400, 'BadRequest', /./],
  [
    'a JSON patch that cannot be applied',
    patch('application/json-patch+json', '[{"op":"test","path":"/data/k","value":"other"}]'),
    422,
    'Invalid',
    /./,
  ],
  ['a malformed merge patch', patch('application/merge-patch+json', '{'), 400, 'BadRequest', /./],
  [
    'a patch of an unknown type',
    patch('application/nope+json', '{}'),
    415,
    'UnsupportedMediaType',
    /415: Unsupported Media Type/,
  ],
  [
    'an apply without a manager',
    patch('application/apply-patch+yaml', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"base"}}'),
    422,
    'Invalid',
    /fieldManager: Required value/,
  ],
  [
    'an unknown strict field',
    {
      ...create('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bad"},"nope":1}'),
      path: `${configMaps}?fieldValidation=Strict`,
    },
    400,
    'BadRequest',
    /strict decoding error: unknown field "nope"/,
  ],
  [
    'a bad label selector',
    { path: `${configMaps}?labelSelector=a%20in%20(` },
    400,
    'BadRequest',
    /unable to parse|found/,
  ],
  [
    'a field selector on an unknown field',
    { path: `${configMaps}?fieldSelector=data.k%3Dv` },
    400,
    'BadRequest',
    /"data\.k" is not a known field selector: only "metadata\.name", "metadata\.namespace"/,
  ],
  [
    'a bad continue token',
    { path: `${configMaps}?limit=1&continue=nope` },
    400,
    'BadRequest',
    /continue key is not valid/,
  ],
  ['a bad dryRun', { ...create(named('')), path: `${configMaps}?dryRun=Some` }, 422, 'Invalid', /dryRun/],
  [
    'a media type that cannot be served',
    { path: configMaps, headers: { accept: 'text/csv' } },
    406,
    'NotAcceptable',
    /406: Not Acceptable\n\nAvailable representations: application\/json, /,
  ],
  [
    'a method without a handler',
    { method: 'PUT', path: configMaps, headers: json, body: '{}' },
    405,
    'MethodNotAllowed',
    /does not allow this method/,
  ],
  [
    'an unknown resource',
    { path: '/api/v1/namespaces/default/nopes' },
    404,
    'NotFound',
    /could not find the requested resource/,
  ],
];

for (const setup of setups) {
  describe(setup.title, { skip: setup.skip }, () => {
    let server: ServerOverStore;
    let send: HttpClient;

    before(async () => {
      server = await startOver(setup);
      send = httpClient(server.kubeconfig);
      const created = await post({ metadata: { name: 'base', labels: { a: 'b' } }, data: { k: 'v' } });
      assert.equal(created.status, 201);
    });
    after(async () => {
      send.close();
      assert.equal(await server.stop(), 0);
    });

    const post = (object: object): Promise<Answer> =>
      send({
        method: 'POST',
        path: configMaps,
        headers: json,
        body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', ...object }),
      });

    const everything = async (): Promise<string> => {
      const { json: list } = await send({ path: configMaps });
      return JSON.stringify(list['items']);
    };

    for (const [name, ask, status, reason, message] of cases) {
      test(`${name} gives ${status} ${reason} and changes nothing`, async () => {
        const before = await everything();
        const answer = await send(ask);
        assert.equal(answer.status, status, answer.text);
        assert.equal(answer.json.kind, 'Status', answer.text);
        assert.equal(answer.json.reason ?? '', reason, answer.text);
        assert.match(String(answer.json.message), message);
        assert.equal(answer.json.code, status);
        assert.equal(await everything(), before);
      });
    }

    test('an unrouted path is plain text', async () => {
      const answer = await send({ path: '/nope' });
      assert.equal(answer.status, 404);
    });
  });
}
