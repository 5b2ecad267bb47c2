/** kill -9 of containerd while containers start and stop: what runs goes on, what ended is known, nothing is doubled. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../src/kernel/index.ts';
import { CriError, type CriClient } from '../../src/kubelet/cri/index.ts';
import type { Runtime } from '../../src/kubelet/runtime/index.ts';
import { inOwnNamespace } from '../support/own-namespace.ts';
import { persistently, type PodHandle, processesWith, RuntimeNode, statusOf, until } from './runtime-support.ts';

const kills = 20;
const workers = 3;

inOwnNamespace(import.meta.url, () => {
  test(`${kills} times kill -9 of containerd under load`, { timeout: 240_000 }, async () => {
    await using node = new RuntimeNode();
    const runtime = await node.open();
    const { cri } = runtime;
    const following = followEvents(cri);
    const steady = await Promise.all([1, 2, 3].map(async () => (await node.pod(cri)).run('sleep 10000')));
    const before = await Promise.all(steady.map((id) => statusOf(cri, id)));
    const pods = await Promise.all(Array.from({ length: workers }, () => node.pod(cri)));

    await using load = new Load(cri, pods);
    const away: number[] = [];
    const meanwhile: { id: string; code: number }[] = [];
    const doomed = await node.pod(cri);
    for (let kill = 0; kill < kills; kill++) {
      const code = 10 + kill;
      meanwhile.push({ id: await persistently(() => doomed.run(`sleep 0.3; exit ${code}`)), code });
      await systemClock.sleep(Math.random() * 180);
      away.push(await killContainerd(runtime));
      // A child on its way to another program has its parent's arguments for a moment.
      await until(
        'one containerd',
        async () => processesWith(`-c ${node.paths.run}/containerd.toml`),
        ({ length }) => length === 1,
      );
    }
    await load.stop();
    away.sort((a, b) => a - b);
    console.log(
      `away ${Math.round(away[away.length >> 1] ?? 0)} ms in the median, ${Math.round(away.at(-1) ?? 0)} ms at most; ${load.ended} containers ended under load, ${load.failed} were interrupted, ${load.forgotten} codes forgotten`,
    );

    for (const [index, id] of steady.entries()) {
      const now = await statusOf(cri, id);
      assert.deepEqual([now.state, now.startedAt], ['CONTAINER_RUNNING', before[index]?.startedAt]);
    }
    for (const { id, code } of meanwhile) assert.equal((await untilExited(cri, id)).exitCode, code, id);
    assert.ok((away.at(-1) ?? 0) < 10_000, 'never away for long');
    assert.ok(load.ended > kills, 'the load was real');
    await assertNothingDoubled(cri, node, steady.length + pods.length + 1);
    following.stop();
    assert.ok(following.resumptions() > kills / 2, 'the events came again');
  });

  test('pods that were half made or half gone when containerd was killed leave nothing', {
    timeout: 240_000,
  }, async () => {
    await using node = new RuntimeNode();
    const runtime = await node.open();
    const { cri } = runtime;
    let isStopping = false;
    let interrupted = 0;
    const churn = Array.from({ length: workers }, async () => {
      while (!isStopping) {
        try {
          const pod = await node.pod(cri);
          await pod.run('sleep 1000');
          await remove(cri, pod.sandboxId);
        } catch (error) {
          if (!(error instanceof CriError)) throw error;
          interrupted++;
          await systemClock.sleep(100);
        }
      }
    });
    for (let kill = 0; kill < kills / 2; kill++) {
      await systemClock.sleep(200 + Math.random() * 500);
      await killContainerd(runtime);
    }
    isStopping = true;
    await Promise.all(churn);
    assert.ok(interrupted > 0);
    const known = new Set((await cri.call('ListPodSandbox', {})).items.map(({ id }) => id));
    const shims = () => processesWith(`-address ${node.paths.run}`);
    const isKnown = (shim: string): boolean => known.has(/ -id (\w+) /.exec(shim)?.[1] ?? '');
    await until(
      'the end of shims that belong to no pod',
      async () => shims(),
      (all) => all.every(isKnown),
    );
    for (const { id } of (await cri.call('ListPodSandbox', {})).items) await remove(cri, id);
    assert.deepEqual((await cri.call('ListContainers', {})).containers, []);
    await until(
      'the end of the shims',
      async () => shims(),
      ({ length }) => length === 0,
      60_000,
    );
    assert.deepEqual(node.leases(), []);
  });
});

/** Resolves with how long it was away. */
async function killContainerd(runtime: Runtime): Promise<number> {
  const pid = runtime.pid();
  assert.ok(pid);
  process.kill(pid, 'SIGKILL');
  const killedMs = systemClock.monotonicMs();
  await until(
    'another process',
    async () => runtime.pid(),
    (now) => now !== undefined && now !== pid,
  );
  await persistently(() => runtime.cri.call('Status', {}));
  return systemClock.monotonicMs() - killedMs;
}

