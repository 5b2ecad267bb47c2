import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod, PodSpec, SecurityContext } from '../../schema/generated/index.ts';
import { containerOf, podOf } from '../volumes/testing.ts';
import { containerAnnotations, containerHash, containerLabels, sandboxLabels } from './identity.ts';
import { oomScoreAdjust, qosClassOf } from './qos.ts';
import { quotaOf, sharesOf } from './cpu.ts';
import { containerResources, type MachineFacts, pageSizeName, sandboxResources } from './resources.ts';
import { sandboxConfig } from './sandbox.ts';
import { containerSecurity, verifyNonRoot } from './security.ts';

const GiB = 1n << 30n;
const v1: MachineFacts = { memoryBytes: 4n * GiB, isUnified: false, hasSwapLimit: false, hugePageSizes: [] };
const root = { uid: 0, username: '' };

for (const [milli, shares] of [
  [0, 2],
  [1, 2],
  [2, 2],
  [3, 3],
  [100, 102],
  [500, 512],
  [1000, 1024],
  [1_000_000, 262_144],
] as const) {
  test(`${milli} thousandths of a CPU weigh ${shares}`, () => assert.equal(sharesOf(milli), shares));
}

for (const [milli, quotaUs] of [
  [0, 0],
  [5, 1000],
  [10, 1000],
  [200, 20_000],
  [1500, 150_000],
] as const) {
  test(`${milli} thousandths of a CPU are ${quotaUs} µs a period`, () => assert.equal(quotaOf(milli), quotaUs));
}

const resourcesOf = (resources: Container['resources'], spec: Partial<PodSpec> = {}, machine = v1) => {
  const container = containerOf(resources && { resources });
  const {
    oomScoreAdj: _,
    hugepageLimits: __,
    ...rest
  } = containerResources(podOf({ containers: [container], ...spec }), container, machine);
  return rest;
};

const unlimited = { cpuShares: 2, cpuPeriod: 100_000, cpuQuota: 0, memoryLimitInBytes: 0 };

for (const [what, resources, expected] of [
  ['nothing', undefined, unlimited],
  ['requests', { requests: { cpu: '100m', memory: '64Mi' } }, { ...unlimited, cpuShares: 102 }],
  [
    'limits',
    { limits: { cpu: '500m', memory: '64Mi' } },
    { ...unlimited, cpuShares: 512, cpuQuota: 50_000, memoryLimitInBytes: 64 << 20 },
  ],
  ['a request of none', { requests: { cpu: '0' }, limits: { cpu: '2' } }, { ...unlimited, cpuQuota: 200_000 }],
  ['a tiny limit', { requests: { cpu: '1m' }, limits: { cpu: '1m' } }, { ...unlimited, cpuQuota: 1_000 }],
] as const) {
  test(`limits of a container with ${what}`, () => assert.deepEqual(resourcesOf(resources), expected));
}

test('a limit of the pod holds for containers without one', () => {
  const limits = { cpu: '1', memory: '1Gi' };
  const { cpuQuota, memoryLimitInBytes } = resourcesOf({ limits: { cpu: '500m' } }, { resources: { limits } });
  assert.deepEqual([cpuQuota, memoryLimitInBytes], [50_000, 1 << 30]);
});

test('swap is forbidden where the machine can', () => {
  const limits = { memory: '64Mi' };
  assert.equal(resourcesOf({ limits }, {}, { ...v1, hasSwapLimit: true }).memorySwapLimitInBytes, 64 << 20);
  const v2 = { ...v1, isUnified: true };
  assert.deepEqual(resourcesOf({ limits }, {}, v2).unified, { 'memory.oom.group': '1' });
  const swap = resourcesOf({ limits }, {}, { ...v2, hasSwapLimit: true }).unified;
  assert.deepEqual(swap, { 'memory.oom.group': '1', 'memory.swap.max': '0' });
});

