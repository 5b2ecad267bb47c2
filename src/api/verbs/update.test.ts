import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TestCluster, testCluster } from '../testing/cluster.ts';
import { at, type FakeAnswer } from '../testing/exchange.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';

async function withMap(run: (cluster: TestCluster, current: Record<string, unknown>) => Promise<void>): Promise<void> {
  const cluster = await testCluster();
  const made = await cluster.ask('POST', maps, { body: { metadata: { name: 'a' }, data: { k: 'v' } } });
  await run(cluster, made.json as Record<string, unknown>);
  await cluster.close();
}

const withMeta = (object: Record<string, unknown>, meta: object): object => ({
  ...object,
  metadata: { ...(object['metadata'] as object), ...meta },
});

const message = (answer: FakeAnswer): unknown => at(answer.json, 'message');

test('an update without change keeps the revision', () =>
  withMap(async (cluster, current) => {
    const same = await cluster.ask('PUT', `${maps}/a`, { body: current });
    assert.equal(same.status, 200);
    assert.equal(at(same.json, 'metadata.resourceVersion'), '1');
    const changed = await cluster.ask('PUT', `${maps}/a`, { body: { ...current, data: { k: 'w' } } });
    assert.equal(at(changed.json, 'metadata.resourceVersion'), '2');
  }));

const managedBy = (answer: FakeAnswer): unknown => at(answer.json, 'metadata.managedFields');

for (const [what, method, type] of [
  ['an update', 'PUT', 'application/json'],
  ['an update in YAML', 'PUT', 'application/yaml'],
  ['a merge patch', 'PATCH', 'application/merge-patch+json'],
] as const) {
  test(`an empty list of managedFields in ${what} resets it; none at all keeps it`, () =>
    withMap(async (cluster, current) => {
      const send = (body: object): Promise<FakeAnswer> =>
        cluster.ask(method, `${maps}/a`, { body: JSON.stringify(body), headers: { 'content-type': type } });
      const kept = await send({ ...current, metadata: { name: 'a' } });
      assert.equal(at(kept.json, 'metadata.managedFields.0.operation'), 'Update');
      const reset = await send({ ...current, metadata: { name: 'a', managedFields: [] } });
      assert.deepEqual([reset.status, managedBy(reset)], [200, undefined]);
    }));
}

test('an empty list of managedFields from a component resets it, too', () =>
  withMap(async (cluster) => {
    const client = cluster.api.client({ name: 'x', groups: [] });
    const ref = { group: '', version: 'v1', resource: 'configmaps' };
    const current = await client.get(ref, 'a', 'default');
    assert.equal(current.metadata.managedFields?.length, 1);
    const reset = await client.update(ref, { ...current, metadata: { ...current.metadata, managedFields: [] } });
    assert.equal(reset.metadata.managedFields, undefined);
  }));

test('a stale revision conflicts; none at all overwrites', () =>
  withMap(async (cluster, current) => {
    await cluster.ask('PUT', `${maps}/a`, { body: { ...current, data: { k: 'w' } } });
    const stale = await cluster.ask('PUT', `${maps}/a`, { body: { ...current, data: { k: 'x' } } });
    assert.equal(stale.status, 409);
    assert.equal(
      message(stale),
      'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
    );
    const blind = await cluster.ask('PUT', `${maps}/a`, { body: { metadata: { name: 'a' }, data: { k: 'y' } } });
    assert.equal(blind.status, 200);
    assert.equal(at(blind.json, 'data.k'), 'y');
    assert.equal(at(blind.json, 'metadata.uid'), at(current, 'metadata.uid'));
  }));

test('what identifies an object cannot change', () =>
  withMap(async (cluster, current) => {
    const otherUid = await cluster.ask('PUT', `${maps}/a`, { body: withMeta(current, { uid: 'other' }) });
    assert.equal(otherUid.status, 409);
    assert.match(
      String(message(otherUid)),
      /Precondition failed: UID in precondition: other, UID in object meta: [0-9a-f-]{36}$/,
    );
    const otherName = await cluster.ask('PUT', `${maps}/a`, { body: withMeta(current, { name: 'b' }) });
    assert.equal(otherName.status, 400);
    assert.equal(message(otherName), 'the name of the object (b) does not match the name on the URL (a)');
    const otherTime = await cluster.ask('PUT', `${maps}/a`, {
      body: withMeta(current, { creationTimestamp: '2001-01-01T00:00:00Z' }),
    });
    assert.equal(otherTime.status, 200);
    assert.equal(at(otherTime.json, 'metadata.creationTimestamp'), '2026-01-01T00:00:00Z');
  }));

