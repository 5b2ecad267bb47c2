import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Container, PodSpec, VolumeMount } from '../../schema/generated/index.ts';
import { type MountedVolume, PodStartError } from '../types.ts';
import { containerOf, FakeApi, FakeMounter, kubeletEnv, podOf } from '../volumes/testing.ts';
import { createConfigBuilder } from './builder.ts';
import { runtimeHandlerOf } from './runtime-class.ts';

const machine = {
  memoryBytes: 1n << 30n,
  isUnified: false,
  hasSwapLimit: false,
  hugePageSizes: [],
  maskedPaths: [],
  hasAppArmor: false,
};

async function fixture(t: TestContext) {
  const api = new FakeApi();
  const env = await kubeletEnv(t, api);
  const events: string[] = [];
  const recorder = { event: (_: unknown, type: string, reason: string) => events.push(`${type} ${reason}`) };
  const hostResolvConf = join(env.paths.root, 'resolv.conf');
  await writeFile(hostResolvConf, 'nameserver 1.1.1.1\nsearch corp.example\n');
  const mounter = new FakeMounter();
  const builder = createConfigBuilder(
    { ...env, recorder },
    {
      cgroups: { ensurePod: async ({ metadata }) => `/kubepods/pod${metadata.uid}` },
      clusterDomain: 'cluster.local',
      dns: { servers: ['10.96.0.10'], hostResolvConf },
      mounter,
      machine: async () => machine,
    },
  );
  const volumes = new Map<string, MountedVolume>();
  const context = {
    restartCount: 4,
    imageRef: 'sha256:1',
    volumes,
    sandboxId: 's',
    imageUser: { uid: 0, username: '' },
  };
  const build = (fields: Partial<Container> = {}, spec: Partial<PodSpec> = {}, podIPs = ['10.1.0.2']) => {
    const container = containerOf(fields);
    return builder.container(podOf({ containers: [container], ...spec }), container, { ...context, podIPs });
  };
  /** A volume with a folder `dir` and a link that leads out. */
  const addVolume = async (readOnly = false): Promise<string> => {
    const hostPath = join(env.paths.root, 'vol');
    await mkdir(join(hostPath, 'dir'), { recursive: true });
    await symlink('/etc', join(hostPath, 'out'));
    volumes.set('v', { hostPath, readOnly });
    return hostPath;
  };
  return { api, env, builder, build, context, volumes, addVolume, mounter, events };
}

test('a sandbox’s folder of logs and its DNS', async (t) => {
  const { builder, env } = await fixture(t);
  const config = await builder.sandbox(podOf({ dnsPolicy: 'ClusterFirst' }), 1);
  assert.equal(config.logDirectory, join(env.paths.podLogs, 'shop_web_uid-1'));
  assert.ok((await stat(config.logDirectory ?? '')).isDirectory());
  assert.deepEqual(config.dnsConfig?.servers, ['10.96.0.10']);
  assert.equal(config.linux?.cgroupParent, '/kubepods/poduid-1');
});

test('a sandbox that is refused says why', async (t) => {
  const { builder, events } = await fixture(t);
  const sysctls = [{ name: 'kernel.msgmax', value: '1' }];
  const forbidden = { reason: 'SysctlForbidden', message: 'forbidden sysctl: "kernel.msgmax" not allowlisted' };
  await assert.rejects(builder.sandbox(podOf({ securityContext: { sysctls } }), 0), forbidden);
  await assert.rejects(builder.sandbox(podOf({ hostname: 'A' }), 0), { reason: 'FailedCreatePodSandBox' });
  const dnsConfig = { nameservers: ['1', '2', '3', '4'] };
  await builder.sandbox(podOf({ dnsPolicy: 'None', dnsConfig }), 0);
  assert.deepEqual(events, ['Warning DNSConfigForming']);
});

