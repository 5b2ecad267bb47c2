import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mountPointsBelow, tmpfsOptions } from './mounter.ts';
import { nestedMountPoints } from './nested.ts';
import { soleUser } from './ownership.ts';
import { podMemoryLimit, podTotal } from './pod-resources.ts';
import { containerOf, podOf } from './testing.ts';

const mountinfo = [
  '22 1 8:1 / / rw - ext4 /dev/sda1 rw',
  '30 22 0:5 / /var/lib/kubelet/pods/a rw - tmpfs tmpfs rw',
  '31 22 0:6 / /var/lib/kubelet/pods/ab rw - tmpfs tmpfs rw',
  '32 22 0:7 / /var/lib/kubelet/pods/a/with\\040blank rw shared:3 - tmpfs tmpfs rw',
  '',
].join('\n');

test('mount points are found by whole path elements', () => {
  assert.deepEqual(mountPointsBelow(mountinfo, '/var/lib/kubelet/pods/a'), [
    '/var/lib/kubelet/pods/a',
    '/var/lib/kubelet/pods/a/with blank',
  ]);
});

test('tmpfs is kept out of swap where the kernel can', () => {
  const options = { sizeBytes: 4096n, mode: 0o2777, gid: 5 };
  assert.equal(tmpfsOptions(options, '6.4.0'), 'size=4096,mode=2777,gid=5,noswap');
  assert.equal(tmpfsOptions({ sizeBytes: 1n, mode: 0o750 }, '5.10.0-30-amd64'), 'size=1,mode=750');
});

for (const [what, mounts, expected] of [
  ['no other volume', ['a:/dir'], []],
  ['one below', ['a:/dir', 'b:/dir/nested'], ['nested']],
  ['only the outermost', ['a:/dir', 'b:/dir/nested', 'c:/dir/nested/deeper'], ['nested']],
  [
    'names that begin alike',
    ['a:/dir', 'b:/dir/nested', 'c:/dir/nested-vol', 'd:/dir/nested2'],
    ['nested', 'nested-vol', 'nested2'],
  ],
  ['a neighbour', ['a:/dir', 'b:/dir2'], []],
  ['mounted at the root', ['a:/', 'b:/dir/nested'], ['dir/nested']],
  ['uncleaned paths', ['a:/dir/', 'b:/dir//nested/'], ['nested']],
] as const) {
  test(`nested mount points: ${what}`, () => {
    const volumeMounts = mounts.map((mount) => {
      const [name = '', mountPath = ''] = mount.split(':');
      return { name, mountPath };
    });
    const pod = podOf({ containers: [containerOf({ volumeMounts })] });
    assert.deepEqual(nestedMountPoints(pod, 'a'), expected);
  });
}

const runningAs = (runAsUser?: number) =>
  containerOf(runAsUser === undefined ? {} : { securityContext: { runAsUser } });

for (const [what, ofPod, containers, expected] of [
  ['nobody says', undefined, [runningAs()], undefined],
  ['the pod says', 7, [runningAs(), runningAs()], 7],
  ['containers agree', undefined, [runningAs(5), runningAs(5)], 5],
  ['containers differ', undefined, [runningAs(5), runningAs(6)], undefined],
  ['one does not say', undefined, [runningAs(5), runningAs()], undefined],
  ['a container differs from the pod', 7, [runningAs(), runningAs(5)], undefined],
] as const) {
  test(`user of a token: ${what}`, () => {
    const pod = podOf({ containers: [...containers], ...(ofPod && { securityContext: { runAsUser: ofPod } }) });
    assert.equal(soleUser(pod), expected);
  });
}

const asking = (memory?: string, restartPolicy?: string) =>
  containerOf({
    ...(memory && { resources: { limits: { memory }, requests: { memory, cpu: '100m' } } }),
    ...(restartPolicy && { restartPolicy }),
  });

for (const [what, init, containers, expected] of [
  ['containers add up', [], [asking('10'), asking('20')], 30n],
  ['an init container that is greedier counts alone', [asking('50')], [asking('10'), asking('20')], 50n],
  ['a sidecar runs along', [asking('5', 'Always'), asking('50')], [asking('10')], 55n],
  ['a sidecar runs along with the containers', [asking('5', 'Always')], [asking('10')], 15n],
  ['one without a limit', [], [asking('10'), asking()], undefined],
] as const) {
  test(`memory limit of a pod: ${what}`, () => {
    const pod = podOf({ initContainers: [...init], containers: [...containers] });
    assert.equal(podMemoryLimit(pod), expected);
  });
}

test('the pod’s own figure and its overhead', () => {
  const pod = podOf({ resources: { limits: { memory: '100' } }, overhead: { memory: '7' } });
  assert.equal(podMemoryLimit(pod), 107n);
  assert.equal(podTotal(podOf({ containers: [asking('1'), asking('1')] }), 'requests', 'cpu'), 200n);
});