test('huge pages are none unless asked for', () => {
  const container = containerOf({ resources: { limits: { 'hugepages-2Mi': '4Mi' } } });
  const machine = { ...v1, hugePageSizes: ['2MB', '1GB'] };
  assert.deepEqual(containerResources(podOf(), container, machine).hugepageLimits, [
    { pageSize: '2MB', limit: 4 << 20 },
    { pageSize: '1GB', limit: 0 },
  ]);
  assert.deepEqual(['64Ki', '2Mi', '1Gi'].map(pageSizeName), ['64KB', '2MB', '1GB']);
});

test('a sandbox has the sum of its containers, and its overhead apart', () => {
  const container = containerOf({ resources: { requests: { cpu: '100m' }, limits: { cpu: '200m', memory: '10Mi' } } });
  const { resources, overhead } = sandboxResources(
    podOf({ containers: [container, container], overhead: { cpu: '50m', memory: '1Mi' } }),
  );
  assert.deepEqual(resources, { cpuShares: 204, cpuPeriod: 100_000, cpuQuota: 40_000, memoryLimitInBytes: 20 << 20 });
  assert.deepEqual(overhead, { cpuShares: 51, cpuPeriod: 100_000, cpuQuota: 5_000, memoryLimitInBytes: 1 << 20 });
});

const asking = (memory: string, fields: Partial<Container> = {}) =>
  containerOf({ resources: { requests: { cpu: '100m', memory } }, ...fields });

for (const [what, pod, score] of [
  ['BestEffort', podOf(), 1000],
  ['Guaranteed', podOf({ containers: [containerOf({ resources: { limits: { cpu: '1', memory: '1Gi' } } })] }), -997],
  ['asking for a quarter', podOf({ containers: [asking('1Gi')] }), 750],
  ['asking for everything', podOf({ containers: [asking('4Gi')] }), 3],
  ['asking for next to nothing', podOf({ containers: [asking('1')] }), 999],
  ['node-critical', podOf({ priority: 2_000_001_000, priorityClassName: 'system-node-critical' }), -997],
  ['cluster-critical', podOf({ priority: 2_000_000_000, priorityClassName: 'system-cluster-critical' }), 1000],
  [
    'with a request of its own',
    podOf({ containers: [asking('1Gi')], resources: { requests: { memory: '2Gi' } } }),
    500,
  ],
] as [string, Pod, number][]) {
  test(`OOM score of a pod that is ${what}`, () => {
    assert.equal(oomScoreAdjust(pod, pod.spec.containers[0]!, 4n * GiB), score);
  });
}

test('a sidecar is no more readily killed than the containers it serves', () => {
  const sidecar = asking('1Mi', { name: 'proxy', restartPolicy: 'Always' });
  const pod = podOf({ initContainers: [sidecar], containers: [asking('2Gi')] });
  assert.equal(oomScoreAdjust(pod, sidecar, 4n * GiB), 500);
});

test('the class is the status’s, where there is one', () => {
  assert.equal(qosClassOf({ ...podOf(), status: { qosClass: 'Guaranteed' } }), 'Guaranteed');
  assert.equal(qosClassOf(podOf({ containers: [asking('1Gi'), containerOf()] })), 'Burstable');
});

const security = (
  ofContainer: SecurityContext = {},
  ofPod: PodSpec['securityContext'] = {},
  spec: Partial<PodSpec> = {},
  image: { uid?: number; username: string } = root,
) => {
  const container = containerOf({ securityContext: ofContainer });
  const pod = podOf({ containers: [container], securityContext: ofPod, ...spec });
  return containerSecurity(pod, container, image, { seccompFolder: '/k/seccomp', maskedPaths: ['/proc/kcore'] });
};

test('the container’s security context goes before the pod’s', () => {
  const { runAsUser, runAsGroup } = security({ runAsUser: 5 }, { runAsUser: 1, runAsGroup: 2 });
  assert.deepEqual([runAsUser, runAsGroup], [{ value: 5 }, { value: 2 }]);
});

test('without a user it is the image’s', () => {
  assert.deepEqual(security({}, {}, {}, { uid: 33, username: '' }).runAsUser, { value: 33 });
  const named = security({}, {}, {}, { username: 'nginx' });
  assert.deepEqual([named.runAsUser, named.runAsUsername], [undefined, 'nginx']);
});