test('what a runtime would silently leave out is refused', async (t) => {
  const { builder, api } = await fixture(t);
  const refused = async (spec: Partial<PodSpec>, message: string): Promise<void> => {
    await assert.rejects(builder.sandbox(podOf(spec), 0), { reason: 'FailedCreatePodSandBox', message });
  };
  await refused({ hostUsers: false }, "can't set `spec.hostUsers: false`, runtime does not support user namespaces");
  const appArmorProfile = { type: 'RuntimeDefault' } as const;
  const noAppArmor = 'Cannot enforce AppArmor: AppArmor is not enabled on the host';
  await refused({ securityContext: { appArmorProfile } }, noAppArmor);
  await refused({ containers: [containerOf({ securityContext: { appArmorProfile } })] }, noAppArmor);
  await builder.sandbox(podOf({ securityContext: { appArmorProfile: { type: 'Unconfined' } } }), 0);
  const strict = { securityContext: { supplementalGroupsPolicy: 'Strict' } } as const;
  api.put('nodes', {
    metadata: { name: 'node-1' },
    status: { features: { supplementalGroupsPolicy: false } },
  } as never);
  await refused(strict, 'SupplementalGroupsPolicy=Strict is not supported in this node');
  api.put('nodes', { metadata: { name: 'node-1' }, status: { features: { supplementalGroupsPolicy: true } } } as never);
  await builder.sandbox(podOf(strict), 0);
});

test('command, arguments, environment, log and image', async (t) => {
  const { build, env } = await fixture(t);
  const config = await build({
    command: ['run', '$(A)', '$(NONE)', '$$(A)'],
    args: ['--b=$(B)'],
    env: [
      { name: 'A', value: '1' },
      { name: 'B', value: '$(A)2' },
    ],
    workingDir: '/work',
    stdin: true,
    tty: true,
  });
  assert.deepEqual(config.command, ['run', '1', '$(NONE)', '$(A)']);
  assert.deepEqual(config.args, ['--b=12']);
  const variables = config.envs?.map(({ key, value }) => `${key}=${Buffer.from(value ?? [])}`);
  assert.deepEqual(variables, ['A=1', 'B=12']);
  assert.equal(config.logPath, 'main/4.log');
  assert.ok((await stat(join(env.paths.podLogs, 'shop_web_uid-1/main'))).isDirectory());
  assert.deepEqual(config.image, { image: 'sha256:1', userSpecifiedImage: 'img:1' });
  assert.deepEqual([config.workingDir, config.stdin, config.stdinOnce, config.tty], ['/work', true, false, true]);
});

test('a ConfigMap that is missing is an error of the container’s configuration', async (t) => {
  const { build } = await fixture(t);
  const error = await build({ envFrom: [{ configMapRef: { name: 'none' } }] }).catch((reason: unknown) => reason);
  assert.ok(error instanceof PodStartError);
  assert.deepEqual([error.reason, error.message], ['CreateContainerConfigError', 'configmap "none" not found']);
});

