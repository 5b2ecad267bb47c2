import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResourceDefinition } from '../../resources/define.ts';
import { referenceCodec, unwrapEnvelope } from '../../schema/index.ts';
import type { PathAnswer, PathRequest } from '../types.ts';
import { Discovery } from './discovery.ts';
import { compareGroups, compareVersions } from './priority.ts';

const define = (group: string, version: string, resource: string, kind: string, more = {}): ResourceDefinition => ({
  group,
  version,
  resource,
  kind,
  scope: 'Namespaced',
  message: 'core/v1.Pod',
  verbs: ['list', 'get'],
  columns: [],
  ...more,
});

const scale = { type: 'scale', verbs: ['update', 'get'] };
const eviction = {
  type: 'action',
  verbs: ['create'],
  gvk: { apiVersion: 'policy/v1', kind: 'Eviction' },
  message: 'policy/v1.Eviction',
};
const definitions = [
  define('', 'v1', 'pods', 'Pod', {
    shortNames: ['po'],
    categories: ['all'],
    storageVersionHash: 'x',
    subresources: { eviction },
  }),
  define('', 'v1', 'nodes', 'Node', { scope: 'Cluster' }),
  define('example.com', 'v1', 'foos', 'Foo'),
  define('autoscaling', 'v1', 'horizontalpodautoscalers', 'HorizontalPodAutoscaler'),
  define('autoscaling', 'v2', 'horizontalpodautoscalers', 'HorizontalPodAutoscaler'),
  define('apps', 'v1', 'deployments', 'Deployment', { subresources: { scale } }),
];

const discovery = (served: readonly ResourceDefinition[] = definitions): Discovery =>
  new Discovery({ definitions: () => served, codec: referenceCodec, serverAddress: () => '10.0.0.1:6443' });

const get = async (path: string, headers: Record<string, string> = {}, from = discovery()): Promise<PathAnswer> => {
  const request: PathRequest = {
    method: 'GET',
    path,
    query: new URLSearchParams(),
    header: (name) => headers[name],
    user: { name: 'test', groups: [] },
  };
  return from.handle(request);
};

const json = async (path: string, headers?: Record<string, string>): Promise<Record<string, unknown>> =>
  JSON.parse(String((await get(path, headers)).body)) as Record<string, unknown>;

const aggregatedType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const clientGoAccept = [
  aggregatedType,
  'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList',
  'application/json',
].join(',');

test('/api names the server, /apis the groups in order of priority with the preferred version first', async () => {
  assert.deepEqual(await json('/api'), {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '10.0.0.1:6443' }],
  });
  const { kind, apiVersion, groups } = await json('/apis/');
  assert.deepEqual([kind, apiVersion], ['APIGroupList', 'v1']);
  assert.deepEqual(
    (groups as { name: string; preferredVersion: object }[]).map(({ name, preferredVersion }) => [
      name,
      preferredVersion,
    ]),
    [
      ['apps', { groupVersion: 'apps/v1', version: 'v1' }],
      ['autoscaling', { groupVersion: 'autoscaling/v2', version: 'v2' }],
      ['example.com', { groupVersion: 'example.com/v1', version: 'v1' }],
    ],
  );
});

test('/api/v1 lists resources and subresources by name; foreign kinds carry their group', async () => {
  assert.deepEqual(await json('/api/v1'), {
    kind: 'APIResourceList',
    groupVersion: 'v1',
    resources: [
      { name: 'nodes', singularName: 'node', namespaced: false, kind: 'Node', verbs: ['get', 'list'] },
      {
        name: 'pods',
        singularName: 'pod',
        namespaced: true,
        kind: 'Pod',
        verbs: ['get', 'list'],
        shortNames: ['po'],
        categories: ['all'],
        storageVersionHash: 'x',
      },
      {
        name: 'pods/eviction',
        singularName: '',
        namespaced: true,
        group: 'policy',
        version: 'v1',
        kind: 'Eviction',
        verbs: ['create'],
      },
    ],
  });
});

