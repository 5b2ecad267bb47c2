import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { app, instance, podOf, sandbox, sidecar, viewOf, type ViewOptions } from '../testing.ts';
import type { LaneAction, ObservedContainer } from '../types.ts';
import { planPod } from './index.ts';

/** `start main`, `stop s1`, … */
function next(options: ViewOptions): string {
  const action = planPod(viewOf(options)).next;
  return action ? describe(action) : 'nothing';
}

function describe(action: LaneAction): string {
  switch (action.do) {
    case 'startContainer':
      return `start ${action.container.name} ${action.restartCount}`;
    case 'createSandbox':
      return `sandbox ${action.attempt}`;
    case 'cleanUp':
      return 'clean up';
    case 'resize':
      return `resize ${action.containers.map(({ container }) => container.name).join(' ')}`;
    default:
      return `${action.do} ${action.ids.join(' ')}`;
  }
}

const kills = (options: ViewOptions): string[] =>
  planPod(viewOf(options)).kills.map((kill) =>
    kill.do === 'beginKill'
      ? `begin ${kill.container.name} ${kill.graceMs / 1000}: ${kill.message}`
      : `stop ${kill.container.name} ${kill.graceSeconds}`,
  );

const deleted = (seconds: number, spec = {}) => {
  const pod = podOf(spec);
  pod.metadata.deletionTimestamp = '1970-01-01T01:00:00Z';
  pod.metadata.deletionGracePeriodSeconds = seconds;
  return pod;
};

test('a new pod gets a sandbox, then its containers one after the other', () => {
  const pod = podOf({ containers: [app('a'), app('b')] });
  assert.equal(next({ pod, sandboxes: [] }), 'sandbox 0');
  assert.equal(next({ pod }), 'start a 0');
  assert.equal(next({ pod, containers: [instance('a', 'running')] }), 'start b 0');
  assert.equal(next({ pod, containers: [instance('a', 'running'), instance('b', 'running')] }), 'nothing');
});

test('while something is being started nothing else is', () => {
  assert.equal(next({ isBusy: true }), 'nothing');
});

test('a container that was made and not started is removed: whether it would start is not known', () => {
  const made = instance('main', 'created');
  assert.equal(next({ containers: [made] }), `removeContainers ${made.id}`);
});

test('what the runtime would not take away is left alone for a while, and others start meanwhile', () => {
  const memory = { cleanRetryAtMs: 3_600_500 };
  const made = instance('main', 'created');
  const plan = planPod(viewOf({ containers: [made], memory }));
  assert.deepEqual([plan.next, plan.wakeAtMs], [undefined, 3_600_500]);
  assert.equal(next({ containers: [made], memory, nowMs: 3_600_500 }), `removeContainers ${made.id}`);
  const pod = podOf({ containers: [app('main'), app('other')] });
  assert.equal(next({ pod, containers: [made], memory }), 'start other 0');
  const ended = podOf({ restartPolicy: 'Never' });
  const surplus = [1, 2, 3].map((restartCount) => instance('main', 'exited', { restartCount }));
  const cleaned = { isCleaned: true, stoppedSandboxes: new Set(['s1']) };
  const dead = { pod: ended, containers: surplus, status: { phase: 'Failed' as const } };
  assert.match(next({ ...dead, memory: cleaned }), /^removeContainers/);
  assert.equal(next({ ...dead, memory: { ...cleaned, ...memory } }), 'nothing', 'garbage too');
});

test('waits are the monotonic clock’s: a wall clock that is set back makes none longer', () => {
  const failures = new Map([['main', { reason: 'ErrImagePull', message: 'no', retryAtMs: 50_000 }]]);
  assert.equal(next({ memory: { failures }, nowMs: 1_000, monotonicMs: 50_000 }), 'start main 0');
  const ended = instance('main', 'exited', { finishedAtMs: 1_000 });
  const key = JSON.stringify(['app:1', undefined]);
  const backOffs = new Map([['main', { key, waitMs: 10_000, startedAtMs: 500 }]]);
  const plan = planPod(viewOf({ containers: [ended], memory: { backOffs }, nowMs: 3_000, monotonicMs: 70_000 }));
  assert.equal(plan.wakeAtMs, 78_000);
});