test("a kind's own rules for changes are kept", () =>
  withMap(async (cluster, current) => {
    await cluster.ask('PUT', `${maps}/a`, { body: { ...withMeta(current, { resourceVersion: '' }), immutable: true } });
    const thawed = await cluster.ask('PUT', `${maps}/a`, { body: withMeta(current, { resourceVersion: '' }) });
    assert.equal(thawed.status, 422);
    assert.equal(
      message(thawed),
      'ConfigMap "a" is invalid: immutable: Forbidden: field is immutable when `immutable` is set',
    );
    assert.deepEqual(at(thawed.json, 'details.causes'), [
      {
        reason: 'FieldValueForbidden',
        message: 'Forbidden: field is immutable when `immutable` is set',
        field: 'immutable',
      },
    ]);
  }));

test('PUT of a missing object is 404, or creates where the kind allows that', async () => {
  const cluster = await testCluster();
  const missing = await cluster.ask('PUT', `${maps}/a`, { body: { metadata: { name: 'a' } } });
  assert.equal(missing.status, 404);
  const lease = await cluster.ask('PUT', '/apis/coordination.k8s.io/v1/namespaces/default/leases/l', {
    body: { metadata: { name: 'l' }, spec: { holderIdentity: 'me' } },
  });
  assert.equal(lease.status, 201);
  assert.match(String(at(lease.json, 'metadata.uid')), /^[0-9a-f-]{36}$/);
  await cluster.close();
});

test('status and the rest are written apart; generation counts the rest only', async () => {
  const cluster = await testCluster();
  const path = '/apis/apps/v1/namespaces/default/deployments';
  const spec = {
    replicas: 1,
    selector: { matchLabels: { a: 'b' } },
    template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  };
  const made = (await cluster.ask('POST', path, { body: { metadata: { name: 'd' }, spec } })).json as Record<
    string,
    unknown
  >;
  const status = await cluster.ask('PUT', `${path}/d/status`, {
    body: { ...made, spec: { ...spec, replicas: 9 }, status: { replicas: 3 } },
  });
  assert.equal(at(status.json, 'status.replicas'), 3);
  assert.equal(at(status.json, 'spec.replicas'), 1);
  assert.equal(at(status.json, 'metadata.generation'), 1);
  const main = await cluster.ask('PUT', `${path}/d`, {
    body: { ...withMeta(made, { resourceVersion: '' }), spec: { ...spec, replicas: 5 }, status: { replicas: 0 } },
  });
  assert.equal(at(main.json, 'status.replicas'), 3);
  assert.equal(at(main.json, 'spec.replicas'), 5);
  assert.equal(at(main.json, 'metadata.generation'), 2);
  await cluster.close();
});

test('the last finalizer taken off an object that was deleted ends it', () =>
  withMap(async (cluster, current) => {
    const held = await cluster.ask('PUT', `${maps}/a`, { body: withMeta(current, { finalizers: ['x.io/y'] }) });
    const going = await cluster.ask('DELETE', `${maps}/a`);
    assert.equal(going.status, 200);
    assert.equal(at(going.json, 'kind'), 'ConfigMap');
    assert.equal(at(going.json, 'metadata.deletionGracePeriodSeconds'), 0);
    const more = await cluster.ask('PUT', `${maps}/a`, {
      body: withMeta(going.json as Record<string, unknown>, { finalizers: ['x.io/y', 'x.io/z'] }),
    });
    assert.equal(more.status, 422);
    assert.match(
      String(message(more)),
      /no new finalizers can be added if the object is being deleted, found new finalizers \[\]string\{"x.io\/z"\}/,
    );
    const last = await cluster.ask('PUT', `${maps}/a`, {
      body: withMeta(held.json as Record<string, unknown>, { resourceVersion: '', finalizers: [] }),
    });
    assert.equal(last.status, 200);
    assert.equal(at(last.json, 'metadata.name'), 'a');
    assert.equal((await cluster.ask('GET', `${maps}/a`)).status, 404);
  }));

test('writers that race on one object all get through when none names a revision', async () => {
  const cluster = await testCluster();
  await cluster.ask('POST', maps, { body: { metadata: { name: 'a' } } });
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      cluster.ask('PATCH', `${maps}/a`, {
        body: { data: { [`k${index}`]: 'v' } },
        headers: { 'content-type': 'application/merge-patch+json' },
      }),
    ),
  );
  assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [200]);
  const final = await cluster.ask('GET', `${maps}/a`);
  assert.equal(Object.keys(at(final.json, 'data') as object).length, 20);
  await cluster.close();
});

test("a pod's spec is untouched by its status", async () => {
  const cluster = await testCluster();
  await cluster.ask('POST', pods, {
    body: { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  });
  const answer = await cluster.ask('PATCH', `${pods}/p/status`, {
    body: { spec: { nodeName: 'n' }, status: { phase: 'Running' } },
    headers: { 'content-type': 'application/strategic-merge-patch+json' },
  });
  assert.equal(at(answer.json, 'status.phase'), 'Running');
  assert.equal(at(answer.json, 'spec.nodeName'), undefined);
  await cluster.close();
});
