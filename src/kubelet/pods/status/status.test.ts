import assert from 'node:assert/strict';
import { test } from 'node:test';
import type {
  Container,
  ContainerState,
  ContainerStatus,
  PodSpec,
  PodStatus,
} from '../../../schema/generated/index.ts';
import { app, instance, podOf, sandbox, sidecar, viewOf, type ViewOptions } from '../testing.ts';
import { finalStatus, podStatus } from './index.ts';
import { limitMessages } from './limit.ts';
import { phaseOf } from './phase.ts';

const statusOf = (options: ViewOptions, isEnding = false): PodStatus =>
  podStatus(viewOf(options), { isStopped: isEnding, isEnding, verdict: undefined, resize: undefined });

const condition = (status: PodStatus, type: string) => {
  const found = status.conditions?.find((one) => one.type === type);
  const { status: is, reason, message } = found ?? { status: 'absent' };
  return [is, reason, message].filter((part) => part !== undefined).join(' ');
};

const shown = (name: string, state: ContainerState, more: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name,
  state,
  ready: false,
  restartCount: 0,
  image: 'app:1',
  imageID: '',
  ...more,
});

const running: ContainerState = { running: {} };
const waiting: ContainerState = { waiting: {} };
const ended = (exitCode: number): ContainerState => ({ terminated: { exitCode } });

const phases: {
  what: string;
  init?: Container[];
  policy?: PodSpec['restartPolicy'];
  statuses: ContainerStatus[];
  isOver?: boolean;
  wasInitialized?: boolean;
  phase: string;
}[] = [
  { what: 'nothing seen yet', statuses: [], phase: 'Pending' },
  { what: 'waiting for the first start', statuses: [shown('main', waiting)], phase: 'Pending' },
  { what: 'running', statuses: [shown('main', running)], phase: 'Running' },
  { what: 'between two starts', statuses: [shown('main', waiting, { lastState: ended(1) })], phase: 'Running' },
  { what: 'ended, restarts always', statuses: [shown('main', ended(0))], phase: 'Running' },
  { what: 'ended well, on failure', policy: 'OnFailure', statuses: [shown('main', ended(0))], phase: 'Succeeded' },
  { what: 'ended badly, on failure', policy: 'OnFailure', statuses: [shown('main', ended(1))], phase: 'Running' },
  { what: 'ended well, never', policy: 'Never', statuses: [shown('main', ended(0))], phase: 'Succeeded' },
  { what: 'ended badly, never', policy: 'Never', statuses: [shown('main', ended(1))], phase: 'Failed' },
  { what: 'over', statuses: [shown('main', ended(0))], isOver: true, phase: 'Succeeded' },
  { what: 'over, badly', statuses: [shown('main', ended(1))], isOver: true, phase: 'Failed' },
  {
    what: 'initializing',
    init: [app('i')],
    statuses: [shown('i', running), shown('main', waiting)],
    phase: 'Pending',
  },
  {
    what: 'initialization failed for good',
    init: [app('i')],
    policy: 'Never',
    statuses: [shown('i', ended(1)), shown('main', waiting)],
    phase: 'Failed',
  },
  {
    what: 'a sidecar has not started',
    init: [sidecar('s')],
    statuses: [shown('s', running), shown('main', waiting)],
    phase: 'Pending',
  },
  {
    what: 'a sidecar restarts while the others run',
    init: [sidecar('s')],
    statuses: [shown('s', running), shown('main', running)],
    wasInitialized: true,
    phase: 'Running',
  },
  {
    what: 'a sidecar that ended does not count',
    init: [sidecar('s')],
    policy: 'Never',
    statuses: [shown('s', ended(137)), shown('main', ended(0))],
    phase: 'Succeeded',
  },
];

for (const { what, init = [], policy = 'Always', statuses, isOver = false, wasInitialized = false, phase } of phases) {
  test(`phase: ${what}: ${phase}`, () => {
    const pod = podOf({ initContainers: init, restartPolicy: policy });
    assert.equal(phaseOf(pod, statuses, { isStatic: false, isOver, wasInitialized }), phase);
  });
}

test('a pod that starts: waiting containers, unready conditions with upstream’s texts', () => {
  const pod = podOf({ initContainers: [app('i')], containers: [app('b'), app('a')] });
  const status = statusOf({ pod, sandboxes: [] });
  assert.deepEqual(
    status.containerStatuses?.map(({ name, state }) => [name, state?.waiting?.reason]),
    [
      ['a', 'PodInitializing'],
      ['b', 'PodInitializing'],
    ],
  );
  assert.equal(condition(status, 'PodReadyToStartContainers'), 'False');
  assert.equal(
    condition(status, 'Initialized'),
    'False ContainersNotInitialized containers with incomplete status: [i]',
  );
  assert.equal(condition(status, 'Ready'), 'False ContainersNotReady containers with unready status: [b a]');
  assert.equal(condition(status, 'PodScheduled'), 'True');
  assert.equal(status.observedGeneration, 1);
  assert.deepEqual(status.hostIPs, [{ ip: '192.0.2.1' }]);
  assert.equal(status.startTime, '1970-01-01T01:00:00Z');
});

test('a running pod: addresses of the sandbox, the node’s family first; ids as the API names them', () => {
  const sandboxes = [{ ...sandbox, ips: ['fd00::1', '10.0.0.1'] }];
  const status = statusOf({ sandboxes, containers: [instance('main', 'running', { id: 'abc' })] });
  assert.deepEqual(status.podIPs, [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }]);
  assert.equal(status.podIP, '10.0.0.1');
  const [main] = status.containerStatuses ?? [];
  assert.equal(main?.containerID, 'containerd://abc');
  assert.equal(main?.imageID, 'sha256:1');
  assert.deepEqual([main?.started, main?.ready], [true, true]);
  assert.equal(condition(status, 'Ready'), 'True');
});

