import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Pod, Volume } from '../../schema/generated/index.ts';
import { createVolumeManager } from './manager.ts';
import { containerOf, FakeApi, FakeMounter, kubeletEnv, podOf } from './testing.ts';

const using = (...volumes: Volume[]): Pod =>
  podOf({
    volumes,
    containers: [containerOf({ volumeMounts: volumes.map(({ name }) => ({ name, mountPath: `/${name}` })) })],
  });

async function fixture(t: TestContext) {
  const api = new FakeApi();
  const env = await kubeletEnv(t, api);
  const mounter = new FakeMounter();
  const changed: string[] = [];
  const volumes = createVolumeManager(env, { mounter, onChange: (uid) => changed.push(uid) });
  t.after(() => volumes.stop());
  api.put('nodes', { metadata: { name: 'node-1' }, status: { allocatable: { cpu: '2', memory: '1Gi' } } } as never);
  const read = async (pod: Pod, volume: string, file: string) =>
    readFile(join((await volumes.prepare(pod)).get(volume)!.hostPath, file), 'utf8');
  return { api, env, mounter, volumes, changed, read };
}

test('an emptyDir is open to all and survives being prepared again', async (t) => {
  const { volumes, env } = await fixture(t);
  const pod = using({ name: 'scratch', emptyDir: {} });
  const { hostPath, readOnly } = (await volumes.prepare(pod)).get('scratch')!;
  assert.equal(hostPath, join(env.paths.root, 'pods/uid-1/volumes/kubernetes.io~empty-dir/scratch'));
  assert.equal(readOnly, false);
  assert.equal((await stat(hostPath)).mode & 0o7777, 0o777);
  await writeFile(join(hostPath, 'kept'), '');
  await volumes.prepare(pod);
  assert.deepEqual(await readdir(hostPath), ['kept']);
});

test('an emptyDir in memory is as large as its limit, the pod’s limit or the node allows', async (t) => {
  const { volumes, mounter } = await fixture(t);
  const memory = (sizeLimit?: string) => ({
    name: 'm',
    emptyDir: { medium: 'Memory', ...(sizeLimit && { sizeLimit }) },
  });
  const sizes: string[] = [];
  for (const [volume, limit] of [
    [memory(), undefined],
    [memory('10Mi'), undefined],
    [memory('4Gi'), undefined],
    [memory('100Mi'), '64Mi'],
  ] as const) {
    const pod = using(volume);
    if (limit) pod.spec.containers[0]!.resources = { limits: { memory: limit } };
    await volumes.prepare(pod);
    sizes.push(...mounter.mounts.values());
    mounter.mounts.clear();
  }
  assert.deepEqual(
    sizes,
    [1 << 30, 10 << 20, 1 << 30, 64 << 20].map((bytes) => `tmpfs size=${bytes} mode=1777`),
  );
});

test('a ConfigMap’s volume follows it', async (t) => {
  const { api, changed, read } = await fixture(t);
  const pod = using({ name: 'config', configMap: { name: 'settings', defaultMode: 0o600 } });
  api.put('configmaps', { metadata: { name: 'settings', namespace: 'shop' }, data: { a: '1' } } as never);
  assert.equal(await read(pod, 'config', 'a'), '1');
  api.put('configmaps', { metadata: { name: 'settings', namespace: 'shop' }, data: { a: '2' } } as never);
  assert.deepEqual(changed, ['uid-1']);
  assert.equal(await read(pod, 'config', 'a'), '2');
});

test('Secrets, tokens and downward files are in memory, ConfigMaps on disk', async (t) => {
  const { api, volumes, env } = await fixture(t);
  api.put('configmaps', { metadata: { name: 'c', namespace: 'shop' } });
  api.put('secrets', { metadata: { name: 's', namespace: 'shop' } });
  const mounted = await volumes.prepare(
    using(
      { name: 'c', configMap: { name: 'c' } },
      { name: 's', secret: { secretName: 's' } },
      { name: 'd', downwardAPI: { items: [] } },
      { name: 'p', projected: { sources: [] } },
    ),
  );
  const places = [...mounted].map(([name, { hostPath, readOnly }]) => [
    name,
    hostPath.slice(env.paths.root.length),
    readOnly,
  ]);
  assert.deepEqual(places, [
    ['c', '/pods/uid-1/volumes/kubernetes.io~configmap/c', true],
    ['s', '/memory/uid-1/kubernetes.io~secret/s', true],
    ['d', '/memory/uid-1/kubernetes.io~downward-api/d', true],
    ['p', '/memory/uid-1/kubernetes.io~projected/p', true],
  ]);
});

