import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { silentLogger, systemClock } from '../../kernel/index.ts';
import type { Pod } from '../../schema/generated/index.ts';
import { createCgroups } from './cgroups.ts';
import type { CgroupLayout } from './layout.ts';

/** Plain folders in place of hierarchies: files are written where the kernel would have them. */
function fixture(kind: 'v1' | 'v2') {
  const root = mkdtempSync(join(tmpdir(), 'cgroups-'));
  const names = ['cpu', 'memory', 'pids', 'cpuset', 'name=systemd'];
  const layout: CgroupLayout =
    kind === 'v2'
      ? { kind, unified: root, hierarchies: [] }
      : { kind, hierarchies: names.map((name) => ({ path: join(root, name), controllers: [name] })) };
  for (const { path } of layout.hierarchies) mkdirSync(path);
  if (kind === 'v1') {
    writeFileSync(join(root, 'cpuset/cpuset.cpus'), '0-1\n');
    writeFileSync(join(root, 'cpuset/cpuset.mems'), '0\n');
  } else {
    writeFileSync(join(root, 'cgroup.controllers'), 'cpuset cpu io memory pids rdma\n');
  }
  return {
    root,
    /** A folder stands where the file was, until what is returned is called. */
    breakFile(path: string) {
      rmSync(join(root, path));
      mkdirSync(join(root, path));
      return () => rmSync(join(root, path), { recursive: true });
    },
    write: (path: string, text: string) => writeFileSync(join(root, path), text),
    read: (path: string) => readFileSync(join(root, path), 'utf8').trim(),
    exists: (path: string) => existsSync(join(root, path)),
    open: () =>
      createCgroups(
        { clock: systemClock, log: silentLogger, paths: { root: '/var/lib/kubelet', podLogs: '' } },
        { driver: 'cgroupfs', layout },
      ),
    [Symbol.dispose]: () => rmSync(root, { recursive: true }),
  };
}

const pod = (uid: string, cpu: string, memory: string): Pod => ({
  metadata: { name: uid, uid },
  spec: {
    containers: [
      { name: 'c', ...(cpu && { resources: { requests: { cpu, memory }, limits: { cpu: '1', memory: '64Mi' } } }) },
    ],
  },
});

test('v1: the tree by quality of service, with every level’s processors', async () => {
  using given = fixture('v1');
  const cgroups = await given.open();
  assert.equal(given.read('cpu/kubepods/besteffort/cpu.shares'), '2');
  assert.equal(await cgroups.ensurePod(pod('a', '500m', '32Mi')), '/kubepods/burstable/poda');
  assert.equal(given.read('cpu/kubepods/burstable/poda/cpu.shares'), '512');
  assert.equal(given.read('cpu/kubepods/burstable/poda/cpu.cfs_quota_us'), '100000');
  assert.equal(given.read('cpu/kubepods/burstable/poda/cpu.cfs_period_us'), '100000');
  assert.equal(given.read('memory/kubepods/burstable/poda/memory.limit_in_bytes'), String(64 << 20));
  assert.ok(given.exists('pids/kubepods/burstable/poda'));
  assert.equal(given.read('cpuset/kubepods/burstable/poda/cpuset.cpus'), '0-1');
  assert.equal(given.read('cpuset/kubepods/burstable/poda/cpuset.mems'), '0');
  assert.ok(given.exists('name=systemd/kubepods/burstable/poda'));
});

test('v2: controllers are handed down, and limits have their newer names', async () => {
  using given = fixture('v2');
  const cgroups = await given.open();
  await cgroups.ensurePod(pod('a', '500m', '32Mi'));
  assert.equal(given.read('cgroup.subtree_control'), '+cpuset +cpu +io +memory +pids');
  assert.equal(given.read('kubepods/burstable/poda/cpu.weight'), '20');
  assert.equal(given.read('kubepods/burstable/poda/cpu.max'), '100000 100000');
  assert.equal(given.read('kubepods/burstable/poda/memory.max'), String(64 << 20));
});

test('burstable pods together weigh what they ask for together, after a restart too', async () => {
  using given = fixture('v1');
  const first = await given.open();
  await first.ensurePod(pod('a', '500m', '32Mi'));
  const cgroups = await given.open();
  assert.equal(given.read('cpu/kubepods/burstable/cpu.shares'), '512');
  await cgroups.ensurePod(pod('b', '250m', '32Mi'));
  await cgroups.ensurePod(pod('c', '', ''));
  assert.equal(given.read('cpu/kubepods/burstable/cpu.shares'), '768');
  assert.deepEqual((await cgroups.present()).sort(), ['a', 'b', 'c']);
});

test('pods that come at the same time are all counted, and so is one whose first try failed', async () => {
  using given = fixture('v1');
  const cgroups = await given.open();
  const uids = Array.from({ length: 30 }, (_, index) => `p${index}`);
  await Promise.all(uids.map((uid) => cgroups.ensurePod(pod(uid, '100m', '1Mi'))));
  assert.equal(given.read('cpu/kubepods/burstable/cpu.shares'), String(30 * 102));
  const repair = given.breakFile('cpu/kubepods/burstable/cpu.shares');
  await assert.rejects(cgroups.ensurePod(pod('late', '100m', '1Mi')), { code: 'EISDIR' });
  repair();
  await cgroups.ensurePod(pod('late', '100m', '1Mi'));
  assert.equal(given.read('cpu/kubepods/burstable/cpu.shares'), String(31 * 102));
});

test('a group that is as it should be is not written again; one that is gone, or other limits, are', async () => {
  using given = fixture('v1');
  const cgroups = await given.open();
  const shares = 'cpu/kubepods/burstable/poda/cpu.shares';
  await cgroups.ensurePod(pod('a', '500m', '32Mi'));
  given.write(shares, 'untouched');
  await cgroups.ensurePod(pod('a', '500m', '32Mi'));
  assert.equal(given.read(shares), 'untouched');
  await cgroups.ensurePod(pod('a', '250m', '32Mi'));
  assert.equal(given.read(shares), '256');
  rmSync(dirname(join(given.root, shares)), { recursive: true });
  await cgroups.ensurePod(pod('a', '250m', '32Mi'));
  assert.equal(given.read(shares), '256');
});

test('a pod that is not there can be removed', async () => {
  using given = fixture('v1');
  const cgroups = await given.open();
  await cgroups.removePod('nope');
  assert.deepEqual(await cgroups.present(), []);
});
