import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultBudget } from '../../config/index.ts';
import { formatTime, ManualClock, silentLogger } from '../../kernel/index.ts';
import type { Container, ContainerStatus, Pod, PodStatus } from '../../schema/generated/index.ts';
import type { KubeletEnv, ProbeManager, ProbeResults } from '../types.ts';
import { createProbeManager } from './manager.ts';
import type { Outcome } from './types.ts';

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
};

const exec = { exec: { command: ['x'] } };

/** One pod with one container, which the fixture's owner moves about. */
class Fixture {
  readonly clock = new ManualClock();
  readonly events: string[] = [];
  /** Seconds since the start at which probes ran. */
  readonly probes: number[] = [];
  outcome: Outcome = { result: 'success', output: '' };
  onProbe: () => Promise<void> | void = () => {};
  changes = 0;
  readonly manager: ProbeManager;
  readonly pod: Pod;
  readonly container: Container;
  id = 'containerd://1';
  startedAtMs: number | undefined;
  exitCode: number | undefined;
  random = 0.5;
  readonly #beganMs: number;

  constructor(container: Partial<Container>, restartPolicy: 'Always' | 'OnFailure' | 'Never' = 'Always') {
    this.container = { name: 'c', ...container };
    this.pod = {
      metadata: { name: 'p', namespace: 'default', uid: 'u' },
      spec: { containers: [this.container], restartPolicy },
    };
    this.#beganMs = this.clock.nowMs();
    this.manager = createProbeManager(this.env(), () => this.#changed(), {
      random: () => this.random,
      run: async () => {
        this.probes.push((this.clock.nowMs() - this.#beganMs) / 1000);
        await this.onProbe();
        return this.outcome;
      },
    });
  }

  env(): KubeletEnv {
    return {
      clock: this.clock,
      log: silentLogger,
      recorder: {
        event: (_: unknown, type: string, reason: string, message: string) =>
          this.events.push(`${type} ${reason}: ${message}`),
      },
      budget: defaultBudget,
    } as unknown as KubeletEnv;
  }

  #changed(): void {
    this.changes++;
    this.look();
  }

  results = (): ProbeResults => this.manager.results(this.pod, this.container, this.id);

  /** What the pod manager does whenever it computes a status. */
  look(): PodStatus {
    const { started, ready } = this.startedAtMs === undefined ? { started: false, ready: false } : this.results();
    const state: ContainerStatus['state'] =
      this.exitCode !== undefined
        ? { terminated: { exitCode: this.exitCode } }
        : this.startedAtMs === undefined
          ? { waiting: {} }
          : { running: { startedAt: formatTime(this.startedAtMs) } };
    const one = { name: 'c', image: '', imageID: '', restartCount: 0, started, ready, state };
    const containerStatuses = [{ ...one, ...(this.startedAtMs !== undefined && { containerID: this.id }) }];
    const status: PodStatus = { phase: 'Running', podIP: '10.0.0.1', containerStatuses };
    this.manager.observe(this.pod, status);
    return status;
  }

  async run(): Promise<void> {
    this.startedAtMs = this.clock.nowMs();
    this.look();
    await this.pass(0);
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left >= 0; left -= 100) {
      this.clock.advance(Math.min(left, 100));
      await settle();
      if (left === 0) break;
    }
  }
}

test('without probes a container is started and ready as soon as it runs', async () => {
  const fixture = new Fixture({});
  await fixture.run();
  assert.deepEqual(fixture.results(), { started: true, ready: true });
});

test('a readiness probe runs as soon as the container can be there, and then once a period', async () => {
  const fixture = new Fixture({ readinessProbe: { ...exec, periodSeconds: 5 } });
  fixture.look();
  await fixture.pass(3_000);
  assert.deepEqual(fixture.probes, []);
  await fixture.run();
  await fixture.pass(200);
  assert.deepEqual(fixture.results(), { started: true, ready: true });
  await fixture.pass(11_000);
  assert.deepEqual(fixture.probes, [3.2, 8.2, 13.2]);
  assert.equal(fixture.changes, 1);
});

test('a container that is slow to answer is asked once more within its first second', async () => {
  const fixture = new Fixture({ readinessProbe: { ...exec, periodSeconds: 10 } });
  fixture.outcome = { result: 'failure', output: 'not yet' };
  fixture.look();
  await fixture.pass(0);
  await fixture.run();
  await fixture.pass(800);
  fixture.outcome = { result: 'success', output: '' };
  await fixture.pass(200);
  assert.deepEqual([fixture.probes, fixture.results().ready], [[0.2, 1], true]);
});

test('nothing is probed before its initial delay', async () => {
  const fixture = new Fixture({ readinessProbe: { ...exec, periodSeconds: 1, initialDelaySeconds: 30 } });
  await fixture.run();
  await fixture.pass(29_000);
  assert.deepEqual([fixture.probes, fixture.results().ready], [[], false]);
  await fixture.pass(1_000);
  assert.deepEqual([fixture.probes, fixture.results().ready], [[30], true]);
});

test('readiness goes after as many failures as its threshold says, and comes back likewise', async () => {
  const fixture = new Fixture({
    readinessProbe: { ...exec, periodSeconds: 1, failureThreshold: 3, successThreshold: 2 },
  });
  await fixture.run();
  assert.equal(fixture.results().ready, false);
  await fixture.pass(1_000);
  assert.equal(fixture.results().ready, true);
  fixture.outcome = { result: 'failure', output: 'HTTP probe failed with statuscode: 500' };
  await fixture.pass(2_000);
  assert.equal(fixture.results().ready, true);
  await fixture.pass(1_000);
  assert.equal(fixture.results().ready, false);
  assert.equal(fixture.events[0], 'Warning Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 500');
  fixture.outcome = { result: 'success', output: '' };
  await fixture.pass(2_000);
  assert.equal(fixture.results().ready, true);
});