test('init containers hold back all that follow; ephemeral ones wait for nobody', () => {
  const pod = podOf({ initContainers: [app('i1'), app('i2')], ephemeralContainers: [app('debug')] });
  const debug = instance('debug', 'exited', { exitCode: 1 });
  assert.equal(next({ pod }), 'start debug 0');
  assert.equal(next({ pod, containers: [debug] }), 'start i1 0');
  assert.equal(next({ pod, containers: [debug, instance('i1', 'running')] }), 'nothing');
  assert.equal(next({ pod, containers: [debug, instance('i1', 'exited')] }), 'start i2 0');
  assert.equal(next({ pod, containers: [instance('i1', 'exited', { exitCode: 1 }), debug] }), 'start i1 1');
  const both = [debug, instance('i1', 'exited'), instance('i2', 'exited')];
  assert.equal(next({ pod, containers: both }), 'start main 0');
  assert.equal(next({ pod, containers: [debug, instance('i2', 'exited')] }), 'start main 0', 'removed since');
});

test('a sidecar lets the next one start when it has started, and comes back when it ends', () => {
  const pod = podOf({ initContainers: [sidecar('s'), app('i')] });
  const running = instance('s', 'running');
  assert.equal(next({ pod, containers: [running], probes: () => ({ started: false, ready: false }) }), 'nothing');
  assert.equal(next({ pod, containers: [running] }), 'start i 0');
  const later = [instance('s', 'exited'), instance('i', 'exited'), instance('main', 'running')];
  assert.equal(next({ pod, containers: later }), 'start s 1');
});

test('a failed init container ends a pod that does not restart', () => {
  const pod = podOf({ restartPolicy: 'Never', initContainers: [app('i')] });
  const containers = [instance('i', 'exited', { exitCode: 2 })];
  assert.equal(next({ pod, containers }), 'stopSandboxes s1');
  const plan = planPod(viewOf({ pod, containers, memory: { stoppedSandboxes: new Set(['s1']) } }));
  assert.equal(plan.status.phase, 'Failed');
});

test('a pod that ended within its deadline is not told of later', () => {
  const status = { phase: 'Succeeded', startTime: '1970-01-01T00:00:00Z' } as const;
  const pod = podOf({ restartPolicy: 'Never', activeDeadlineSeconds: 60 }, status);
  const containers = [instance('main', 'exited')];
  assert.equal(planPod(viewOf({ pod, containers })).verdict, undefined);
  const late = podOf({ activeDeadlineSeconds: 60 }, { ...status, phase: 'Running' });
  const running = [instance('main', 'running')];
  assert.equal(planPod(viewOf({ pod: late, containers: running })).verdict?.reason, 'DeadlineExceeded');
});

test('restart rules of a container go before the policies', () => {
  const rules = [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }];
  const containers = [app('main', { restartPolicy: 'Never', restartPolicyRules: rules })];
  const pod = podOf({ restartPolicy: 'Never', containers });
  assert.equal(next({ pod, containers: [instance('main', 'exited', { exitCode: 42 })] }), 'start main 1');
  assert.equal(next({ pod, containers: [instance('main', 'exited', { exitCode: 1 })] }), 'stopSandboxes s1');
});

test('what failed to start is tried again in time, and does not hold back others', () => {
  const pod = podOf({ containers: [app('a'), app('b')] });
  const failures = new Map([['a', { reason: 'ErrImagePull', message: 'no', retryAtMs: 3_600_500 }]]);
  assert.equal(next({ pod, memory: { failures } }), 'start b 0');
  const plan = planPod(viewOf({ pod, memory: { failures }, containers: [instance('b', 'running')] }));
  assert.equal(plan.wakeAtMs, 3_600_500);
  assert.deepEqual(plan.status.containerStatuses?.[0]?.state, { waiting: { reason: 'ErrImagePull', message: 'no' } });
});

test('the restart count goes on from the status when the runtime has forgotten', () => {
  const lost = { name: 'main', image: 'app:1', imageID: '', ready: false, restartCount: 7 };
  const pod = podOf({}, { containerStatuses: [{ ...lost, state: { running: {} } }] });
  assert.equal(next({ pod }), 'start main 8');
  const waiting = podOf({}, { containerStatuses: [{ ...lost, state: { waiting: {} } }] });
  assert.equal(next({ pod: waiting }), 'start main 7');
});

