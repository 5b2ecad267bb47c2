/** One pod: looks, plans, tells, acts; again whenever something has happened. */
import { sameJson, type Timer } from '../../kernel/index.ts';
import type { Pod, PodStatus } from '../../schema/generated/index.ts';
import { type KubeletEnv, PodStartError, type ProbeManager } from '../types.ts';
import { containersOf, podText } from './containers.ts';
import { errorText, isAway } from './errors.ts';
import { type Executor, PostStartError, type StartContainer } from './executor.ts';
import { awayRetryMs, startRetryMs, WorkerMemory } from './memory.ts';
import { PodObserver } from './observe.ts';
import { isCleaning, planPod } from './plan/index.ts';
import { currentSandbox } from './sandbox.ts';
import { isTerminal } from './status/index.ts';
import { StatusWriter } from './status-writer.ts';
import { Stopper } from './stopper.ts';
import type { LaneAction, NodeFacts, ObservedPod, Plan, PodView, Refusal, ResizeProblem } from './types.ts';

export interface WorkerEnv extends Pick<KubeletEnv, 'client' | 'clock' | 'log' | 'cri'> {
  executor: Executor;
  probes: ProbeManager;
  node: NodeFacts;
  /** The runtime's things that belong to the pod, each time they were looked at. */
  observed(podUid: string, observed: ObservedPod): void;
  /** Why the node cannot give the pod the resources that it wants by now. */
  resizeProblem(pod: Pod): Promise<ResizeProblem | undefined>;
  /** Nothing of the pod is left anywhere. */
  retired(podUid: string): void;
}

export interface WorkerPod {
  pod: Pod;
  isStatic: boolean;
  isRemoved: boolean;
  refusal?: Refusal | undefined;
}

export class PodWorker {
  readonly uid: string;
  readonly #env: WorkerEnv;
  readonly #observer: PodObserver;
  readonly #writer: StatusWriter;
  readonly #memory = new WorkerMemory();
  readonly #stopper: Stopper;
  readonly #backingOff = new Map<string, number>();
  #of: WorkerPod;
  #observed: ObservedPod | undefined;
  #status: PodStatus;
  #isDirty = true;
  #isStepping = false;
  #mustStep = false;
  #isStopped = false;
  #isTold = false;
  #wakeUp: Timer | undefined;
  /** What is being started or removed. */
  #lane: { action: LaneAction; abort: AbortController } | undefined;
  /** How many actions and stops have come to their end. */
  #finished = 0;
  #resizeProblem: PodView['resizeProblem'];
  /** The pod's volumes were made or looked at by this process. */
  #hasVolumes = false;
  #mounting: Promise<void> = Promise.resolve();
  /** One waits for the one under way, and sees what is then: no more are needed. */
  #isMountDue = false;