test('a plain container', () => {
  assert.deepEqual(security(), {
    runAsUser: { value: 0 },
    privileged: false,
    readonlyRootfs: false,
    noNewPrivs: false,
    namespaceOptions: { network: 'POD', ipc: 'POD', pid: 'CONTAINER' },
    supplementalGroups: [],
    supplementalGroupsPolicy: 'Merge',
    seccomp: { profileType: 'Unconfined' },
    maskedPaths: ['/proc/kcore'],
    readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
  });
});

test('a container with everything', () => {
  const own: SecurityContext = {
    privileged: true,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    procMount: 'Unmasked',
    capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
    seccompProfile: { type: 'Localhost', localhostProfile: 'my/profile.json' },
    appArmorProfile: { type: 'RuntimeDefault' },
  };
  const result = security(own, { fsGroup: 9, supplementalGroups: [7, 8], supplementalGroupsPolicy: 'Strict' });
  assert.deepEqual(result, {
    runAsUser: { value: 0 },
    privileged: true,
    readonlyRootfs: true,
    noNewPrivs: true,
    capabilities: { addCapabilities: ['NET_ADMIN'], dropCapabilities: ['ALL'] },
    apparmor: { profileType: 'RuntimeDefault' },
    namespaceOptions: { network: 'POD', ipc: 'POD', pid: 'CONTAINER' },
    supplementalGroups: [9, 7, 8],
    supplementalGroupsPolicy: 'Strict',
    seccomp: { profileType: 'Localhost', localhostRef: '/k/seccomp/my/profile.json' },
    maskedPaths: [],
    readonlyPaths: [],
  });
});

test('the pod’s seccomp profile holds for containers without one', () => {
  const ofPod = { seccompProfile: { type: 'RuntimeDefault' } } as const;
  assert.deepEqual(security({}, ofPod).seccomp, { profileType: 'RuntimeDefault' });
  assert.deepEqual(security({ seccompProfile: { type: 'Unconfined' } }, ofPod).seccomp, { profileType: 'Unconfined' });
});

for (const [spec, expected] of [
  [
    { hostNetwork: true, hostPID: true, hostIPC: true },
    { network: 'NODE', ipc: 'NODE', pid: 'NODE' },
  ],
  [{ shareProcessNamespace: true }, { network: 'POD', ipc: 'POD', pid: 'POD' }],
] as const) {
  test(`namespaces with ${Object.keys(spec)}`, () =>
    assert.deepEqual(security({}, {}, spec).namespaceOptions, expected));
}

test('an ephemeral container sees its target’s processes, unless all are seen anyway', () => {
  const facts = { seccompFolder: '', maskedPaths: [], targetContainerId: 'abc' };
  const namespaces = (spec: Partial<PodSpec>) =>
    containerSecurity(podOf(spec), containerOf(), root, facts).namespaceOptions;
  assert.deepEqual(namespaces({}), { network: 'POD', ipc: 'POD', pid: 'TARGET', targetId: 'abc' });
  assert.deepEqual(namespaces({ shareProcessNamespace: true }), { network: 'POD', ipc: 'POD', pid: 'POD' });
});

const where = '(pod: "web_shop(uid-1)", container: main)';

for (const [what, ofContainer, ofPod, image, message] of [
  ['nobody asks', {}, {}, root, undefined],
  [
    'the pod asks and the image is root',
    {},
    { runAsNonRoot: true },
    root,
    `container has runAsNonRoot and image will run as root ${where}`,
  ],
  ['the container does not ask', { runAsNonRoot: false }, { runAsNonRoot: true }, root, undefined],
  [
    'the user is root',
    { runAsNonRoot: true, runAsUser: 0 },
    {},
    root,
    `container's runAsUser breaks non-root policy ${where}`,
  ],
  ['the user is not root', { runAsNonRoot: true, runAsUser: 1 }, {}, root, undefined],
  ['the image has a number', { runAsNonRoot: true }, {}, { uid: 5, username: '' }, undefined],
  [
    'the image has a name',
    { runAsNonRoot: true },
    {},
    { username: 'nginx' },
    `container has runAsNonRoot and image has non-numeric user (nginx), cannot verify user is non-root ${where}`,
  ],
] as const) {
  test(`not as root: ${what}`, () => {
    const container = containerOf({ securityContext: ofContainer });
    const verify = (): void => verifyNonRoot(podOf({ securityContext: ofPod }), container, image);
    if (message) assert.throws(verify, { message });
    else verify();
  });
}