test('a lost sandbox: what runs ends, init containers run again, then a new one', () => {
  const pod = podOf({ initContainers: [app('i')] });
  const gone = { ...sandbox, ready: false };
  const init = instance('i', 'exited');
  const containers = [init, instance('main', 'exited', { exitCode: 137 })];
  assert.equal(next({ pod, sandboxes: [gone], containers }), 'stopSandboxes s1');
  const memory = { stoppedSandboxes: new Set(['s1']) };
  assert.equal(next({ pod, sandboxes: [gone], containers, memory }), `removeContainers ${init.id}`);
  assert.equal(next({ pod, sandboxes: [gone], containers: containers.slice(1), memory }), 'sandbox 1');
});

test('a sandbox on the wrong network, or without an address, is replaced', () => {
  const memory = { stoppedSandboxes: new Set(['s1']) };
  assert.equal(next({ sandboxes: [{ ...sandbox, ips: [] }], memory }), 'sandbox 1');
  assert.equal(next({ pod: podOf({ hostNetwork: true }), memory }), 'sandbox 1');
});

test('of two living sandboxes the older one goes', () => {
  const newer = { ...sandbox, id: 's2', attempt: 1, createdAtMs: 5_000 };
  assert.equal(next({ sandboxes: [newer, sandbox] }), 'stopSandboxes s1');
});

test('deletion stops containers with its grace; hooks first; sidecars when the others have ended', () => {
  const pod = deleted(20, { initContainers: [sidecar('s')] });
  const side = instance('s', 'running');
  const main = instance('main', 'running');
  assert.deepEqual(kills({ pod, containers: [side, main] }), [
    'begin main 20: Stopping container main',
    'begin s 20: Stopping container s',
  ]);
  const kill = { beganAtMs: 3_600_000, graceMs: 20_000, hook: 'none', restart: false } as const;
  const under = (hook: 'none' | 'running') =>
    new Map([
      [main.id, { ...kill, hook }],
      [side.id, kill],
    ]);
  assert.deepEqual(kills({ pod, containers: [side, main], memory: { kills: under('none') } }), ['stop main 20']);
  assert.deepEqual(kills({ pod, containers: [side, main], memory: { kills: under('running') } }), []);
  const afterHook = { pod, containers: [side, main], nowMs: 3_620_000, memory: { kills: under('running') } };
  assert.deepEqual(kills(afterHook), ['stop main 2', 'stop s 2'], 'at least 2 s each');
  const mainEnded = [side, { ...main, state: 'exited' as const }];
  const later = { pod, containers: mainEnded, nowMs: 3_605_000, memory: { kills: under('none') } };
  assert.deepEqual(kills(later), ['stop s 15'], 'what is left of the grace');
});

test('a grace that has become shorter hastens a stop that is under way', () => {
  const main = instance('main', 'running');
  const kill = { beganAtMs: 3_600_000, graceMs: 60_000, hook: 'none', restart: false, stopsAtMs: 3_660_000 } as const;
  const memory = { kills: new Map([[main.id, kill]]) };
  assert.deepEqual(kills({ pod: deleted(60), containers: [main], memory }), []);
  assert.deepEqual(kills({ pod: deleted(5), containers: [main], memory, nowMs: 3_602_000 }), ['stop main 3']);
});

test('a pod ends step by step: containers, sandboxes, volumes, then it is finished', () => {
  const pod = deleted(5);
  const containers = [instance('main', 'exited')];
  assert.equal(next({ pod, containers }), 'stopSandboxes s1');
  const memory = { stoppedSandboxes: new Set(['s1']) };
  assert.equal(next({ pod, containers, memory }), 'clean up');
  const plan = planPod(viewOf({ pod, containers, memory: { ...memory, isCleaned: true } }));
  assert.equal(plan.stage, 'finished');
  assert.equal(plan.status.phase, 'Succeeded');
  assert.equal(plan.next, undefined, 'kept for its logs');
  const gone = { pod, isRemoved: true, memory: { ...memory, isCleaned: true } };
  assert.equal(next({ ...gone, containers }), `removeContainers ${containers[0]?.id}`);
  assert.equal(next(gone), 'removeSandboxes s1');
});

test('Failed is told only when nothing runs any more', () => {
  const pod = podOf({ activeDeadlineSeconds: 10 }, { phase: 'Running', startTime: '1970-01-01T00:00:00Z' });
  const running = planPod(viewOf({ pod, containers: [instance('main', 'running')] }));
  assert.equal(running.status.phase, 'Running');
  assert.equal(running.stage, 'terminating');
  const memory = { stoppedSandboxes: new Set(['s1']) };
  const ended = planPod(viewOf({ pod, containers: [instance('main', 'exited', { exitCode: 137 })], memory }));
  assert.deepEqual([ended.status.phase, ended.status.reason], ['Failed', 'DeadlineExceeded']);
});