test('a projected volume holds all of its sources', async (t) => {
  const { api, volumes } = await fixture(t);
  api.put('configmaps', { metadata: { name: 'c', namespace: 'shop' }, data: { k: 'config' } } as never);
  api.put('secrets', { metadata: { name: 's', namespace: 'shop' }, data: { k: 'c2VjcmV0' } } as never);
  const pod = using({
    name: 'all',
    projected: {
      defaultMode: 0o644,
      sources: [
        { configMap: { name: 'c', items: [{ key: 'k', path: 'conf/k' }] } },
        { secret: { name: 's' } },
        { secret: { name: 'none', optional: true } },
        { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
        {
          downwardAPI: {
            items: [{ path: 'cpu', resourceFieldRef: { containerName: 'main', resource: 'limits.cpu' } }],
          },
        },
        { serviceAccountToken: { path: 'token', expirationSeconds: 3600 } },
      ],
    },
  });
  const { hostPath } = (await volumes.prepare(pod)).get('all')!;
  const contents = await Promise.all(
    ['conf/k', 'k', 'name', 'cpu', 'token'].map((path) => readFile(join(hostPath, path), 'utf8')),
  );
  assert.deepEqual(contents, ['config', 'secret', 'web', '2', 'token-1']);
});

test('a token is renewed in place', async (t) => {
  const { api, read } = await fixture(t);
  const sources = [{ serviceAccountToken: { path: 'token', expirationSeconds: 3600 } }];
  const pod = using({ name: 'api', projected: { sources } });
  assert.equal(await read(pod, 'api', 'token'), 'token-1');
  api.clock.advance(3_000_000);
  assert.equal(await read(pod, 'api', 'token'), 'token-2');
});

test('labels that change show in the downward volume', async (t) => {
  const { read } = await fixture(t);
  const items = [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }];
  const pod = using({ name: 'd', downwardAPI: { items } });
  pod.metadata.labels = { a: '1' };
  assert.equal(await read(pod, 'd', 'labels'), 'a="1"');
  pod.metadata.labels = { a: '2' };
  assert.equal(await read(pod, 'd', 'labels'), 'a="2"');
});

for (const [what, volume, message] of [
  ['a ConfigMap that is missing', { configMap: { name: 'none' } }, 'configmap "none" not found'],
  ['a Secret that is missing', { secret: { secretName: 'none' } }, 'secret "none" not found'],
  [
    'a kind that is not supported',
    { nfs: { server: 'x', path: '/' } },
    'volumes of kind nfs are not supported on this node',
  ],
  ['a medium that is unknown', { emptyDir: { medium: 'Disk' } }, 'unknown storage medium "Disk"'],
] as const) {
  test(`${what} fails the mount with a text that says so`, async (t) => {
    const { volumes } = await fixture(t);
    const expected = { reason: 'FailedMount', message: `MountVolume.SetUp failed for volume "v" : ${message}` };
    await assert.rejects(volumes.prepare(using({ name: 'v', ...volume })), expected);
  });
}

test('a missing object of an optional volume is an empty volume, until it comes', async (t) => {
  const { api, volumes, read } = await fixture(t);
  const pod = using({ name: 'v', secret: { secretName: 'later', optional: true } });
  const { hostPath } = (await volumes.prepare(pod)).get('v')!;
  assert.deepEqual(
    (await readdir(hostPath)).filter((name) => !name.startsWith('..')),
    [],
  );
  api.put('secrets', { metadata: { name: 'later', namespace: 'shop' }, data: { k: 'dg==' } } as never);
  assert.equal(await read(pod, 'v', 'k'), 'v');
});