test('the hash is the kubelet’s own, and only of name and image', () => {
  assert.equal(containerHash({ name: 'test_container', image: 'foo/image:v1' }), '8e45cbd0');
  assert.equal(containerHash(containerOf({ env: [{ name: 'A' }] })), containerHash(containerOf()));
  assert.notEqual(containerHash(containerOf({ image: 'img:2' })), containerHash(containerOf()));
});

test('labels and annotations by which containers are found again', () => {
  const pod = podOf(
    { terminationGracePeriodSeconds: 30 },
    { labels: { app: 'web', 'io.kubernetes.pod.name': 'fake' } },
  );
  assert.deepEqual(sandboxLabels(pod), {
    app: 'web',
    'io.kubernetes.pod.name': 'web',
    'io.kubernetes.pod.namespace': 'shop',
    'io.kubernetes.pod.uid': 'uid-1',
  });
  assert.equal(containerLabels(pod, containerOf())['io.kubernetes.container.name'], 'main');
  const preStop = { exec: { command: ['sync'] } };
  const ports = [{ containerPort: 80, protocol: 'TCP' as const }];
  const fields = { terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'File' as const };
  const annotations = containerAnnotations(pod, containerOf({ ...fields, lifecycle: { preStop }, ports }), 3);
  assert.deepEqual(annotations, {
    'io.kubernetes.container.hash': containerHash(containerOf()),
    'io.kubernetes.container.restartCount': '3',
    'io.kubernetes.container.terminationMessagePath': '/dev/termination-log',
    'io.kubernetes.container.terminationMessagePolicy': 'File',
    'io.kubernetes.pod.terminationGracePeriod': '30',
    'io.kubernetes.container.preStopHandler': '{"exec":{"command":["sync"]}}',
    'io.kubernetes.container.ports': '[{"containerPort":80,"protocol":"TCP"}]',
  });
});

const sandbox = (spec: Partial<PodSpec>) =>
  sandboxConfig(podOf(spec, { annotations: { note: 'x' } }), {
    attempt: 2,
    clusterDomain: 'cluster.local',
    cgroupParent: '/kubepods/pod1',
    logDirectory: '/logs/shop_web_uid-1',
    dns: { servers: [], searches: [], options: [] },
  });

test('a sandbox', () => {
  const config = sandbox({ subdomain: 'site', setHostnameAsFQDN: true });
  assert.deepEqual(config.metadata, { name: 'web', namespace: 'shop', uid: 'uid-1', attempt: 2 });
  assert.equal(config.hostname, 'web.site.shop.svc.cluster.local');
  assert.deepEqual(config.annotations, { note: 'x' });
  assert.equal(config.linux?.securityContext?.privileged, false);
  assert.equal(config.linux?.cgroupParent, '/kubepods/pod1');
});

test('on the host’s network there is no hostname to set', () =>
  assert.equal(sandbox({ hostNetwork: true }).hostname, ''));

test('a privileged container of any kind needs a privileged sandbox', () => {
  const privileged = containerOf({ securityContext: { privileged: true } });
  for (const spec of [
    { initContainers: [privileged] },
    { containers: [privileged] },
    { ephemeralContainers: [privileged] },
  ]) {
    assert.equal(sandbox(spec).linux?.securityContext?.privileged, true);
  }
});

test('sysctls and users of the sandbox', () => {
  const securityContext = { runAsUser: 5, fsGroup: 9, sysctls: [{ name: 'net/ipv4/tcp_syncookies', value: '1' }] };
  const { sysctls, securityContext: security } = sandbox({ securityContext }).linux ?? {};
  assert.deepEqual(sysctls, { 'net.ipv4.tcp_syncookies': '1' });
  assert.deepEqual([security?.runAsUser, security?.supplementalGroups], [{ value: 5 }, [9]]);
});
