import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiServerOptions } from '../server.ts';
import { type TestCluster, testCluster } from '../testing/cluster.ts';
import { settle } from '../testing/exchange.ts';
import { type AuditEvent, type AuditOrigin, type AuditSink, isAudited } from './index.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const ref = { group: '', version: 'v1', resource: 'configmaps' };
const configMap = (name: string): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });

interface Recorded {
  cluster: TestCluster;
  events: AuditEvent[];
}

async function recorded(wants: AuditSink['wants'] = () => true, options: Partial<ApiServerOptions> = {}) {
  const events: AuditEvent[] = [];
  const audit: AuditSink = { wants, record: (event) => events.push(event) };
  const cluster = await testCluster({
    authorizer: { authorize: ({ user }) => ({ allowed: user.name !== 'nobody', reason: `as ${user.name}` }) },
    ...options,
    audit,
  });
  return { cluster, events } satisfies Recorded;
}

test('a request is told of in the form of upstream, members in its order', async () => {
  const { cluster, events } = await recorded();
  await cluster.ask('GET', `${maps}/none?pretty=false`, {
    headers: { 'audit-id': 'a1', 'user-agent': 'kubectl/v1.36.2', 'x-forwarded-for': '192.0.2.7, junk' },
  });
  assert.equal(
    JSON.stringify(events[0]),
    JSON.stringify({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      auditID: 'a1',
      stage: 'ResponseComplete',
      requestURI: `${maps}/none?pretty=false`,
      verb: 'get',
      user: { username: 'admin', groups: ['system:masters', 'system:authenticated'] },
      sourceIPs: ['192.0.2.7', '127.0.0.1'],
      userAgent: 'kubectl/v1.36.2',
      objectRef: { resource: 'configmaps', namespace: 'default', name: 'none', apiVersion: 'v1' },
      responseStatus: {
        metadata: {},
        status: 'Failure',
        message: 'configmaps "none" not found',
        reason: 'NotFound',
        details: { name: 'none', kind: 'configmaps' },
        code: 404,
      },
      requestReceivedTimestamp: '2026-01-01T00:00:00.000000Z',
      stageTimestamp: '2026-01-01T00:00:00.000000Z',
      annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': 'as admin' },
    }),
  );
  assert.equal(events.length, 1);
  await cluster.close();
});

for (const [what, method, target, user, stage, code, decision] of [
  ['a create', 'POST', maps, 'admin', 'ResponseComplete', 201, 'allow'],
  ['a list', 'GET', maps, 'admin', 'ResponseComplete', 200, 'allow'],
  ['YAML, which is made later', 'GET', maps, 'admin', 'ResponseComplete', 200, 'allow'],
  ['a refusal', 'GET', maps, 'nobody', 'ResponseComplete', 403, 'forbid'],
  ['no credentials', 'GET', maps, '', 'ResponseStarted', 401, undefined],
  ['a bad deadline', 'GET', `${maps}?timeout=x`, 'admin', 'ResponseStarted', 400, undefined],
  ['a path', 'GET', '/nowhere', 'admin', 'ResponseComplete', 404, 'allow'],
] as const) {
  test(`${what} is told of once`, async () => {
    const { cluster, events } = await recorded();
    const headers = { user, accept: what.startsWith('YAML') ? 'application/yaml' : 'application/json' };
    await cluster.ask(method, target, { headers, ...(method === 'POST' && { body: configMap('a') }) });
    await settle();
    assert.equal(events.length, 1);
    const [event] = events;
    assert.deepEqual([event?.stage, event?.responseStatus.code], [stage, code]);
    assert.equal(event?.annotations?.['authorization.k8s.io/decision'], decision);
    assert.equal(event?.objectRef === undefined, target === '/nowhere');
    await cluster.close();
  });
}

test('a watch is told of when it begins and when it ends', async () => {
  const { cluster, events } = await recorded();
  const watch = cluster.open('GET', `${maps}?watch=1`);
  await settle();
  assert.deepEqual(
    events.map(({ stage }) => stage),
    ['ResponseStarted'],
  );
  cluster.clock.advance(1_500);
  watch.disconnect();
  assert.deepEqual(
    events.map(({ stage, verb, stageTimestamp }) => [stage, verb, stageTimestamp]),
    [
      ['ResponseStarted', 'watch', '2026-01-01T00:00:00.000000Z'],
      ['ResponseComplete', 'watch', '2026-01-01T00:00:01.500000Z'],
    ],
  );
  await cluster.close();
});