  constructor(env: WorkerEnv, of: WorkerPod, shown: Pod | undefined) {
    this.uid = of.pod.metadata.uid ?? '';
    this.#env = env;
    this.#of = of;
    this.#status = shown?.status ?? of.pod.status ?? {};
    this.#resizeProblem = toldProblem(this.#status);
    this.#observer = new PodObserver(env.cri, this.uid);
    this.#writer = new StatusWriter(env);
    this.#writer.seen(shown);
    const { executor, clock } = env;
    this.#stopper = new Stopper({
      executor,
      clock,
      memory: this.#memory,
      pod: () => this.pod,
      stepped: () => this.wake(),
      stopped: () => this.#ended(),
    });
  }

  get pod(): Pod {
    return this.#of.pod;
  }

  get status(): PodStatus {
    return this.#status;
  }

  get isRefused(): boolean {
    return this.#of.refusal !== undefined;
  }

  get isStatic(): boolean {
    return this.#of.isStatic;
  }

  /** A newer version of the pod. */
  update(pod: Pod): void {
    const isNew =
      !sameJson(pod.spec, this.#of.pod.spec) || !sameJson(pod.metadata.annotations, this.#of.pod.metadata.annotations);
    const { labels, annotations } = this.#of.pod.metadata;
    const isRelabelled = !sameJson(pod.metadata.labels, labels) || !sameJson(pod.metadata.annotations, annotations);
    if (isNew) this.#memory.retryNow();
    if (resourcesOf(pod) !== resourcesOf(this.#of.pod)) void this.checkResize(pod);
    this.#of = { ...this.#of, pod };
    // Files of the downward API tell of them.
    if (isRelabelled) this.refreshVolumes();
    this.wake();
  }

  /** Asks whether the node has what the pod wants by now. */
  async checkResize(pod = this.pod): Promise<void> {
    this.#resizeProblem = 'unchecked';
    this.#resizeProblem = await this.#env.resizeProblem(pod).catch(() => undefined);
    this.wake();
  }

  get isResizeDeferred(): boolean {
    return typeof this.#resizeProblem === 'object' && this.#resizeProblem.reason === 'Deferred';
  }

  /** A newer version of a pod that is shown by itself. */
  changed(pod: Pod): void {
    this.#writer.seen(pod);
    this.update(pod);
  }

  /** The mirror that shows a static pod. */
  shown(object: Pod | undefined): void {
    this.#writer.seen(object);
    this.wake();
  }

  /** The pod is gone from its source. */
  remove(): void {
    if (!this.#of.isStatic) this.#writer.stop();
    this.#of = { ...this.#of, isRemoved: true };
    this.wake();
  }

  /** Something of the pod has changed in the runtime. */
  touch(): void {
    this.#isDirty = true;
    this.wake();
  }

  /** Plans again. */
  wake(): void {
    this.#mustStep = true;
    if (!this.#isStepping && !this.#isStopped) void this.#run();
  }

  /** What the pod's volumes are made from has changed: they follow, and what failed for want of it may work now. */
  refreshVolumes(): void {
    this.#memory.retryNow();
    if (this.#observed && currentSandbox(this.#view(this.#observed))) this.#mount();
    this.wake();
  }

  /** Brings the volumes up to date. Taken over from a process before, they are followed from now on. */
  #mount(): void {
    const isEnding = this.pod.metadata.deletionTimestamp !== undefined || isTerminal(this.#status.phase);
    if (this.#of.isRemoved || isEnding) return;
    this.#hasVolumes = true;
    if (this.#isMountDue) return;
    this.#isMountDue = true;
    const mounted = this.#mounting.then(() => {
      this.#isMountDue = false;
      return this.#env.executor.mountVolumes(this.pod);
    });
    this.#mounting = mounted.then(
      () => {},
      () => {},
    );
  }

  /** Leaves everything as it is. */
  stop(): void {
    this.#isStopped = true;
    this.#wakeUp?.cancel();
    this.#writer.stop();
    this.#lane?.abort.abort();
    this.#stopper.abandon();
  }

  async #run(): Promise<void> {
    this.#isStepping = true;
    while (this.#mustStep && !this.#isStopped) {
      this.#mustStep = false;
      try {
        await this.#step();
      } catch (error) {
        if (!isAway(error)) this.#env.log.warn('pod step failed', { pod: this.uid, error: errorText(error) });
        this.#isDirty = true;
        this.#wakeAt(this.#env.clock.monotonicMs() + awayRetryMs);
      }
    }
    this.#isStepping = false;
  }

  async #step(): Promise<void> {
    const observed = this.#isDirty || !this.#observed ? await this.#look() : this.#observed;
    if (this.#isStopped) return;
    const view = this.#view(observed);
    const plan = planPod(view);
    this.#tell(plan);
    this.#act(plan, view);
  }

  async #look(): Promise<ObservedPod> {
    for (;;) {
      const finished = this.#finished;
      this.#isDirty = false;
      const observed = await this.#observer.observe();
      // What was finished while we looked may not be in it: to plan on that would be to do it twice.
      if (finished !== this.#finished) continue;
      this.#observed = observed;
      this.#env.observed(this.uid, observed);
      this.#forgetGone(observed);
      return observed;
    }
  }

  #view(observed: ObservedPod): PodView {
    const { clock, node, probes } = this.#env;
    return {
      ...this.#of,
      refusal: this.#of.refusal,
      observed: this.#lane ? withoutStarting(observed, this.#lane.action) : observed,
      status: this.#status,
      memory: this.#memory,
      resizeProblem: this.#resizeProblem,
      isBusy: this.#lane !== undefined,
      probes: (container, id) => probes.results(this.pod, container, id),
      node,
      nowMs: clock.nowMs(),
      monotonicMs: clock.monotonicMs(),
    };
  }

  #forgetGone({ containers, sandboxes }: ObservedPod): void {
    this.#memory.keepOnly(new Set(containers.map(({ id }) => id)), new Set(sandboxes.map(({ id }) => id)));
    this.#stopper.ended(containers);
  }

  // --- telling --------------------------------------------------------------------------------------------------

  #tell({ status, stage, verdict, backingOff }: Plan): void {
    const { pod, isStatic, isRemoved } = this.#of;
    const { executor, probes } = this.#env;
    this.#status = status;
    if (!isRemoved || isStatic) this.#writer.publish(status, stage === 'finished');
    if (stage === 'finished') probes.forget(this.uid);
    else probes.observe(pod, status);
    if (verdict && !this.#isTold) {
      this.#isTold = true;
      executor.event(
        pod,
        this.#of.refusal ? 'Warning' : 'Normal',
        verdict.reason,
        this.#of.refusal?.message ?? verdict.message,
      );
    }
    for (const name of backingOff) this.#tellBackOff(name);
  }

  /** Once for each instance that has ended. */
  #tellBackOff(name: string): void {
    const ended = this.#observed?.containers.find((one) => one.name === name)?.finishedAtMs ?? 0;
    if (this.#backingOff.get(name) === ended) return;
    this.#backingOff.set(name, ended);
    const known = containersOf(this.pod.spec).find(({ container }) => container.name === name);
    if (!known) return;
    const message = `Back-off restarting failed container ${name} in pod ${podText(this.pod)}`;
    this.#env.executor.containerEvent(this.pod, known.kind, known.container, 'Warning', 'BackOff', message);
  }

  // --- acting ---------------------------------------------------------------------------------------------------

  #act(plan: Plan, view: PodView): void {
    for (const kill of plan.kills) this.#stopper.carryOut(kill, view.observed.sandboxes[0]?.ips ?? []);
    if (plan.stage !== 'running' && this.#lane && isStart(this.#lane.action)) this.#lane.abort.abort(ending);
    if (plan.next && !this.#lane) void this.#runLane(plan.next, view);
    else if (plan.stage === 'finished' && view.isRemoved && !this.#lane && isNothing(view.observed))
      void this.#retire();
    if (plan.stage === 'running' && !this.#hasVolumes && !this.#lane && currentSandbox(view)) this.#mount();
    this.#wakeAt(plan.wakeAtMs);
  }

  async #retire(): Promise<void> {
    if (this.#isStopped) return;
    this.stop();
    await this.#env.executor.removeLogs(this.pod).catch((error) => {
      this.#env.log.warn('logs not removed', { pod: this.uid, error: errorText(error) });
    });
    this.#env.retired(this.uid);
  }

  #wakeAt(atMs: number): void {
    this.#wakeUp?.cancel();
    this.#wakeUp = undefined;
    if (atMs === Number.POSITIVE_INFINITY || this.#isStopped) return;
    this.#wakeUp = this.#env.clock.after(Math.max(0, atMs - this.#env.clock.monotonicMs()), () => this.wake());
  }

  async #runLane(action: LaneAction, view: PodView): Promise<void> {
    const abort = new AbortController();
    this.#lane = { action, abort };
    try {
      await this.#carryOut(action, view, abort.signal);
      if (isCleaning(action)) this.#memory.cleaned();
    } catch (error) {
      if (abort.signal.aborted) this.#env.log.debug('pod start given up', { pod: this.uid });
      else this.#failed(action, error);
    }
    this.#lane = undefined;
    this.#ended();
  }

  /** Something was done to the runtime. */
  #ended(): void {
    this.#finished++;
    this.touch();
  }

  async #carryOut(action: LaneAction, view: PodView, signal: AbortSignal): Promise<void> {
    const { executor } = this.#env;
    switch (action.do) {
      case 'createSandbox':
        if (action.replaces) {
          executor.event(
            this.pod,
            'Normal',
            'SandboxChanged',
            'Pod sandbox changed, it will be killed and re-created.',
          );
        }
        await executor.createSandbox(this.pod, action.attempt, signal);
        this.#hasVolumes = true;
        this.#memory.sandboxCreated();
        return;
      case 'startContainer':
        return this.#start(action, view, signal);
      case 'resize':
        await executor.resize(this.pod, action.containers);
        for (const { id, key } of action.containers) {
          this.#memory.resized.set(id, key);
          this.#observer.forget(id);
        }
        this.#memory.resizeFailure = undefined;
        return;
      case 'removeContainers':
        for (const id of action.ids) {
          const seen = view.observed.containers.find((one) => one.id === id);
          if (seen) await executor.removeContainer(this.pod, seen);
        }
        return;
      case 'stopSandboxes':
        for (const id of action.ids) {
          await executor.stopSandbox(id);
          this.#memory.stoppedSandboxes.add(id);
        }
        return;
      case 'removeSandboxes':
        for (const id of action.ids) await executor.removeSandbox(id);
        return;
      case 'cleanUp':
        await this.#mounting;
        await executor.cleanUp(this.uid);
        this.#memory.isCleaned = true;
        return;
    }
  }

  async #start(action: StartContainer, view: PodView, signal: AbortSignal): Promise<void> {
    const sandbox = currentSandbox(view);
    if (!sandbox) return;
    const { name } = action.container;
    const place = {
      sandboxId: sandbox.id,
      sandboxAttempt: sandbox.attempt,
      ips: sandbox.ips,
      containers: new Map(view.observed.containers.toReversed().map((one) => [one.name, one.id])),
    };
    await this.#env.executor.startContainer(this.pod, action, place, signal);
    this.#memory.failures.delete(name);
    this.#memory.backOffs.set(name, { ...action.backOff, startedAtMs: this.#env.clock.nowMs() });
  }

  #failed(action: LaneAction, error: unknown): void {
    const monotonicMs = this.#env.clock.monotonicMs();
    this.#env.log.warn('pod action failed', { pod: this.uid, action: action.do, error: errorText(error) });
    if (action.do === 'startContainer') this.#failedStart(action, error, monotonicMs + startRetryMs);
    else if (action.do === 'createSandbox') this.#memory.sandboxFailed(action.attempt, error, monotonicMs);
    else if (action.do === 'resize') {
      this.#memory.resizeFailure = { message: errorText(error), retryAtMs: monotonicMs + startRetryMs };
    } else this.#memory.cleaningFailed(error, monotonicMs);
  }

  #failedStart({ container, backOff }: StartContainer, error: unknown, retryAtMs: number): void {
    const { name } = container;
    const { reason, message } = error instanceof PodStartError ? error : { reason: '', message: '' };
    this.#memory.failures.set(name, { reason, message, retryAtMs });
    if (reason === 'RunContainerError' || error instanceof PostStartError) {
      this.#memory.backOffs.set(name, { ...backOff, startedAtMs: this.#env.clock.nowMs() });
    }
    if (!(error instanceof PostStartError)) return;
    const graceMs = (this.pod.spec.terminationGracePeriodSeconds ?? 2) * 1000;
    const seen = { id: error.containerId, name, state: 'running' } as const;
    const ips = this.#observed?.sandboxes[0]?.ips ?? [];
    this.#stopper.begin(seen, { message: 'FailedPostStartHook', graceMs, restart: false }, ips);
  }
}

