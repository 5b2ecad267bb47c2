// The scheduler in the built program, as its own user, with nodes that exist in the API only.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { container, makeNode, makePod, type Requests } from '../../src/scheduler/testing.ts';
import type { Event, Node, Pod, PodSpec } from '../../src/schema/generated/index.ts';
import { apiRequest } from '../support/api-request.ts';
import { type RunningServer, startServer } from '../support/server.ts';
import { until } from './runtime-support.ts';

let server: RunningServer;
const namespace = '/api/v1/namespaces/default';
const ask = <T>(method: string, path: string, body?: unknown): Promise<T> =>
  apiRequest(server.kubeconfig, method, path, body) as Promise<T>;

before(async () => {
  server = await startServer();
});
after(() => server.stop());

async function addNode(name: string, change?: (node: Node) => void): Promise<void> {
  const { metadata, spec, status } = makeNode(name, change);
  const { uid: _, ...rest } = metadata;
  await ask('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: rest, spec });
  const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: new Date().toISOString() }];
  const capacity = status?.allocatable;
  await ask('PATCH', `/api/v1/nodes/${name}/status`, { status: { ...status, capacity, conditions } });
  await ask('PATCH', `/api/v1/nodes/${name}`, { spec: { taints: spec?.taints ?? null } });
}

async function addPod(name: string, requests: Requests, spec: Partial<PodSpec> = {}): Promise<void> {
  const pod = makePod(name, { ...spec, containers: [container(requests)] });
  const { uid: _, ...metadata } = pod.metadata;
  await ask('POST', `${namespace}/pods`, { apiVersion: 'v1', kind: 'Pod', ...pod, metadata });
}

const untilPod = (name: string, is: (pod: Pod) => boolean): Promise<Pod> =>
  until(`pod ${name}`, () => ask<Pod>('GET', `${namespace}/pods/${name}`), is);
const scheduled = ({ status }: Pod) => status?.conditions?.find(({ type }) => type === 'PodScheduled');

/** Of one pod, once there is one with this reason. */
async function eventOf(pod: string, reason: string): Promise<Event> {
  const path = `${namespace}/events?fieldSelector=involvedObject.name%3D${pod},reason%3D${reason}`;
  const { items } = await until(
    `${reason} of ${pod}`,
    () => ask<{ items: Event[] }>('GET', path),
    ({ items: found }) => found.length > 0,
  );
  return items[0]!;
}

test('a pod waits, says why, and is placed when there is a node for it', async () => {
  await addNode('small', (node) => Object.assign(node.status!.allocatable!, { cpu: '1' }));
  await addPod('web', { cpu: '2' });
  const waiting = await untilPod('web', (pod) => scheduled(pod)?.status === 'False');
  const message =
    '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, ' +
    'preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.';
  assert.deepEqual([scheduled(waiting)?.reason, scheduled(waiting)?.message], ['Unschedulable', message]);
  assert.equal(scheduled(waiting)?.observedGeneration, waiting.metadata.generation);
  const failed = await eventOf('web', 'FailedScheduling');
  assert.deepEqual(
    [failed.type, failed.message, failed.source?.component ?? failed.reportingComponent],
    ['Warning', message, 'default-scheduler'],
  );

  await addNode('large');
  const placed = await untilPod('web', ({ spec }) => spec?.nodeName !== undefined);
  assert.deepEqual([placed.spec?.nodeName, scheduled(placed)?.status], ['large', 'True']);
  const bound = await eventOf('web', 'Scheduled');
  assert.deepEqual([bound.type, bound.message], ['Normal', 'Successfully assigned default/web to large']);
});

test('a critical pod takes the place of another', async () => {
  await addNode('scarce', (node) => {
    node.metadata.labels!['pool'] = 'scarce';
  });
  const nodeSelector = { pool: 'scarce' };
  await addPod('low', { cpu: '3' }, { nodeSelector });
  await untilPod('low', ({ spec }) => spec?.nodeName === 'scarce');
  await addPod('high', { cpu: '3' }, { nodeSelector, priorityClassName: 'system-node-critical' });
  const going = await untilPod('low', ({ metadata }) => metadata.deletionTimestamp !== undefined);
  const target = going.status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  assert.deepEqual([target?.status, target?.reason], ['True', 'PreemptionByScheduler']);
  await untilPod('high', ({ status }) => status?.nominatedNodeName === 'scarce');
  assert.match((await eventOf('low', 'Preempted')).message ?? '', /^Preempted by pod [0-9a-f-]{36} on node scarce$/);
  await ask('DELETE', `${namespace}/pods/low?gracePeriodSeconds=0`);
  const placed = await untilPod('high', ({ spec }) => spec?.nodeName !== undefined);
  assert.deepEqual([placed.spec?.nodeName, placed.status?.nominatedNodeName], ['scarce', undefined]);
});

test('the scheduler does nothing that it may not do', () => {
  assert.doesNotMatch(server.output(), /"component":"scheduler".*forbidden|forbidden.*"component":"scheduler"/);
});
