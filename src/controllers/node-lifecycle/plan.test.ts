import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Taint } from '../../schema/generated/index.ts';
import { stayOn } from '../tolerations.ts';
import { heardLease, heardStatus, lostAfterMs, withUnknown } from './health.ts';
import { evictingKey, planTaints } from './taints.ts';
import { Zones } from './zones.ts';

const nowMs = Date.UTC(2026, 0, 1);
const at = (ms: number) => ({ wallMs: ms, monotonicMs: ms });

const node = (
  ready: string | undefined,
  more: Partial<Node['spec']> = {},
  labels: Record<string, string> = {},
): Node => ({
  metadata: { name: 'n1', labels, creationTimestamp: '2025-12-31T23:59:30Z' },
  spec: more,
  status: ready ? { conditions: [{ type: 'Ready', status: ready, lastHeartbeatTime: '2025-12-31T23:00:00Z' }] } : {},
});

test('a node that was there before us is given the whole grace period, counted from now', () => {
  assert.equal(lostAfterMs(heardStatus(undefined, node('True'), at(nowMs)), node('True')), nowMs + 50_000);
});

test('a node that never reported is given a minute from when it was made', () => {
  const made = node(undefined);
  assert.equal(lostAfterMs(heardStatus(undefined, made, at(nowMs)), made), nowMs - 30_000 + 60_000);
});

test('heartbeats and renewed leases count, other changes do not', () => {
  const first = heardStatus(undefined, node('True'), at(nowMs));
  assert.equal(heardStatus(first, node('True', { unschedulable: true }), at(nowMs + 5)).heardMs, nowMs);
  const renewed = heardLease(first, '2026-01-01T00:00:10.000000Z', nowMs + 10);
  assert.equal(renewed.heardMs, nowMs + 10);
  assert.equal(heardLease(renewed, '2026-01-01T00:00:10.000000Z', nowMs + 20).heardMs, nowMs + 10);
});

test('of a lost node nothing is known, in the words that users look for', () => {
  const { status } = withUnknown(node('True'), nowMs);
  assert.deepEqual(
    status?.conditions?.map((each) => [each.type, each.status, each.reason, each.message]),
    [
      ['Ready', 'Unknown', 'NodeStatusUnknown', 'Kubelet stopped posting node status.'],
      ['MemoryPressure', 'Unknown', 'NodeStatusNeverUpdated', 'Kubelet never posted node status.'],
      ['DiskPressure', 'Unknown', 'NodeStatusNeverUpdated', 'Kubelet never posted node status.'],
      ['PIDPressure', 'Unknown', 'NodeStatusNeverUpdated', 'Kubelet never posted node status.'],
    ],
  );
});

const names = (taints: readonly Taint[] | undefined) => taints?.map(({ key, effect }) => `${key}:${effect}`);

test('conditions become taints, and taints of others stay', () => {
  const mine: Taint = { key: 'mine', effect: 'NoExecute' };
  const lost = node('Unknown', { unschedulable: true, taints: [mine] });
  assert.deepEqual(names(planTaints(lost, evictingKey(lost), nowMs)), [
    'mine:NoExecute',
    'node.kubernetes.io/unreachable:NoSchedule',
    'node.kubernetes.io/unschedulable:NoSchedule',
    'node.kubernetes.io/unreachable:NoExecute',
  ]);
  assert.equal(planTaints(node('True', { taints: [mine] }), undefined, nowMs), undefined);
});

test('when the reason changes the taint does', () => {
  const before: Taint[] = [
    { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' },
    { key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule' },
  ];
  const back = node('False', { taints: before });
  assert.deepEqual(names(planTaints(back, evictingKey(back), nowMs)), [
    'node.kubernetes.io/not-ready:NoSchedule',
    'node.kubernetes.io/not-ready:NoExecute',
  ]);
  assert.deepEqual(planTaints(node('True', { taints: before }), undefined, nowMs), []);
});

const inZone = (zone: string, ready: boolean) =>
  node(ready ? 'True' : 'Unknown', {}, { 'topology.kubernetes.io/zone': zone });

test('one node of a zone loses its pods at a time', () => {
  const zones = new Zones();
  zones.set('a', inZone('z1', false));
  zones.set('b', inZone('z1', true));
  assert.equal(zones.turnInMs(inZone('z1', false), nowMs), 0);
  assert.equal(zones.turnInMs(inZone('z1', false), nowMs + 4_000), 6_000);
  assert.equal(zones.turnInMs(inZone('z2', false), nowMs + 4_000), 0);
});

test('when much of a small zone is away no more nodes lose their pods; when all are, none does', () => {
  const zones = new Zones();
  for (const name of ['a', 'b', 'c']) zones.set(name, inZone('z1', false));
  assert.ok(zones.isAllLost);
  zones.set('d', inZone('z1', true));
  assert.equal(zones.isAllLost, false);
  assert.equal(zones.turnInMs(inZone('z1', false), nowMs), 10_000);
  zones.set('b', inZone('z1', true));
  assert.equal(zones.turnInMs(inZone('z1', false), nowMs), 0);
});

test('a pod stays as long as its shortest toleration', () => {
  const taints: Taint[] = [
    { key: 'a', effect: 'NoExecute', value: 'x' },
    { key: 'b', effect: 'NoExecute' },
  ];
  assert.deepEqual(stayOn(taints, []), { ms: 0 });
  assert.deepEqual(stayOn(taints, [{ operator: 'Exists' }]), 'forever');
  assert.deepEqual(
    stayOn(taints, [
      { key: 'a', value: 'y' },
      { key: 'b', operator: 'Exists' },
    ]),
    { ms: 0 },
  );
  const both = [
    { key: 'a', value: 'x', tolerationSeconds: 300 },
    { key: 'b', operator: 'Exists' as const, effect: 'NoExecute' as const, tolerationSeconds: 20 },
  ];
  assert.deepEqual(stayOn(taints, both), { ms: 20_000 });
  assert.deepEqual(stayOn([], []), 'forever');
});