test('what no group serves is 404 in plain text; below a served group it is a Status', async () => {
  assert.equal(String((await get('/apis/nope')).body), '404 page not found\n');
  for (const path of ['/apis/apps/v2', '/api/v2', '/apis/apps/v1/deployments', '/api/v1/pods']) {
    await assert.rejects(get(path), { code: 404, message: 'the server could not find the requested resource' });
  }
});

test('client-go gets aggregated discovery, its content type echoed, and 304 for what it has', async () => {
  const answer = await get('/apis', { accept: clientGoAccept });
  assert.equal(answer.contentType, aggregatedType);
  const headers = new Map(answer.headers);
  assert.match(headers.get('ETag') ?? '', /^"[0-9A-F]{128}"$/);
  const { items } = JSON.parse(String(answer.body)) as { items: { metadata: object }[] };
  assert.deepEqual(
    items.map(({ metadata }) => metadata),
    [{ name: 'apps' }, { name: 'autoscaling' }, { name: 'example.com' }],
  );
  const again = await get('/apis', { accept: clientGoAccept, 'if-none-match': headers.get('ETag')! });
  assert.deepEqual([again.status, again.body], [304, '']);
  const core = await json('/api', { accept: aggregatedType });
  assert.deepEqual(
    (core['items'] as { metadata: object }[]).map(({ metadata }) => metadata),
    [{}],
  );
});

test('a client that asks for plain JSON first, or for the removed beta only, gets the legacy form', async () => {
  const accepts = [
    'application/json',
    '',
    `application/json,${aggregatedType}`,
    aggregatedType.replace('v2', 'v2beta1'),
  ];
  for (const accept of accepts.slice(0, 3)) assert.equal((await json('/apis', { accept }))['kind'], 'APIGroupList');
  await assert.rejects(get('/apis', { accept: accepts[3]! }));
});

test('discovery is served as protobuf and YAML, too', async () => {
  const { body } = await get('/apis', { accept: 'application/vnd.kubernetes.protobuf' });
  const { kind, message } = unwrapEnvelope(body as Uint8Array);
  assert.equal(kind, 'APIGroupList');
  const decoded = new TextDecoder().decode(referenceCodec.toJson('meta/v1.APIGroupList', message));
  assert.match(decoded, /^\{"groups":\[\{"name":"apps"/);
  const accept = aggregatedType.replace('json', 'vnd.kubernetes.protobuf');
  const aggregated = unwrapEnvelope((await get('/apis', { accept })).body as Uint8Array);
  assert.equal(aggregated.apiVersion, 'apidiscovery.k8s.io/v2');
  assert.match(
    String((await get('/api/v1', { accept: 'application/yaml' })).body),
    /^groupVersion: v1\nkind: APIResourceList\n/,
  );
});

test('new definitions show after changed()', async () => {
  const served = [...definitions];
  const subject = discovery(served);
  assert.equal((await get('/apis/new.example.com', {}, subject)).status, 404);
  served.push(define('new.example.com', 'v1', 'bars', 'Bar'));
  subject.changed();
  assert.equal((await get('/apis/new.example.com', {}, subject)).status, 200);
});

test('groups without a priority of their own come last, by name; versions in the order of Kubernetes', () => {
  const groups = ['b.example.com', 'a.example.com', 'storage.k8s.io', 'apps'];
  assert.deepEqual(groups.sort(compareGroups), ['apps', 'storage.k8s.io', 'a.example.com', 'b.example.com']);
  const versions = ['foo', 'v1alpha1', 'v11', 'v2', 'v1beta2', 'v10', 'v3beta1', 'v1'];
  assert.deepEqual(
    versions.sort((a, b) => compareVersions('x.example.com', a, b)),
    ['v11', 'v10', 'v2', 'v1', 'v3beta1', 'v1beta2', 'v1alpha1', 'foo'],
  );
});