test('a watch over a WebSocket ends with the socket', async () => {
  const { cluster, events } = await recorded();
  const watch = cluster.open('GET', `${maps}?watch=1`, { isUpgrade: true });
  await settle();
  watch.socket?.close(1000, '');
  assert.deepEqual(
    events.map(({ stage, responseStatus }) => [stage, responseStatus.code]),
    [
      ['ResponseStarted', 101],
      ['ResponseComplete', 101],
    ],
  );
  await cluster.close();
});

test('a client that goes before the answer is told of', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const slow = { name: 'Slow', handles: () => true, admit: () => promise };
  const { cluster, events } = await recorded(undefined, { admission: [slow] });
  const response = cluster.open('POST', maps, { body: configMap('a') });
  await settle();
  response.disconnect();
  resolve();
  await settle();
  assert.deepEqual(
    events.map(({ responseStatus, sourceIPs }) => [responseStatus, sourceIPs]),
    [[{ metadata: {}, status: 'Success', message: 'Connection closed early', code: 200 }, ['127.0.0.1']]],
  );
  await cluster.close();
});

test('who acts as someone else is told of by both names', async () => {
  const other = { name: 'other', groups: ['g'], extra: { why: ['because'] } };
  const { cluster, events } = await recorded(undefined, { impersonate: () => other });
  await cluster.ask('GET', maps);
  assert.equal(events[0]?.user.username, 'admin');
  assert.deepEqual(events[0]?.impersonatedUser, { username: 'other', groups: ['g'], extra: { why: ['because'] } });
  assert.equal(events[0]?.annotations?.['authorization.k8s.io/reason'], 'as other');
  await cluster.close();
});

test('writes in process are told of as what they would be over HTTP, and reads of the cache are not', async () => {
  const { cluster, events } = await recorded();
  const client = cluster.api.client({ name: 'system:serviceaccount:kube-system:gardener', groups: ['g'] });
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'default' } };
  const created = await client.create(ref, object);
  await client.get(ref, 'a', 'default');
  await client.list(ref, { namespace: 'default' });
  await client.update(ref, { ...created, data: { b: '1' } } as typeof created);
  await client.patch(ref, 'a', 'application/merge-patch+json', { data: { b: '2' } }, { namespace: 'default' });
  client.watch(ref, {}, { event() {}, closed() {} }).stop();
  await client.delete(ref, 'a', { namespace: 'default' });
  await client.deleteCollection(ref, { namespace: 'default' });
  await assert.rejects(client.delete(ref, 'a', { namespace: 'default' }));
  assert.deepEqual(
    events.map(({ verb, requestURI, responseStatus }) => [verb, requestURI, responseStatus.code]),
    [
      ['create', maps, 201],
      ['update', `${maps}/a`, 200],
      ['patch', `${maps}/a`, 200],
      ['delete', `${maps}/a`, 200],
      ['deletecollection', maps, 200],
      ['delete', `${maps}/a`, 404],
    ],
  );
  assert.deepEqual(events[0]?.objectRef, {
    resource: 'configmaps',
    namespace: 'default',
    name: 'a',
    apiVersion: 'v1',
  });
  assert.equal(events[0]?.userAgent, 'gardener');
  assert.equal(events.at(-1)?.responseStatus.reason, 'NotFound');
  await cluster.close();
});

test('what the policy leaves out is not told of', async () => {
  const { cluster, events } = await recorded((request, origin) => isAudited(request, origin));
  await cluster.ask('GET', '/version');
  await cluster.ask('GET', '/apis/apps/v1');
  await cluster.api.client({ name: 'c', groups: [] }).list(ref);
  assert.deepEqual(events, []);
  await cluster.close();
});

for (const [what, origin, target, isWanted] of [
  ['discovery', 'http', { path: '/apis/apps/v1' }, false],
  ['health', 'http', { path: '/healthz' }, false],
  ['a single check', 'http', { path: '/healthz/ping' }, true],
  ['metrics', 'http', { path: '/metrics' }, true],
  ['a read', 'http', { verb: 'list', resource: 'pods', group: '' }, true],
  ['a write', 'in-process', { verb: 'create', resource: 'pods', group: '' }, true],
  ['a heartbeat', 'in-process', { verb: 'update', resource: 'leases', group: 'coordination.k8s.io' }, false],
  ["another's heartbeat", 'http', { verb: 'update', resource: 'leases', group: 'coordination.k8s.io' }, true],
] as const satisfies [string, AuditOrigin, object, boolean][]) {
  test(`policy: ${what} ${origin} is ${isWanted ? '' : 'not '}told of`, () => {
    const user = { name: 'u', groups: ['system:authenticated'] };
    assert.equal(isAudited({ user, verb: 'get', ...target }, origin), isWanted);
  });
}

test('policy: who was not let in is told of whatever was asked', () => {
  assert.equal(isAudited({ user: { name: '', groups: [] }, verb: 'get', path: '/version' }, 'http'), true);
});
