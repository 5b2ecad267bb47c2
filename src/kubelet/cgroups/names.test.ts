import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathOf, podGroup, podOf, podsGroup } from './names.ts';
import { sliceProperties } from './systemd.ts';

const uid = '1234-abcd-5678-efgh';
const pods = podsGroup('/var/lib/kubelet');

test('a pod’s group lies below its quality of service', () => {
  assert.equal(pathOf(podGroup(pods, 'Guaranteed', uid), 'cgroupfs'), `/kubepods/pod${uid}`);
  assert.equal(pathOf(podGroup(pods, 'Burstable', uid), 'cgroupfs'), `/kubepods/burstable/pod${uid}`);
  assert.equal(pathOf(podGroup(pods, 'BestEffort', uid), 'cgroupfs'), `/kubepods/besteffort/pod${uid}`);
});

test('systemd’s slices, as upstream names them', () => {
  assert.equal(
    pathOf(podGroup(pods, 'Burstable', uid), 'systemd'),
    '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1234_abcd_5678_efgh.slice',
  );
});

test('the pod is read back from its group’s folder', () => {
  assert.equal(podOf(`pod${uid}`, 'cgroupfs'), uid);
  assert.equal(podOf('kubepods-burstable-pod1234_abcd_5678_efgh.slice', 'systemd'), uid);
  assert.equal(podOf('kubepods-pod1234_abcd_5678_efgh.slice', 'systemd'), uid);
  for (const other of ['burstable', 'pod', 'x']) assert.equal(podOf(other, 'cgroupfs'), undefined);
  assert.equal(podOf('kubepods-burstable.slice', 'systemd'), undefined);
});

test('a node with a folder of its own keeps its pods apart', () => {
  const own = podsGroup('/tmp/a/kubelet');
  assert.equal(own.length, 2);
  assert.match(own[0] ?? '', /^nanoshift[0-9a-f]{8}$/);
  assert.notDeepEqual(own, podsGroup('/tmp/b/kubelet'));
});

test('limits as properties of a slice', () => {
  const limits = { cpuShares: 1024, cpuQuota: 50_000, memoryBytes: 1024 };
  assert.deepEqual(sliceProperties({ kind: 'v2', hierarchies: [] }, limits), [
    'CPUWeight=39',
    'CPUQuota=50%',
    'MemoryMax=1024',
  ]);
  assert.deepEqual(sliceProperties({ kind: 'v1', hierarchies: [] }, { cpuShares: 2 }), ['CPUShares=2']);
});