test('on the host’s network the node’s addresses are the pod’s', () => {
  const pod = podOf({ hostNetwork: true });
  const sandboxes = [{ ...sandbox, hostNetwork: true, ips: [] }];
  assert.deepEqual(statusOf({ pod, sandboxes }).podIPs, [{ ip: '192.0.2.1' }]);
});

test('transition times stay while a condition’s status does; others’ conditions are the API’s', () => {
  const gate = { type: 'example.com/gate', status: 'False' };
  const pod = podOf(
    { readinessGates: [{ conditionType: 'example.com/gate' }, { conditionType: 'example.com/none' }] },
    { conditions: [gate] },
  );
  const containers = [instance('main', 'running')];
  const first = statusOf({ pod, containers });
  const later = statusOf({ pod, containers, status: first, nowMs: 9_000_000 });
  assert.deepEqual(later.conditions, first.conditions);
  assert.equal(
    condition(later, 'Ready'),
    'False ReadinessGatesNotReady the status of pod readiness gate "example.com/gate" is not "True", but False, ' +
      'corresponding condition of pod readiness gate "example.com/none" does not exist.',
  );
  assert.deepEqual(later.conditions?.[0], gate);
  const unready = statusOf({ pod, containers: [], status: first, nowMs: 9_000_000 });
  const changed = unready.conditions?.find(({ type }) => type === 'ContainersReady');
  assert.equal(changed?.lastTransitionTime, '1970-01-01T02:30:00Z');
});

test('the instance before is the last state; what the runtime has forgotten stays as it was shown', () => {
  const before = instance('main', 'exited', { exitCode: 3, restartCount: 1 });
  const now = instance('main', 'running', { restartCount: 2 });
  const status = statusOf({ containers: [before, now] });
  assert.equal(status.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 3);
  assert.equal(status.containerStatuses?.[0]?.restartCount, 2);
  const forgotten = statusOf({ containers: [now], status });
  assert.equal(forgotten.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 3);
});

test('a container that ran and is not to be found has ended, how is not known', () => {
  const was = shown('main', running, { containerID: 'containerd://x', restartCount: 4 });
  const status = statusOf({ status: { phase: 'Running', containerStatuses: [was] } });
  const [main] = status.containerStatuses ?? [];
  assert.deepEqual(main?.lastState?.terminated, {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was deleted.  The container used to be Running',
  });
  assert.equal(main?.restartCount, 5);
  assert.equal(status.phase, 'Running');
});

test('volumes that cannot be mounted leave the container creating', () => {
  const failures = new Map([['main', { reason: '', message: 'no such Secret', retryAtMs: 9_000_000 }]]);
  const status = statusOf({ memory: { failures } });
  assert.deepEqual(status.containerStatuses?.[0]?.state, { waiting: { reason: 'ContainerCreating' } });
});

test('a terminal phase stays, whatever is seen', () => {
  const status = statusOf({
    status: { phase: 'Failed', reason: 'Evicted', message: 'm' },
    containers: [instance('main', 'running')],
  });
  assert.deepEqual([status.phase, status.reason, status.message], ['Failed', 'Evicted', 'm']);
  assert.equal(condition(status, 'Ready'), 'False PodFailed');
});

test('an ended pod whose containers were never seen to end has failed', () => {
  const status = finalStatus(podOf(), { phase: 'Running', containerStatuses: [shown('main', running)] }, false);
  assert.equal(status.phase, 'Failed');
  assert.equal(status.containerStatuses?.[0]?.state?.terminated?.reason, 'ContainerStatusUnknown');
  const pod = podOf({ initContainers: [app('i1'), app('i2')] });
  const init = [shown('i1', running), shown('i2', waiting)];
  const uninitialized = finalStatus(
    pod,
    { phase: 'Pending', initContainerStatuses: init, containerStatuses: [shown('main', waiting)] },
    false,
  );
  const states = [...(uninitialized.initContainerStatuses ?? []), ...(uninitialized.containerStatuses ?? [])];
  assert.deepEqual(
    states.map(({ state }) => Object.keys(state ?? {})[0]),
    ['terminated', 'waiting', 'waiting'],
  );
});

test('resources: what the runtime holds the container to, when it differs from what was asked', () => {
  const resources = { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '500m', memory: '128Mi' } };
  const pod = podOf({ containers: [app('main', { resources })] });
  const limits = { cpuShares: 204, cpuQuota: 25_000, cpuPeriod: 100_000, memoryBytes: 64 << 20 };
  const status = statusOf({ pod, containers: [instance('main', 'running', { limits })] });
  assert.deepEqual(status.containerStatuses?.[0]?.resources, {
    requests: { cpu: '200m', memory: '64Mi' },
    limits: { cpu: '250m', memory: '64Mi' },
  });
  assert.deepEqual(status.containerStatuses?.[0]?.allocatedResources, resources.requests);
});

test('last words share 12 KiB, and characters are not torn', () => {
  const long = { terminated: { exitCode: 1, message: 'é'.repeat(5_000) } };
  const pod = podOf({ containers: [app('a'), app('b'), app('c')] });
  const limited = limitMessages(pod, { containerStatuses: [shown('a', long)] });
  const message = limited.containerStatuses?.[0]?.state?.terminated?.message ?? '';
  assert.equal(Buffer.byteLength(message), 4096);
  assert.match(message, /^é+$/);
});