test('a volume that no container uses is not made', async (t) => {
  const { volumes } = await fixture(t);
  const mounted = await volumes.prepare(podOf({ volumes: [{ name: 'v', configMap: { name: 'none' } }] }));
  assert.equal(mounted.size, 0);
});

test('mount points of other volumes are made inside', async (t) => {
  const { api, volumes } = await fixture(t);
  api.put('configmaps', { metadata: { name: 'c', namespace: 'shop' } });
  const pod = using({ name: 'c', configMap: { name: 'c' } }, { name: 'e', emptyDir: {} });
  pod.spec.containers[0]!.volumeMounts = [
    { name: 'c', mountPath: '/etc/c' },
    { name: 'e', mountPath: '/etc/c/nested/e' },
  ];
  const { hostPath } = (await volumes.prepare(pod)).get('c')!;
  assert.ok((await stat(join(hostPath, 'nested/e'))).isDirectory());
});

test('release unmounts and removes everything, and does nothing the second time', async (t) => {
  const { api, volumes, mounter, env } = await fixture(t);
  api.put('secrets', { metadata: { name: 's', namespace: 'shop' }, data: { k: 'dg==' } } as never);
  await volumes.prepare(
    using({ name: 'm', emptyDir: { medium: 'Memory' } }, { name: 's', secret: { secretName: 's' } }),
  );
  assert.deepEqual(await volumes.present(), ['uid-1']);
  await volumes.release('uid-1');
  assert.deepEqual(await volumes.present(), []);
  assert.deepEqual(
    [...mounter.mounts.keys()].filter((path) => path.includes('/pods/')),
    [],
  );
  assert.equal(api.watchers.size, 0);
  await volumes.release('uid-1');
  await assert.rejects(stat(join(env.paths.root, 'pods/uid-1')), { code: 'ENOENT' });
});

test('pods of a predecessor are asked for until they are prepared', async (t) => {
  const { api, env, volumes, changed } = await fixture(t);
  const pod = using({ name: 'e', emptyDir: {} });
  await volumes.prepare(pod);
  await volumes.prepare({ ...pod, metadata: { ...pod.metadata, uid: 'uid-2' } });
  volumes.stop();
  const asked: string[] = [];
  const successor = createVolumeManager(env, { mounter: new FakeMounter(), onChange: (uid) => asked.push(uid) });
  t.after(() => successor.stop());
  let before = 0;
  const wait = async (): Promise<void> => {
    api.clock.advance(5_000);
    while (asked.length === before) await new Promise((resolve) => setImmediate(resolve));
    before = asked.length;
  };
  await wait();
  assert.deepEqual(asked.sort(), ['uid-1', 'uid-2']);
  await successor.prepare(pod);
  await wait();
  assert.deepEqual(asked, ['uid-1', 'uid-2', 'uid-2']);
  assert.deepEqual(changed, []);
});

test('calls for one pod at the same time do not get in each other’s way', async (t) => {
  const { api, volumes } = await fixture(t);
  const pod = using({ name: 's', secret: { secretName: 's' } }, { name: 'e', emptyDir: {} });
  for (let round = 0; round < 10; round++) {
    api.put('secrets', { metadata: { name: 's', namespace: 'shop' }, data: { k: btoa(`${round}`) } } as never);
    const all = await Promise.all([volumes.prepare(pod), volumes.prepare(pod), volumes.prepare(pod)]);
    const { hostPath } = all[0]!.get('s')!;
    assert.equal(await readFile(join(hostPath, 'k'), 'utf8'), `${round}`);
  }
  const last = volumes.prepare(pod);
  await volumes.release('uid-1');
  await last;
  assert.deepEqual(await volumes.present(), []);
});

test('what is still mounted is not removed', async (t) => {
  const { volumes, mounter, env } = await fixture(t);
  const path = join(env.paths.root, 'pods/uid-1/volume-subpaths/v/c/0');
  await mkdir(path, { recursive: true });
  await writeFile(join(path, 'precious'), '');
  mounter.mounts.set(path, 'bind /host');
  mounter.unmount = async () => {};
  await assert.rejects(volumes.release('uid-1'), /still mounted/);
  assert.deepEqual(await readdir(path), ['precious']);
});
