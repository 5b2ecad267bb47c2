/** Stops containers of one pod beside everything else: hook, signal, and again when the grace becomes shorter. */
import type { Clock } from '../../kernel/index.ts';
import type { Container, Pod } from '../../schema/generated/index.ts';
import { containersOf } from './containers.ts';
import { errorText, isAway } from './errors.ts';
import type { Executor } from './executor.ts';
import type { WorkerMemory } from './memory.ts';
import type { ContainerKind, Kill, KillAction, ObservedContainer } from './types.ts';

export interface StopperEnv {
  executor: Executor;
  clock: Clock;
  memory: WorkerMemory;
  pod(): Pod;
  /** A step is done: plan the next. */
  stepped(): void;
  /** The runtime has stopped a container, or could not. */
  stopped(): void;
}

/** What is known of a container that is stopped. */
export type StoppedContainer = Pick<ObservedContainer, 'id' | 'name' | 'state' | 'preStop'>;

const retryMs = 1_000;

export class Stopper {
  readonly #env: StopperEnv;
  /** Hooks under way, by container id. */
  readonly #hooks = new Map<string, AbortController>();

  constructor(env: StopperEnv) {
    this.#env = env;
  }

  carryOut(action: KillAction, ips: readonly string[]): void {
    if (action.do === 'beginKill') this.begin(action.container, action, ips);
    else void this.#stop(action.container, action.graceSeconds);
  }

  /** Tells of it and runs the hook. The signal comes when the plan says so. */
  begin(
    seen: StoppedContainer,
    { message, graceMs, restart }: { message: string; graceMs: number; restart: boolean },
    ips: readonly string[],
  ): void {
    const { executor, clock, memory } = this.#env;
    const { kind, container } = this.#specOf(seen);
    if (message) executor.containerEvent(this.#env.pod(), kind, container, 'Normal', 'Killing', message);
    const hasHook = container.lifecycle?.preStop !== undefined && graceMs > 0 && seen.state === 'running';
    memory.kills.set(seen.id, { beganAtMs: clock.monotonicMs(), graceMs, hook: hasHook ? 'running' : 'none', restart });
    this.#env.stepped();
    if (hasHook) void this.#runHook(seen, kind, container, { ips, limitMs: graceMs });
  }

  /** Containers that have ended need no hook any more. */
  ended(containers: readonly ObservedContainer[]): void {
    for (const { id, state } of containers) if (state === 'exited') this.#hooks.get(id)?.abort();
  }

  /** Lets go: what the runtime was told goes on. */
  abandon(): void {
    for (const hook of this.#hooks.values()) hook.abort();
  }

  /** By the pod, else by what the runtime keeps of a pod that is gone. */
  #specOf({ name, preStop }: StoppedContainer): { kind: ContainerKind; container: Container } {
    const known = containersOf(this.#env.pod().spec).find(({ container }) => container.name === name);
    if (known?.container.lifecycle || !preStop) return known ?? { kind: 'regular', container: { name } };
    return { kind: known?.kind ?? 'regular', container: { name, lifecycle: { preStop } } };
  }

  async #runHook(
    seen: StoppedContainer,
    kind: ContainerKind,
    container: Container,
    options: { ips: readonly string[]; limitMs: number },
  ): Promise<void> {
    const hook = new AbortController();
    this.#hooks.set(seen.id, hook);
    await this.#env.executor.preStop(this.#env.pod(), kind, container, seen.id, { ...options, signal: hook.signal });
    this.#hooks.delete(seen.id);
    this.#change(seen.id, { hook: 'done' });
    this.#env.stepped();
  }

  async #stop({ id }: ObservedContainer, graceSeconds: number): Promise<void> {
    const { executor, clock, memory } = this.#env;
    const stopsAtMs = clock.monotonicMs() + graceSeconds * 1000;
    this.#change(id, { stopsAtMs }, 'retryAtMs');
    try {
      await executor.stopContainer(id, graceSeconds);
    } catch (error) {
      // A shorter stop has been asked for since: that one counts.
      if (memory.kills.get(id)?.stopsAtMs !== stopsAtMs) return;
      this.#change(id, { retryAtMs: clock.monotonicMs() + retryMs }, 'stopsAtMs');
      const message = `error killing pod: ${errorText(error)}`;
      if (!isAway(error)) executor.event(this.#env.pod(), 'Warning', 'FailedKillPod', message);
    }
    this.#env.stopped();
  }

  #change(id: string, change: Partial<Kill>, without?: 'stopsAtMs' | 'retryAtMs'): void {
    const kill = this.#env.memory.kills.get(id);
    if (!kill) return;
    const next: Kill = { ...kill, ...change };
    if (without) delete next[without];
    this.#env.memory.kills.set(id, next);
  }
}