test('the hosts file is the pod’s own, and not there where it cannot or should not be', async (t) => {
  const { build, env, addVolume } = await fixture(t);
  const hostPath = join(env.paths.root, 'pods/uid-1/etc-hosts');
  assert.deepEqual((await build()).mounts, [{ containerPath: '/etc/hosts', hostPath }]);
  assert.match(await readFile(hostPath, 'utf8'), /^# Kubernetes-managed hosts file\.\n(.*\n)*10\.1\.0\.2\tweb\n$/);
  assert.deepEqual((await build({}, {}, [])).mounts, []);
  await build({}, { hostNetwork: true }, ['']);
  assert.match(await readFile(hostPath, 'utf8'), /^# Kubernetes-managed hosts file \(host network\)\.\n/);
  const own = await addVolume();
  const volumeMounts = [{ name: 'v', mountPath: '/etc/hosts' }];
  const mounts = (await build({ volumeMounts })).mounts ?? [];
  assert.deepEqual(
    mounts.map((mount) => [mount.containerPath, mount.hostPath]),
    [['/etc/hosts', own]],
  );
});

test('each instance has a file of its own for its last words; those of the last few are kept', async (t) => {
  const { build, env, context } = await fixture(t);
  const folder = join(env.paths.root, 'pods/uid-1/containers/main');
  for (context.restartCount = 0; context.restartCount < 20; context.restartCount++) {
    const mount = (await build({ terminationMessagePath: '/dev/termination-log' })).mounts?.at(-1);
    assert.equal(mount?.containerPath, '/dev/termination-log');
    assert.equal((await stat(mount.hostPath ?? '')).mode & 0o777, 0o666);
    assert.equal((await stat(mount.hostPath ?? '')).size, 0);
    await writeFile(mount.hostPath ?? '', 'goodbye');
  }
  assert.deepEqual((await readdir(folder)).sort(), ['15', '16', '17', '18', '19']);
});

const mountsOf = async (made: ReturnType<Awaited<ReturnType<typeof fixture>>['build']>) =>
  ((await made).mounts ?? []).filter(({ containerPath }) => containerPath !== '/etc/hosts');

test('volumes are mounted where and how the container wants', async (t) => {
  const { build, addVolume } = await fixture(t);
  const hostPath = await addVolume();
  const volumeMounts: VolumeMount[] = [
    { name: 'v', mountPath: '/data' },
    { name: 'v', mountPath: 'relative', readOnly: true, mountPropagation: 'HostToContainer' },
  ];
  assert.deepEqual(await mountsOf(build({ volumeMounts })), [
    { containerPath: '/data', hostPath, readonly: false, propagation: 'PROPAGATION_PRIVATE' },
    { containerPath: '/relative', hostPath, readonly: true, propagation: 'PROPAGATION_HOST_TO_CONTAINER' },
  ]);
});

test('a read-only volume is read-only whatever the mount says', async (t) => {
  const { build, addVolume } = await fixture(t);
  await addVolume(true);
  const [mount] = await mountsOf(build({ volumeMounts: [{ name: 'v', mountPath: '/data' }] }));
  assert.equal(mount?.readonly, true);
});

test('a sub-path is a bind mount of its own, made when missing, from an expression or not', async (t) => {
  const { build, addVolume, env, mounter } = await fixture(t);
  const hostPath = await addVolume();
  const subPaths = join(env.paths.root, 'pods/uid-1/volume-subpaths/v/main');
  const volumeMounts = [
    { name: 'v', mountPath: '/a', subPath: 'dir' },
    { name: 'v', mountPath: '/b', subPathExpr: 'new/$(POD)' },
  ];
  const mounts = await mountsOf(build({ volumeMounts, env: [{ name: 'POD', value: 'web' }] }));
  assert.deepEqual(
    mounts.map((mount) => mount.hostPath),
    [join(subPaths, '0'), join(subPaths, '1')],
  );
  assert.deepEqual([...mounter.mounts.keys()], [join(subPaths, '0'), join(subPaths, '1')]);
  assert.ok((await stat(join(hostPath, 'new/web'))).isDirectory());
});

for (const [mount, message] of [
  [{ subPath: '/abs' }, 'error SubPath `/abs` must not be an absolute path'],
  [{ subPath: 'a/../b' }, "unable to provision SubPath `a/../b`: must not contain '..'"],
  [{ subPathExpr: '$(NONE)/$(ALSO)' }, 'missing value for ALSO, NONE'],
  [{ subPathExpr: '..' }, "unable to provision SubPath `..`: must not contain '..'"],
  [{ subPathExpr: '/$(A)' }, 'error SubPath `/a` must not be an absolute path'],
  [{ subPath: 'out' }, 'failed to prepare subPath for volumeMount "v" of container "main"'],
  [{ subPath: 'out/new' }, 'failed to create subPath directory for volumeMount "v" of container "main"'],
  [
    { recursiveReadOnly: 'Enabled', readOnly: true },
    'failed to resolve recursive read-only mode: volume "v" requested recursive read-only mode, but it is not supported by the runtime',
  ],
  [
    { recursiveReadOnly: 'IfPossible' },
    'failed to resolve recursive read-only mode: volume "v" requested recursive read-only mode, but it is not read-only',
  ],
  [{ name: 'x' }, 'cannot find volume "x" to mount into container "main"'],
] as const) {
  test(`a mount is refused: ${message}`, async (t) => {
    const { build, addVolume } = await fixture(t);
    await addVolume();
    const volumeMounts = [{ name: 'v', mountPath: '/data', ...mount }];
    await assert.rejects(build({ volumeMounts, env: [{ name: 'A', value: 'a' }] }), {
      reason: 'CreateContainerConfigError',
      message,
    });
  });
}

test('recursive read-only where possible is just read-only here', async (t) => {
  const { build, addVolume } = await fixture(t);
  await addVolume();
  const volumeMounts = [{ name: 'v', mountPath: '/data', readOnly: true, recursiveReadOnly: 'IfPossible' }];
  assert.equal((await mountsOf(build({ volumeMounts })))[0]?.readonly, true);
});

test('a file of a volume gives variables, but none from outside of it', async (t) => {
  const { build, addVolume } = await fixture(t);
  const hostPath = await addVolume();
  await writeFile(join(hostPath, 'dir/env'), "KEY='x'\n");
  const from = (path: string) => [{ name: 'A', valueFrom: { fileKeyRef: { volumeName: 'v', path, key: 'KEY' } } }];
  const { envs } = await build({ env: from('dir/env') });
  assert.equal(Buffer.from(envs?.[0]?.value ?? []).toString(), 'x');
  await assert.rejects(build({ env: from('out/passwd') }), { message: "couldn't parse env file" });
});

test('a Secret’s bytes reach the container as they are', async (t) => {
  const { api, build } = await fixture(t);
  const bytes = Buffer.from([0x61, 0xff, 0xc3, 0x28, 0x62]);
  api.put('secrets', { metadata: { name: 's', namespace: 'shop' }, data: { k: bytes.toString('base64') } } as never);
  const env = [
    { name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
    { name: 'B', value: '<$(A)>' },
  ];
  const { envs } = await build({ env });
  assert.deepEqual(Buffer.from(envs?.[0]?.value ?? []), bytes);
  assert.deepEqual(Buffer.from(envs?.[1]?.value ?? []), Buffer.concat([Buffer.from('<'), bytes, Buffer.from('>')]));
});

test('services of the namespace are in the environment', async (t) => {
  const { api, build } = await fixture(t);
  const spec = { clusterIP: '10.96.0.5', ports: [{ port: 80 }] };
  api.put('services', { metadata: { name: 'db', namespace: 'shop' }, spec } as never);
  api.put('services', { metadata: { name: 'kubernetes', namespace: 'default' }, spec } as never);
  const names = async (fields: Partial<PodSpec>) =>
    (await build({}, fields)).envs?.map(({ key = '' }) => key).filter((key) => key.endsWith('_HOST'));
  assert.deepEqual(await names({}), ['KUBERNETES_SERVICE_HOST', 'DB_SERVICE_HOST']);
  assert.deepEqual(await names({ enableServiceLinks: false }), ['KUBERNETES_SERVICE_HOST']);
});

test('a runtime class names the runtime’s handler', async (t) => {
  const { api } = await fixture(t);
  api.put('runtimeclasses', { metadata: { name: 'fast' }, handler: 'crun' } as never);
  assert.equal(await runtimeHandlerOf(podOf(), api.client), '');
  assert.equal(await runtimeHandlerOf(podOf({ runtimeClassName: 'fast' }), api.client), 'crun');
  const message = 'runtimeclass.node.k8s.io "none" not found';
  await assert.rejects(runtimeHandlerOf(podOf({ runtimeClassName: 'none' }), api.client), { message });
});
