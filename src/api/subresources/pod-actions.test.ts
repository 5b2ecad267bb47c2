import assert from 'node:assert/strict';
import { test } from 'node:test';
import { definitions } from '../../resources/index.ts';
import { type TestCluster, testCluster } from '../testing/cluster.ts';
import { at } from '../testing/exchange.ts';

const pods = '/api/v1/namespaces/default/pods';
const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
const merge = { 'content-type': 'application/merge-patch+json' };

async function cluster(): Promise<TestCluster> {
  const wanted = new Set(['pods', 'poddisruptionbudgets']);
  const made = await testCluster({ definitions: definitions.filter((d) => wanted.has(d.resource)) });
  await made.ask('POST', pods, {
    body: { metadata: { name: 'p', labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
  });
  return made;
}

const bind = (on: TestCluster, body: object, query = ''): ReturnType<TestCluster['ask']> =>
  on.ask('POST', `${pods}/p/binding${query}`, { body: { metadata: { name: 'p' }, ...body } });

const run = async (on: TestCluster): Promise<void> => {
  await bind(on, { target: { name: 'n' } });
  const conditions = [{ type: 'Ready', status: 'True' }];
  await on.ask('PATCH', `${pods}/p/status`, { body: { status: { phase: 'Running', conditions } }, headers: merge });
};

const evict = (on: TestCluster): ReturnType<TestCluster['ask']> =>
  on.ask('POST', `${pods}/p/eviction`, { body: { metadata: { name: 'p' } } });

test('a binding puts the pod on the node, once', async () => {
  const on = await cluster();
  assert.equal((await bind(on, { target: { name: 'n' } }, '?dryRun=All')).status, 201);
  const bound = await bind(on, { target: { kind: 'Node', name: 'n' } });
  assert.equal(bound.status, 201);
  assert.equal(at(bound.json, 'status'), 'Success');
  const pod = await on.ask('GET', `${pods}/p`);
  assert.equal(at(pod.json, 'spec.nodeName'), 'n');
  assert.equal(at(pod.json, 'status.conditions.0.type'), 'PodScheduled');
  const again = await bind(on, { target: { name: 'm' } });
  assert.equal(again.status, 409);
  assert.equal(
    at(again.json, 'message'),
    'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n"',
  );
  await on.close();
});

test('a binding that fits nothing is refused', async () => {
  const on = await cluster();
  assert.equal((await bind(on, { metadata: { name: 'q' }, target: { name: 'n' } })).status, 400);
  assert.equal((await bind(on, { metadata: { name: 'p', uid: 'x' }, target: { name: 'n' } })).status, 409);
  assert.match(String(at((await bind(on, { target: {} })).json, 'message')), /target.name: Required value/);
  const missing = await on.ask('POST', `${pods}/nope/binding`, {
    body: { metadata: { name: 'nope' }, target: { name: 'n' } },
  });
  assert.equal(at(missing.json, 'message'), 'pods "nope" not found');
  await on.close();
});

test('a pod that does not run is evicted without asking', async () => {
  const on = await cluster();
  const answer = await evict(on);
  assert.equal(answer.status, 201);
  assert.equal((await on.ask('GET', `${pods}/p`)).status, 404);
  await on.close();
});

test('a budget holds an eviction back, and counts those it allows', async () => {
  const on = await cluster();
  await run(on);
  await on.ask('POST', budgets, {
    body: { metadata: { name: 'b' }, spec: { minAvailable: 1, selector: { matchLabels: { app: 'a' } } } },
  });
  const early = await evict(on);
  assert.equal(early.status, 429);
  assert.equal(early.headers.get('retry-after'), '10');
  const setStatus = (status: object): Promise<unknown> =>
    on.ask('PATCH', `${budgets}/b/status`, { body: { status: { observedGeneration: 1, ...status } }, headers: merge });
  await setStatus({ disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 });
  const held = await evict(on);
  assert.equal(held.status, 429);
  assert.equal(at(held.json, 'message'), "Cannot evict pod as it would violate the pod's disruption budget.");
  assert.equal(at(held.json, 'details.causes.0.reason'), 'DisruptionBudget');
  assert.equal(
    at(held.json, 'details.causes.0.message'),
    'The disruption budget b needs 1 healthy pods and has 1 currently',
  );
  await setStatus({ disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 });
  assert.equal((await evict(on)).status, 201);
  const budget = await on.ask('GET', `${budgets}/b`);
  assert.equal(at(budget.json, 'status.disruptionsAllowed'), 0);
  assert.equal(at(budget.json, 'status.disruptedPods.p'), '2026-01-01T00:00:00Z');
  const pod = await on.ask('GET', `${pods}/p`);
  assert.equal(at(pod.json, 'metadata.deletionGracePeriodSeconds'), 30);
  assert.match(JSON.stringify(at(pod.json, 'status.conditions')), /"type":"DisruptionTarget","status":"True"/);
  await on.close();
});
