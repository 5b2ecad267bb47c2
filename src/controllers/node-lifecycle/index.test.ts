import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leases, namespaces, nodes } from '../../client/index.ts';
import { formatMicroTime, silentLogger } from '../../kernel/index.ts';
import type { Lease, Node } from '../../schema/generated/index.ts';
import { FakeCluster } from '../testing.ts';
import { nodeLifecycleController } from './index.ts';

const unreachable = 'node.kubernetes.io/unreachable';
const yearMs = 365 * 86_400_000;

const node = (name: string, status: string, taints: NonNullable<Node['spec']>['taints'] = []): Node => ({
  metadata: { name },
  spec: { taints },
  status: { conditions: [{ type: 'Ready', status, lastHeartbeatTime: '2026-01-01T00:00:00Z' }] },
});

test('a clock that is set right loses no node', async () => {
  const cluster = new FakeCluster();
  const { clientFor, clock } = cluster;
  const admin = clientFor('admin');
  const namespace = 'kube-node-lease';
  await admin.create(namespaces, { metadata: { name: namespace } });
  await admin.create(nodes, node('n1', 'True'));
  const controller = nodeLifecycleController({ clientFor, clock, log: silentLogger });
  await cluster.settle();
  clock.advance(40_000);
  const spec = { holderIdentity: 'n1', renewTime: formatMicroTime(clock.nowMs()) };
  await admin.create<Lease>(leases, { metadata: { name: 'n1' }, spec }, { namespace });
  const wallMs = clock.nowMs.bind(clock);
  clock.nowMs = () => wallMs() + yearMs;
  clock.advance(15_000);
  await cluster.settle();
  const conditions = () => cluster.peek<Node>('nodes', 'n1')?.status?.conditions;
  assert.equal(conditions()?.[0]?.status, 'True');
  clock.advance(40_000);
  await cluster.settle();
  assert.equal(conditions()?.[0]?.status, 'Unknown');
  await controller.stop();
});

test('after a start the first of many nodes is not taken for the only one', async () => {
  const cluster = new FakeCluster();
  const { clientFor, clock } = cluster;
  const admin = clientFor('admin');
  const effects = ['NoSchedule', 'NoExecute'] as const;
  const taints = effects.map((effect) => ({ key: unreachable, effect }));
  await admin.create(nodes, node('lost', 'Unknown', taints));
  await admin.create(nodes, node('there', 'True'));
  // The fake cannot patch: a change of the taints would fail.
  const failures: unknown[] = [];
  const log = { ...silentLogger, warn: (...told: unknown[]) => failures.push(told) };
  const controller = nodeLifecycleController({ clientFor, clock, log });
  await cluster.settle();
  assert.deepEqual(failures, []);
  await controller.stop();
});
