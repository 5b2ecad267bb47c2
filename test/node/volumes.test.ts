/** Volumes on real file systems: tmpfs, bind mounts, ownership, and what a killed process leaves behind. Needs root. */
import assert from 'node:assert/strict';
import { execFile, fork } from 'node:child_process';
import { lstat, mkdir, readdir, readFile, readlink, stat, statfs, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { createVolumeManager, prepareSubPath, systemMounter } from '../../src/kubelet/volumes/index.ts';
import { containerOf, FakeApi, kubeletEnv, podOf } from '../../src/kubelet/volumes/testing.ts';
import { podOfChild } from './volumes-child.ts';
import type { Pod, PodSpec, Volume } from '../../src/schema/generated/index.ts';

const run = promisify(execFile);
const tmpfsMagic = 0x01021994;

const canMount = async (): Promise<boolean> => {
  if (process.getuid?.() !== 0) return false;
  return run('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).then(
    () => true,
    () => false,
  );
};
const skip = (await canMount()) ? false : 'needs root, and the right to mount';

const using = (volumes: Volume[], spec: Partial<PodSpec> = {}): Pod => {
  const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/${name}` }));
  return podOf({ volumes, containers: [containerOf({ volumeMounts })], ...spec });
};

async function fixture(t: TestContext) {
  const api = new FakeApi();
  // Hooks run in the order of their registration: what is mounted goes before the folder it is in.
  let root = '';
  t.after(async () => {
    for (const path of (await systemMounter.below(root)).reverse()) await systemMounter.unmount(path);
  });
  const env = await kubeletEnv(t, api);
  root = env.paths.root;
  api.put('nodes', { metadata: { name: 'node-1' }, status: { allocatable: { memory: '1Gi' } } } as never);
  api.put('secrets', { metadata: { name: 's', namespace: 'shop' }, data: { key: 'c2VjcmV0' } } as never);
  api.put('configmaps', { metadata: { name: 'c', namespace: 'shop' }, data: { key: 'config' } } as never);
  const volumes = createVolumeManager(env);
  t.after(() => volumes.stop());
  const place = async (pod: Pod, name: string): Promise<string> => (await volumes.prepare(pod)).get(name)!.hostPath;
  return { api, env, root, volumes, place };
}

const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o7777).toString(8);

test('an emptyDir in memory is a tmpfs of its size, which goes with the pod', { skip }, async (t) => {
  const { volumes, place, root } = await fixture(t);
  const pod = using([{ name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '8Mi' } }], {
    securityContext: { fsGroup: 1234 },
  });
  const path = await place(pod, 'm');
  const { type, blocks, bsize } = await statfs(path);
  assert.deepEqual([type, blocks * bsize], [tmpfsMagic, 8 << 20]);
  assert.deepEqual([await modeOf(path), (await stat(path)).gid], ['3777', 1234]);
  await writeFile(join(path, 'kept'), '');
  await place(pod, 'm');
  assert.deepEqual(await readdir(path), ['kept']);
  assert.equal((await systemMounter.below(path)).length, 1);
  await volumes.release('uid-1');
  assert.deepEqual(await systemMounter.below(join(root, 'pods')), []);
});

test('Secrets lie on one tmpfs that a later process finds again', { skip }, async (t) => {
  const { env, place, root, volumes } = await fixture(t);
  const pod = using([{ name: 's', secret: { secretName: 's' } }]);
  const path = await place(pod, 's');
  assert.equal((await statfs(path)).type, tmpfsMagic);
  assert.equal(await modeOf(join(root, 'memory')), '750');
  const before = await readlink(join(path, '..data'));
  const later = createVolumeManager(env);
  t.after(() => later.stop());
  await later.prepare(pod);
  assert.equal(await readlink(join(path, '..data')), before);
  assert.deepEqual(await systemMounter.below(root), [join(root, 'memory')]);
  await volumes.release('uid-1');
  assert.deepEqual(await readdir(join(root, 'memory')), []);
});

test('a volume belongs to the pod’s group', { skip }, async (t) => {
  const { place } = await fixture(t);
  const securityContext = { fsGroup: 1234 };
  const sources = [{ serviceAccountToken: { path: 'token', expirationSeconds: 3600 } }];
  const pod = using(
    [
      { name: 's', secret: { secretName: 's', defaultMode: 0o440 } },
      { name: 'c', configMap: { name: 'c', defaultMode: 0o600 } },
      { name: 't', projected: { sources, defaultMode: 0o644 } },
      { name: 'e', emptyDir: {} },
    ],
    { securityContext },
  );
  const seen: Record<string, string> = {};
  for (const [name, file] of [
    ['s', 'key'],
    ['c', 'key'],
    ['t', 'token'],
    ['e', ''],
  ] as const) {
    const path = join(await place(pod, name), file);
    const { gid } = await stat(path);
    seen[name] = `${gid} ${await modeOf(path)}`;
  }
  assert.deepEqual(seen, { s: '1234 440', c: '1234 640', t: '1234 640', e: '1234 2777' });
  assert.equal((await lstat(join(await place(pod, 's'), 'key'))).gid, 1234);
});

test('a token is its only user’s alone', { skip }, async (t) => {
  const { place } = await fixture(t);
  const sources = [{ serviceAccountToken: { path: 'token', expirationSeconds: 3600 } }];
  const volumes = [{ name: 't', projected: { sources, defaultMode: 0o644 } }];
  const path = join(await place(using(volumes, { securityContext: { runAsUser: 1000 } }), 't'), 'token');
  assert.deepEqual([(await stat(path)).uid, await modeOf(path)], [1000, '600']);
});

/** A thread of its own, so that it is faster than whoever looks. */
const swapForever = `
  const { renameSync } = require('node:fs');
  const { workerData: at } = require('node:worker_threads');
  const rest = (ms) => { const end = performance.now() + ms; while (performance.now() < end); };
  for (;;) {
    renameSync(at + '/a', at + '/real');
    renameSync(at + '/evil', at + '/a');
    rest(Math.random());
    renameSync(at + '/a', at + '/evil');
    renameSync(at + '/real', at + '/a');
    rest(Math.random());
  }`;

const sub = (root: string, volumePath: string, path: string) => ({
  root,
  podUid: 'uid-1',
  container: 'main',
  volume: 'v',
  index: 0,
  volumePath,
  path,
});

test('a sub-path is seen by its mount, and follows what has been replaced', { skip }, async (t) => {
  const { api, root, place, volumes } = await fixture(t);
  const pod = using([{ name: 'v', configMap: { name: 'c' } }]);
  const volumePath = await place(pod, 'v');
  const target = await prepareSubPath(sub(root, volumePath, 'key'), systemMounter);
  assert.equal(await readFile(target, 'utf8'), 'config');
  assert.equal(await prepareSubPath(sub(root, volumePath, 'key'), systemMounter), target);
  assert.equal((await systemMounter.below(target)).length, 1);
  api.put('configmaps', { metadata: { name: 'c', namespace: 'shop' }, data: { key: 'new' } } as never);
  await place(pod, 'v');
  assert.equal(await readFile(target, 'utf8'), 'config');
  await prepareSubPath(sub(root, volumePath, 'key'), systemMounter);
  assert.equal(await readFile(target, 'utf8'), 'new');
  await volumes.release('uid-1');
  assert.deepEqual(await systemMounter.below(root), []);
});

test('a container that swaps folders for links gets nothing of the host', { skip, timeout: 60_000 }, async (t) => {
  const { root } = await fixture(t);
  const [volumePath, host] = [join(root, 'volume'), join(root, 'host')];
  await mkdir(join(volumePath, 'a/b'), { recursive: true });
  await mkdir(join(host, 'b'), { recursive: true });
  await writeFile(join(host, 'b/secret'), '');
  await symlink(host, join(volumePath, 'evil'));
  const swapper = new Worker(swapForever, { eval: true, workerData: volumePath });
  let mounted = 0;
  for (let round = 0; round < 200; round++) {
    const target = await prepareSubPath(sub(root, volumePath, 'a/b'), systemMounter).catch(() => undefined);
    if (!target) continue;
    mounted++;
    assert.deepEqual(await readdir(target), []);
    await systemMounter.unmount(target);
  }
  await swapper.terminate();
  assert.ok(mounted > 0);
  t.diagnostic(`${mounted} of 200 were mounted, none of them outside the volume`);
});

test('release leaves alone what a sub-path of the host was bound to', { skip }, async (t) => {
  const { root, volumes } = await fixture(t);
  const host = join(root, 'host');
  await mkdir(join(host, 'data'), { recursive: true });
  await writeFile(join(host, 'data/precious'), 'kept');
  await prepareSubPath(sub(root, host, 'data'), systemMounter);
  await volumes.release('uid-1');
  assert.equal(await readFile(join(host, 'data/precious'), 'utf8'), 'kept');
  assert.deepEqual(await volumes.present(), []);
});

test('whenever it is killed, what is left can be completed and taken away', { skip, timeout: 120_000 }, async (t) => {
  const { root, volumes, place } = await fixture(t);
  const pod = podOfChild();
  for (let round = 0; round < 12; round++) {
    const child = fork(fileURLToPath(new URL('volumes-child.ts', import.meta.url)), [root]);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    await new Promise((resolve) => child.once('message', resolve));
    setTimeout(() => child.kill('SIGKILL'), round * 7);
    await ended;
    assert.equal(await readFile(join(await place(pod, 's'), 'key'), 'utf8'), 'secret');
    assert.equal(await readFile(join(await place(pod, 'c'), 'key'), 'utf8'), 'config');
    assert.equal(await modeOf(await place(pod, 'e')), '2777');
    await volumes.release('uid-1');
    assert.deepEqual(await volumes.present(), []);
    assert.deepEqual(
      (await systemMounter.below(root)).filter((path) => path !== join(root, 'memory')),
      [],
    );
  }
});