test('changed resources are set in place, decreases first; or by a restart where the container wants that', () => {
  const limits = { cpuShares: 102, cpuQuota: 20_000, cpuPeriod: 100_000, memoryBytes: 64 << 20 };
  const wants = (cpu: string, memory: string, policy?: string) => ({
    resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu, memory } },
    ...(policy && { resizePolicy: [{ resourceName: 'memory', restartPolicy: policy }] }),
  });
  const grown = app('a', wants('300m', '64Mi'));
  const shrunk = app('b', wants('200m', '32Mi'));
  const same = app('c', wants('200m', '64Mi'));
  const pod = podOf({ containers: [grown, shrunk, same] });
  const containers = ['a', 'b', 'c'].map((name) => instance(name, 'running', { limits }));
  assert.equal(next({ pod, containers }), 'resize b a');
  const told = (options: ViewOptions) =>
    planPod(viewOf(options)).status.conditions?.filter(({ type }) => type.startsWith('PodResize'));
  assert.equal(told({ pod, containers })?.[0]?.type, 'PodResizeInProgress');
  const resizeProblem = { reason: 'Infeasible', message: 'too much' } as const;
  assert.equal(next({ pod, containers, resizeProblem }), 'nothing');
  assert.equal(told({ pod, containers, resizeProblem })?.[0]?.reason, 'Infeasible');

  const strict = podOf({ containers: [app('a', wants('200m', '32Mi', 'RestartContainer'))] });
  assert.deepEqual(kills({ pod: strict, containers: containers.slice(0, 1) }), [
    'begin a 30: Container a resize requires restart',
  ]);
  const [first] = containers;
  const resized = new Map([[first?.id ?? '', JSON.stringify({ ...limits, cpuQuota: 30_000 })]]);
  const onlyGrown = podOf({ containers: [grown] });
  assert.equal(next({ pod: onlyGrown, containers: containers.slice(0, 1), memory: { resized } }), 'nothing');
  assert.deepEqual(told({ pod: onlyGrown, containers: containers.slice(0, 1), memory: { resized } }), []);
});

const states = fc.constantFrom<ObservedContainer['state']>('created', 'running', 'exited', 'unknown');
const seen = fc.array(
  fc.record({
    name: fc.constantFrom('init', 's', 'main', 'other'),
    state: states,
    exitCode: fc.constantFrom(0, 1, 137),
  }),
  { maxLength: 6 },
);
const situation = fc.record({
  seen,
  ready: fc.boolean(),
  policy: fc.constantFrom('Always', 'OnFailure', 'Never'),
  isDeleted: fc.boolean(),
  isRemoved: fc.boolean(),
});

test('in any situation: nothing is started that runs, nothing ends that is not alive, an ending pod starts nothing', () =>
  fc.assert(
    fc.property(situation, ({ seen, ready, policy, isDeleted, isRemoved }) => {
      const spec = {
        restartPolicy: policy,
        initContainers: [app('init'), sidecar('s')],
        containers: [app('main'), app('other')],
      } as const;
      const pod = isDeleted ? deleted(5, spec) : podOf(spec as never);
      const containers = seen.map(({ name, state, exitCode }) => instance(name, state, { exitCode }));
      const view = viewOf({ pod, containers, isRemoved, sandboxes: [{ ...sandbox, ready }] });
      const plan = planPod(view);
      const alive = new Set(containers.filter(({ state }) => state === 'running' || state === 'unknown'));
      for (const { container } of plan.kills) assert.ok(alive.has(container));
      if (plan.next?.do === 'startContainer') {
        const { name } = plan.next.container;
        const newest = view.observed.containers.find((one) => one.name === name);
        assert.ok(newest?.state !== 'running' && newest?.state !== 'unknown', `${name} runs`);
        assert.ok(!isDeleted && !isRemoved && ready);
      }
      if (plan.next?.do === 'createSandbox') assert.ok(!ready && alive.size === 0);
      if (plan.next?.do === 'cleanUp') assert.equal(alive.size, 0);
      if (plan.status.phase === 'Succeeded' || plan.status.phase === 'Failed') assert.equal(alive.size, 0);
    }),
    { numRuns: 2_000 },
  ));