test('a container that fails its liveness probe is told of once, and its successor begins anew', async () => {
  const fixture = new Fixture({ livenessProbe: { ...exec, periodSeconds: 2, failureThreshold: 2 } });
  fixture.outcome = { result: 'failure', output: 'no' };
  await fixture.run();
  assert.equal(fixture.results().failed, undefined);
  await fixture.pass(2_000);
  assert.deepEqual(fixture.results().failed, { probe: 'liveness', message: 'Container c failed liveness probe' });
  await fixture.pass(10_000);
  assert.equal(fixture.probes.length, 2);
  fixture.id = 'containerd://2';
  await fixture.run();
  assert.equal(fixture.results().failed, undefined);
  await fixture.pass(4_000);
  assert.equal(fixture.results().failed?.probe, 'liveness');
});

test('until the startup probe has succeeded no other one runs, and then it rests', async () => {
  const fixture = new Fixture({
    startupProbe: { ...exec, periodSeconds: 1, failureThreshold: 10 },
    livenessProbe: { ...exec, periodSeconds: 1 },
  });
  fixture.outcome = { result: 'failure', output: 'not yet' };
  await fixture.run();
  await fixture.pass(2_000);
  assert.deepEqual([fixture.probes, fixture.results().started], [[0, 1, 2], false]);
  fixture.outcome = { result: 'success', output: '' };
  await fixture.pass(1_000);
  assert.equal(fixture.results().started, true);
  fixture.probes.length = 0;
  await fixture.pass(3_000);
  assert.deepEqual(fixture.probes, [4, 5, 6]);
});

test('a startup probe that never succeeds ends the container', async () => {
  const fixture = new Fixture({ startupProbe: { ...exec, periodSeconds: 1, failureThreshold: 3 } });
  fixture.outcome = { result: 'failure', output: 'no' };
  await fixture.run();
  await fixture.pass(2_000);
  assert.deepEqual(fixture.results().failed, { probe: 'startup', message: 'Container c failed startup probe' });
});

test('a pod that is going is no longer held to its liveness', async () => {
  const fixture = new Fixture({ livenessProbe: { ...exec, periodSeconds: 1, failureThreshold: 1 } });
  await fixture.run();
  fixture.pod.metadata.deletionTimestamp = formatTime(fixture.clock.nowMs());
  fixture.outcome = { result: 'failure', output: 'no' };
  fixture.look();
  await fixture.pass(5_000);
  assert.deepEqual([fixture.probes.length, fixture.results().failed], [1, undefined]);
});

test('a warning counts as a success, what could not be carried out does not count', async () => {
  const fixture = new Fixture({ readinessProbe: { ...exec, periodSeconds: 1 } });
  fixture.outcome = { result: 'error', output: 'broken' };
  await fixture.run();
  assert.equal(fixture.results().ready, false);
  fixture.outcome = { result: 'warning', output: 'elsewhere' };
  await fixture.pass(1_000);
  assert.equal(fixture.results().ready, true);
  assert.deepEqual(fixture.events, [
    'Warning Unhealthy: Readiness probe errored and resulted in unknown state: broken',
    'Warning ProbeWarning: Readiness probe warning: elsewhere',
  ]);
});

test('a probe that takes longer than its period is followed by the next one at once, never by two', async () => {
  const fixture = new Fixture({ livenessProbe: { ...exec, periodSeconds: 1 } });
  let gate = Promise.withResolvers<void>();
  fixture.onProbe = () => gate.promise;
  await fixture.run();
  await fixture.pass(5_000);
  assert.deepEqual(fixture.probes, [0]);
  const before = gate;
  gate = Promise.withResolvers<void>();
  before.resolve();
  await settle();
  assert.deepEqual(fixture.probes, [0, 5]);
  gate.resolve();
});

test('after a restart what was ready stays ready until its first probe, which comes at a random moment', async () => {
  const fixture = new Fixture({ readinessProbe: { ...exec, periodSeconds: 10 } });
  fixture.startedAtMs = fixture.clock.nowMs() - 60_000;
  const running = { startedAt: formatTime(fixture.startedAtMs) };
  const before = { name: 'c', image: '', imageID: '', restartCount: 0, containerID: fixture.id, state: { running } };
  fixture.pod.status = { containerStatuses: [{ ...before, started: true, ready: true }] };
  fixture.look();
  await fixture.pass(4_000);
  assert.deepEqual([fixture.probes, fixture.results().ready], [[], true]);
  fixture.outcome = { result: 'failure', output: 'no' };
  await fixture.pass(1_000);
  assert.deepEqual([fixture.probes, fixture.results().ready], [[5], true]);
  await fixture.pass(20_000);
  assert.equal(fixture.results().ready, false);
});

test('a container that has ended for good is probed no more', async () => {
  const fixture = new Fixture({ livenessProbe: { ...exec, periodSeconds: 1 } }, 'OnFailure');
  await fixture.run();
  fixture.exitCode = 0;
  fixture.look();
  await fixture.pass(5_000);
  assert.deepEqual(fixture.probes, [0]);
});

test('a pod that is forgotten is probed no more', async () => {
  const fixture = new Fixture({ livenessProbe: { ...exec, periodSeconds: 1 } });
  await fixture.run();
  fixture.manager.forget('u');
  await fixture.pass(5_000);
  assert.deepEqual(fixture.probes, [0]);
});