/** What a process before found holds until it is asked again: it must not be carried out meanwhile. */
function toldProblem({ conditions = [] }: PodStatus): ResizeProblem | undefined {
  const told = conditions.find(({ type }) => type === 'PodResizePending');
  if (told?.reason !== 'Infeasible' && told?.reason !== 'Deferred') return undefined;
  return { reason: told.reason, message: told.message ?? '' };
}

const resourcesOf = ({ spec }: Pod): string =>
  JSON.stringify(containersOf(spec).map(({ container }) => container.resources));

const isNothing = ({ containers, sandboxes }: ObservedPod): boolean => containers.length + sandboxes.length === 0;

const ending = new Error('the pod is ending');

const isStart = ({ do: what }: LaneAction): boolean => what === 'createSandbox' || what === 'startContainer';

/** A container runs for the others only when its postStart hook is over. */
function withoutStarting(observed: ObservedPod, action: LaneAction): ObservedPod {
  if (action.do !== 'startContainer' || !action.container.lifecycle?.postStart) return observed;
  const { name } = action.container;
  const index = observed.containers.findIndex((one) => one.name === name);
  const containers = observed.containers.map((one, at) =>
    at === index && one.state === 'running' && one.restartCount === action.restartCount
      ? { ...one, state: 'created' as const }
      : one,
  );
  return { ...observed, containers };
}
