import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, StatusError } from '../../kernel/index.ts';
import type { Container, Pod, PodSpec, Toleration } from '../../schema/generated/index.ts';
import type { AdmissionDeps } from './index.ts';
import type { Lookup } from './lookup.ts';
import { lookupOf, plugin, podRequest, run } from './testing.ts';

const pod = (spec: Partial<PodSpec> = {}, metadata: object = {}): Pod => ({
  metadata: { name: 'web', namespace: 'shop', ...metadata },
  spec: { containers: [{ name: 'c' }], ...spec },
});

const account = (more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: 'default', namespace: 'shop' },
  ...more,
});

async function admitted(name: string, deps: Partial<AdmissionDeps>, given: Pod): Promise<PodSpec> {
  await run(plugin(name, deps), podRequest({ object: given }));
  return given.spec;
}

const refusal =
  (message: string) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof StatusError);
    assert.equal(error.message, message);
    return error.reason === 'Forbidden';
  };

// --- ServiceAccount

test('a pod runs as the default account, with its token, the CA and the namespace mounted everywhere', async () => {
  const spec = await admitted(
    'ServiceAccount',
    { lookup: lookupOf(account()) },
    pod({
      initContainers: [{ name: 'i' }],
      containers: [{ name: 'c', volumeMounts: [{ name: 'd', mountPath: '/d' }] }],
    }),
  );
  assert.equal(spec.serviceAccountName, 'default');
  assert.equal(spec.serviceAccount, 'default');
  const mount = {
    name: 'kube-api-access-abcde',
    readOnly: true,
    mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
  };
  assert.deepEqual(spec.initContainers?.[0]?.volumeMounts, [mount]);
  assert.deepEqual(spec.containers?.[0]?.volumeMounts, [{ name: 'd', mountPath: '/d' }, mount]);
  assert.deepEqual(spec.volumes, [
    {
      name: 'kube-api-access-abcde',
      projected: {
        defaultMode: 420,
        sources: [
          { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
          { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
          {
            downwardAPI: {
              items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
            },
          },
        ],
      },
    },
  ]);
});

test('the pod decides on the token first, then its account', async () => {
  const quiet = { lookup: lookupOf(account({ automountServiceAccountToken: false })) };
  assert.equal((await admitted('ServiceAccount', quiet, pod())).volumes, undefined);
  const asked = pod({ automountServiceAccountToken: true });
  assert.equal((await admitted('ServiceAccount', quiet, asked)).volumes?.length, 1);
  const loud = { lookup: lookupOf(account()) };
  const declined = pod({ automountServiceAccountToken: false });
  assert.equal((await admitted('ServiceAccount', loud, declined)).volumes, undefined);
});

test('a container that mounts something there itself gets no token', async () => {
  const own: Container = {
    name: 'c',
    volumeMounts: [{ name: 'mine', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }],
  };
  const spec = await admitted('ServiceAccount', { lookup: lookupOf(account()) }, pod({ containers: [own] }));
  assert.equal(spec.volumes, undefined);
});

test('pull secrets of the account are added to a pod that has none', async () => {
  const lookup = lookupOf(account({ imagePullSecrets: [{ name: 'registry' }] }));
  assert.deepEqual((await admitted('ServiceAccount', { lookup }, pod())).imagePullSecrets, [{ name: 'registry' }]);
  const own = pod({ imagePullSecrets: [{ name: 'mine' }] });
  assert.deepEqual((await admitted('ServiceAccount', { lookup }, own)).imagePullSecrets, [{ name: 'mine' }]);
});

test('an account that does not exist is refused', async () => {
  await assert.rejects(
    admitted('ServiceAccount', {}, pod({ serviceAccountName: 'ghost' })),
    refusal('pods "web" is forbidden: error looking up service account shop/ghost: serviceaccount "ghost" not found'),
  );
});

test('the default account is waited for', async () => {
  const clock = new ManualClock();
  let present: Lookup = lookupOf();
  const lookup: Lookup = {
    get: (...args) => present.get(...args),
    list: (...args) => present.list(...args),
  };
  const done = admitted('ServiceAccount', { lookup, clock }, pod());
  await Promise.resolve();
  present = lookupOf(account());
  clock.advance(100);
  assert.equal((await done).serviceAccountName, 'default');
});

test('a mirror pod refers to no account and no secret', async () => {
  const annotations = { 'kubernetes.io/config.mirror': 'x' };
  const mirror = (spec: Partial<PodSpec>) => admitted('ServiceAccount', {}, pod(spec, { annotations }));
  assert.equal((await mirror({})).serviceAccountName, undefined);
  await assert.rejects(
    mirror({ serviceAccountName: 'a' }),
    refusal('pods "web" is forbidden: a mirror pod may not reference service accounts'),
  );
  await assert.rejects(
    mirror({ volumes: [{ name: 's', secret: { secretName: 'x' } }] }),
    refusal('pods "web" is forbidden: a mirror pod may not reference secrets'),
  );
});

test('an account may restrict its pods to the secrets that it lists', async () => {
  const annotations = { 'kubernetes.io/enforce-mountable-secrets': 'true' };
  const strict = account({
    metadata: { name: 'default', namespace: 'shop', annotations },
    secrets: [{ name: 'allowed' }],
  });
  const lookup = lookupOf(strict);
  await admitted('ServiceAccount', { lookup }, pod({ volumes: [{ name: 's', secret: { secretName: 'allowed' } }] }));
  await assert.rejects(
    admitted('ServiceAccount', { lookup }, pod({ volumes: [{ name: 's', secret: { secretName: 'other' } }] })),
    refusal(
      'pods "web" is forbidden: volume with secret.secretName="other" is not allowed because service account default does not reference that secret',
    ),
  );
});

// --- Priority

const priorityClass = (name: string, value: number, more: object = {}) => ({
  apiVersion: 'scheduling.k8s.io/v1',
  kind: 'PriorityClass',
  metadata: { name },
  value,
  ...more,
});

test('without classes a pod has priority 0 and may preempt', async () => {
  const spec = await admitted('Priority', {}, pod());
  assert.deepEqual(
    [spec.priority, spec.preemptionPolicy, spec.priorityClassName],
    [0, 'PreemptLowerPriority', undefined],
  );
});

test('the named class decides, else the default one', async () => {
  const lookup = lookupOf(
    priorityClass('high', 1000, { preemptionPolicy: 'Never' }),
    priorityClass('usual', 10, { globalDefault: true, preemptionPolicy: 'PreemptLowerPriority' }),
  );
  const high = await admitted('Priority', { lookup }, pod({ priorityClassName: 'high' }));
  assert.deepEqual([high.priority, high.preemptionPolicy], [1000, 'Never']);
  const usual = await admitted('Priority', { lookup }, pod());
  assert.deepEqual([usual.priority, usual.priorityClassName], [10, 'usual']);
});

test('a priority that the class does not give is refused, as is an unknown class', async () => {
  const lookup = lookupOf(priorityClass('high', 1000));
  await assert.rejects(
    admitted('Priority', { lookup }, pod({ priorityClassName: 'high', priority: 5 })),
    refusal(
      'pods "web" is forbidden: the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 1000 from the given PriorityClass name',
    ),
  );
  await assert.rejects(
    admitted('Priority', { lookup }, pod({ priorityClassName: 'ghost' })),
    refusal('pods "web" is forbidden: no PriorityClass with name ghost was found'),
  );
});

// --- tolerations, RuntimeClass

test('a pod stands an unready node for five minutes unless it says otherwise', async () => {
  const added = (key: string) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 });
  const spec = await admitted('DefaultTolerationSeconds', {}, pod());
  assert.deepEqual(spec.tolerations, ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'].map(added));
  const own: Toleration = { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' };
  const kept = await admitted('DefaultTolerationSeconds', {}, pod({ tolerations: [own] }));
  assert.deepEqual(kept.tolerations, [own, added('node.kubernetes.io/unreachable')]);
  const all = await admitted('DefaultTolerationSeconds', {}, pod({ tolerations: [{ operator: 'Exists' }] }));
  assert.equal(all.tolerations?.length, 1);
});

const runtimeClass = {
  apiVersion: 'node.k8s.io/v1',
  kind: 'RuntimeClass',
  metadata: { name: 'kata' },
  overhead: { podFixed: { cpu: '10m' } },
  scheduling: { nodeSelector: { kata: 'yes' }, tolerations: [{ key: 'kata', operator: 'Exists' }] },
};

test('overhead, selector and tolerations come from the RuntimeClass', async () => {
  const lookup = lookupOf(runtimeClass);
  const given = pod({
    runtimeClassName: 'kata',
    nodeSelector: { disk: 'ssd' },
    tolerations: [{ operator: 'Exists', key: 'x' }],
  });
  const spec = await admitted('RuntimeClass', { lookup }, given);
  assert.deepEqual(spec.overhead, { cpu: '10m' });
  assert.deepEqual(spec.nodeSelector, { disk: 'ssd', kata: 'yes' });
  assert.deepEqual(spec.tolerations, [
    { operator: 'Exists', key: 'x' },
    { key: 'kata', operator: 'Exists' },
  ]);
});

test('what contradicts the RuntimeClass is refused', async () => {
  const lookup = lookupOf(runtimeClass);
  const refuses = (spec: Partial<PodSpec>, message: string) =>
    assert.rejects(admitted('RuntimeClass', { lookup }, pod(spec)), refusal(`pods "web" is forbidden: ${message}`));
  await refuses({ runtimeClassName: 'ghost' }, 'pod rejected: RuntimeClass "ghost" not found');
  await refuses(
    { runtimeClassName: 'kata', overhead: { cpu: '1' } },
    "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
  );
  await refuses(
    { overhead: { cpu: '1' } },
    'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
  );
  await refuses(
    { runtimeClassName: 'kata', nodeSelector: { kata: 'no' } },
    'conflict: runtimeClass.scheduling.nodeSelector[kata] = yes; pod.spec.nodeSelector[kata] = no',
  );
});

// --- LimitRanger

const limitRange = (...limits: object[]) => ({
  apiVersion: 'v1',
  kind: 'LimitRange',
  metadata: { name: 'l', namespace: 'shop' },
  spec: { limits },
});

test('defaults fill what a container leaves out, and an annotation tells', async () => {
  const lookup = lookupOf(
    limitRange({ type: 'Container', default: { cpu: '500m', memory: '500Mi' }, defaultRequest: { cpu: '100m' } }),
  );
  const given = pod({
    containers: [{ name: 'a', resources: { limits: { cpu: '1' } } }],
    initContainers: [{ name: 'i' }],
  });
  const spec = await admitted('LimitRanger', { lookup }, given);
  assert.deepEqual(spec.containers?.[0]?.resources, {
    limits: { cpu: '1', memory: '500Mi' },
    requests: { cpu: '100m' },
  });
  assert.equal(
    given.metadata.annotations?.['kubernetes.io/limit-ranger'],
    'LimitRanger plugin set: cpu request for container a; memory limit for container a; cpu request for init container i; cpu, memory limit for init container i',
  );
});

test('bounds on containers are enforced in the words of upstream', async () => {
  const lookup = lookupOf(
    limitRange({ type: 'Container', min: { cpu: '100m' }, max: { cpu: '1' }, maxLimitRequestRatio: { cpu: '2' } }),
  );
  const refuses = (resources: Container['resources'] & object, message: string) =>
    assert.rejects(
      admitted('LimitRanger', { lookup }, pod({ containers: [{ name: 'c', resources }] })),
      refusal(`pods "web" is forbidden: ${message}`),
    );
  await admitted(
    'LimitRanger',
    { lookup },
    pod({ containers: [{ name: 'c', resources: { requests: { cpu: '500m' }, limits: { cpu: '1' } } }] }),
  );
  await refuses(
    { requests: { cpu: '50m' }, limits: { cpu: '100m' } },
    'minimum cpu usage per Container is 100m, but request is 50m',
  );
  await refuses(
    { requests: { cpu: '1500m' }, limits: { cpu: '2' } },
    'maximum cpu usage per Container is 1, but limit is 2',
  );
  await refuses(
    { requests: { cpu: '300m' }, limits: { cpu: '1' } },
    'cpu max limit to request ratio per Container is 2, but provided ratio is 3.333333',
  );
  await refuses(
    {},
    '[minimum cpu usage per Container is 100m.  No request is specified, maximum cpu usage per Container is 1.  No limit is specified, cpu max limit to request ratio per Container is 2, but no request is specified or request is 0]',
  );
});

test('a bound on pods counts init containers beside the sum, and sidecars within it', async () => {
  const lookup = lookupOf(limitRange({ type: 'Pod', max: { cpu: '1' } }));
  const limited = (cpu: string, more: object = {}): Container => ({
    name: 'c',
    resources: { limits: { cpu } },
    ...more,
  });
  const fits = { containers: [limited('400m'), limited('400m')], initContainers: [limited('1')] };
  await admitted('LimitRanger', { lookup }, pod(fits));
  const sidecar = { ...fits, initContainers: [limited('300m', { restartPolicy: 'Always' })] };
  await assert.rejects(
    admitted('LimitRanger', { lookup }, pod(sidecar)),
    refusal('pods "web" is forbidden: maximum cpu usage per Pod is 1, but limit is 1100m'),
  );
});

test('a resize fits the node', async () => {
  const node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n' },
    status: { allocatable: { cpu: '1', memory: '1Gi' } },
  };
  const asking = (cpu: string, generation: number): Pod =>
    pod(
      { nodeName: 'n', containers: [{ name: 'c', resources: { requests: { cpu, memory: '2Gi' } } }] },
      { generation },
    );
  const request = podRequest({ object: asking('2', 2), oldObject: asking('1', 1), subresource: 'resize' });
  await assert.rejects(
    run(plugin('PodResizeValidator', { lookup: lookupOf(node) }), request),
    refusal(
      'pods "web" is forbidden: node didn\'t have enough allocatable resources: cpu, requested: 2000, allocatable: 1000; memory, requested: 2147483648, allocatable: 1073741824',
    ),
  );
});