async function remove(cri: CriClient, podSandboxId: string): Promise<void> {
  await cri.call('StopPodSandbox', { podSandboxId });
  await cri.call('RemovePodSandbox', { podSandboxId });
}

function followEvents(cri: CriClient): { stop(): void; resumptions(): number } {
  let resumptions = 0;
  const { stop } = cri.events({
    event() {},
    resumed() {
      resumptions++;
    },
  });
  return { stop, resumptions: () => resumptions };
}

/** Workers that start containers with known ends, wait for the end and remove them, again and again. */
class Load implements AsyncDisposable {
  ended = 0;
  failed = 0;
  forgotten = 0;
  readonly #cri: CriClient;
  readonly #workers: Promise<void>[];
  #isStopping = false;

  constructor(cri: CriClient, pods: readonly PodHandle[]) {
    this.#cri = cri;
    this.#workers = pods.map((pod) => this.#work(pod));
    for (const worker of this.#workers) worker.catch(() => {});
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#workers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => {});
  }

  async #work(pod: PodHandle): Promise<void> {
    for (let code = 1; !this.#isStopping; code = (code % 100) + 1) {
      try {
        await this.#one(pod, code);
        this.ended++;
      } catch (error) {
        // What was under way when containerd died may or may not have come about: the next attempt is another one.
        if (!(error instanceof CriError)) throw error;
        this.failed++;
        await systemClock.sleep(20);
      }
    }
  }

  async #one(pod: PodHandle, code: number): Promise<void> {
    const containerId = await pod.run(`exit ${code}`);
    const { exitCode, reason } = await untilExited(this.#cri, containerId);
    // containerd forgets the code of one that ends while it is itself being killed, and says so.
    if (reason === 'Unknown') this.forgotten++;
    else assert.equal(exitCode, code, containerId);
    await persistently(() => this.#cri.call('RemoveContainer', { containerId }));
  }
}

/** As the kubelet does, one in a state that the runtime does not know is stopped. */
async function untilExited(cri: CriClient, containerId: string) {
  const isSettled = ({ state }: { state: string }): boolean =>
    state === 'CONTAINER_EXITED' || state === 'CONTAINER_UNKNOWN';
  const status = await until(`the end of ${containerId}`, () => statusOf(cri, containerId), isSettled);
  if (status.state === 'CONTAINER_EXITED') return status;
  await persistently(() => cri.call('StopContainer', { containerId, timeout: 0 }));
  return { ...(await statusOf(cri, containerId)), reason: 'Unknown' };
}

/** Every sandbox and every attempt of a container is there once, and each running sandbox has one shim. */
async function assertNothingDoubled(cri: CriClient, node: RuntimeNode, sandboxCount: number): Promise<void> {
  const { items } = await cri.call('ListPodSandbox', {});
  assert.equal(items.length, sandboxCount);
  const { containers } = await cri.call('ListContainers', {});
  const keys = containers.map(({ podSandboxId, metadata }) => `${podSandboxId}/${metadata?.name}/${metadata?.attempt}`);
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(processesWith(`-address ${node.paths.run}`).length, sandboxCount);
}
