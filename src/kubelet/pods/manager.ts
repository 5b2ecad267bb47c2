/** All pods of the node: a worker each, fed by the API, the static pods, the runtime's events and a slow relist. */
import { type Following, follow, pods } from '../../client/index.ts';
import type { Timer } from '../../kernel/index.ts';
import type { Pod, PodStatus } from '../../schema/generated/index.ts';
import type { RuntimeEvent } from '../cri/types.ts';
import type { KubeletEnv, ProbeManager, StaticPods } from '../types.ts';
import { Admission } from './admission.ts';
import { errorText, isAway } from './errors.ts';
import { Executor, type PodParts } from './executor.ts';
import { orphanPod, type RuntimePod, runtimePods } from './inventory.ts';
import { fullName, isMirror, MirrorPods } from './mirror.ts';
import { isTerminal } from './status/index.ts';
import type { ObservedPod, Refusal, ResizeProblem } from './types.ts';
import { PodWorker, type WorkerEnv } from './worker.ts';

export interface PodManagerOptions extends PodParts {
  env: KubeletEnv;
  probes: ProbeManager;
  staticPods: Pick<StaticPods, 'current'>;
  /** `containerd`, as the runtime calls itself. */
  runtimeName: string;
  maxPods: number;
}

export interface PodManager {
  /** A probe of the pod has a new result. */
  probed(podUid: string): void;
  /** A ConfigMap or Secret in one of the pod's volumes has changed. */
  volumesChanged(podUid: string): void;
  staticPodsChanged(): void;
  /** Pods that are to run or still run, with the status as this node sees it. */
  pods(): { pod: Pod; status: PodStatus }[];
  /** Leaves the pods running. */
  stop(): void;
}

const relistMs = 60_000;
const awayRetryMs = 1_000;
/** Containers that ended before anybody had seen them. */
const earlyLimit = 1_000;

export function createPodManager(options: PodManagerOptions): PodManager {
  return new Manager(options);
}

class Manager implements PodManager {
  readonly #options: PodManagerOptions;
  readonly #workers = new Map<string, PodWorker>();
  /** Which pod a container or a sandbox belongs to. */
  readonly #owners = new Map<string, string>();
  readonly #ownedBy = new Map<string, readonly string[]>();
  readonly #signatures = new Map<string, string>();
  /** Ended before their pod was known: whoever is told that they run looks again. */
  readonly #early = new Set<string>();
  /** From the API, by uid; mirrors not among them. */
  readonly #pods = new Map<string, Pod>();
  readonly #mirrors: MirrorPods;
  readonly #admission: Admission;
  readonly #worker: WorkerEnv;
  readonly #following: Following;
  readonly #events: { stop(): void };
  #isListed = false;
  #isListing = false;
  #mustList = false;
  /** Each pod is asked about when those before it have been taken, or not. */
  #admitting: Promise<void> = Promise.resolve();
  /** Volumes, control groups and logs may be left of pods that are gone. */
  #mustTidy = true;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: PodManagerOptions) {
    this.#options = options;
    const { env, probes, runtimeName } = options;
    const { client, clock, log, cri, nodeName, nodeIPs } = env;
    this.#worker = {
      client,
      clock,
      log: log.child('pods'),
      cri,
      executor: new Executor(env, options),
      probes,
      node: { ips: nodeIPs, runtimeName },
      observed: (uid, observed) => this.#index(uid, observed),
      resizeProblem: (pod) => this.#resizeProblem(pod),
      retired: (uid) => this.#retired(uid),
    };
    this.#admission = new Admission({ client, nodeName, maxPods: options.maxPods });
    this.#mirrors = new MirrorPods({ client, clock, log, nodeName }, (name) => this.#staticPod(name));
    this.#following = follow<Pod>(
      pods,
      { client, clock, log, selection: { fieldSelector: `spec.nodeName=${nodeName}` } },
      {
        changed: (pod, deleted) => this.#changed(pod, deleted),
        listed: () => this.#listed(),
        present: (uids) => this.#dropVanished(uids),
      },
    );
    this.#events = cri.events({
      event: (event) => this.#heard(event),
      resumed: () => this.#relist(),
    });
    this.staticPodsChanged();
  }

  probed(podUid: string): void {
    this.#workers.get(podUid)?.wake();
  }

  volumesChanged(podUid: string): void {
    this.#workers.get(podUid)?.refreshVolumes();
  }

  staticPodsChanged(): void {
    const wanted = this.#options.staticPods.current();
    const ending = new Set<string>();
    for (const worker of this.#workers.values()) {
      if (!worker.isStatic || wanted.has(worker.uid)) continue;
      worker.remove();
      ending.add(fullName(worker.pod));
    }
    for (const [uid, pod] of wanted) {
      // Of a name there is one at a time: the next begins when the last has ended.
      if (!this.#workers.has(uid) && !ending.has(fullName(pod))) this.#add(pod, true);
      this.#mirrors.reconcile(fullName(pod));
    }
  }

  pods(): { pod: Pod; status: PodStatus }[] {
    return [...this.#workers.values()].map(({ pod, status }) => ({ pod, status }));
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#following.stop();
    this.#events.stop();
    this.#mirrors.stop();
    for (const worker of this.#workers.values()) worker.stop();
  }

  // --- the API --------------------------------------------------------------------------------------------------

  #changed(pod: Pod, deleted: boolean): void {
    const uid = pod.metadata.uid ?? '';
    if (isMirror(pod)) {
      this.#mirrors.changed(pod, deleted);
      const worker = this.#workers.get(this.#staticPod(fullName(pod))?.metadata.uid ?? '');
      worker?.shown(deleted ? undefined : pod);
    } else if (deleted) {
      this.#pods.delete(uid);
      this.#removed(uid, pod);
    } else {
      this.#pods.set(uid, pod);
      const worker = this.#workers.get(uid);
      if (!worker) this.#add(pod, false);
      else if (!worker.isStatic) worker.changed(pod);
    }
  }

  #removed(uid: string, pod: Pod): void {
    const worker = this.#workers.get(uid);
    if (!worker || worker.isStatic) return;
    worker.update(pod);
    worker.remove();
  }

  #listed(): void {
    this.#isListed = true;
    // Pods may have gone while nobody looked.
    this.#checkDeferred();
    this.#relist();
  }

  /** Who went unseen while there was no watch. */
  #dropVanished(present: ReadonlySet<string>): void {
    for (const pod of [...this.#pods.values(), ...this.#mirrors.all()]) {
      if (!present.has(pod.metadata.uid ?? '')) this.#changed(pod, true);
    }
  }

  // --- workers --------------------------------------------------------------------------------------------------

  /** What was taken before begins at once. */
  #add(pod: Pod, isStatic: boolean): void {
    const { uid = '' } = pod.metadata;
    if (mustAsk(pod)) this.#admitting = this.#admitting.then(() => this.#admit(uid, isStatic));
    else this.#begin(uid, isStatic, undefined);
  }

  async #admit(uid: string, isStatic: boolean): Promise<void> {
    const pod = this.#wanted(uid, isStatic);
    if (!pod || this.#workers.has(uid) || this.#isStopped) return;
    this.#begin(uid, isStatic, mustAsk(pod) ? await this.#refusal(pod, isStatic) : undefined);
  }

  /** The pod may have changed, or gone, while it waited to be taken. */
  #begin(uid: string, isStatic: boolean, refusal: Refusal | undefined): void {
    const pod = this.#wanted(uid, isStatic);
    if (!pod || this.#workers.has(uid) || this.#isStopped) return;
    const shown = isStatic ? this.#mirrors.get(fullName(pod)) : pod;
    const worker = new PodWorker(this.#worker, { pod, isStatic, isRemoved: false, refusal }, shown);
    this.#workers.set(uid, worker);
    worker.wake();
  }

  #wanted(uid: string, isStatic: boolean): Pod | undefined {
    return (isStatic ? this.#options.staticPods.current() : this.#pods).get(uid);
  }

  async #refusal(pod: Pod, isStatic: boolean): Promise<Refusal | undefined> {
    try {
      return await this.#admission.check(pod, this.#others(pod.metadata.uid), isStatic);
    } catch (error) {
      return { reason: 'UnexpectedAdmissionError', message: errorText(error) };
    }
  }

  #resizeProblem(pod: Pod): Promise<ResizeProblem | undefined> {
    const { uid = '' } = pod.metadata;
    return this.#admission.checkResize(pod, this.#others(uid), this.#workers.get(uid)?.isStatic ?? false);
  }

  /** There may be room for them now. */
  #checkDeferred(): void {
    for (const worker of this.#workers.values()) if (worker.isResizeDeferred) void worker.checkResize();
  }

  /** Pods that take of the node's resources. */
  #others(uid: string | undefined): Pod[] {
    const workers = [...this.#workers.values()].filter((worker) => worker.uid !== uid);
    return workers.filter(({ status, isRefused }) => !isRefused && !isTerminal(status.phase)).map(({ pod }) => pod);
  }

  #retired(uid: string): void {
    const worker = this.#workers.get(uid);
    this.#workers.delete(uid);
    this.#signatures.delete(uid);
    this.#index(uid, { sandboxes: [], containers: [] });
    this.#checkDeferred();
    if (worker?.isStatic) {
      this.#mirrors.reconcile(fullName(worker.pod));
      this.staticPodsChanged();
    }
  }

  /** The static pod that the mirror of this name shows, as long as it is there or still ends. */
  #staticPod(name: string): Pod | undefined {
    const wanted = [...this.#options.staticPods.current().values()].find((pod) => fullName(pod) === name);
    if (wanted) return wanted;
    for (const worker of this.#workers.values()) {
      if (worker.isStatic && fullName(worker.pod) === name) return worker.pod;
    }
    return undefined;
  }

  #heard({ type, id }: RuntimeEvent): void {
    const owner = this.#owners.get(id);
    if (owner !== undefined) {
      this.#workers.get(owner)?.touch();
    } else if (type === 'stopped') {
      const [oldest] = this.#early;
      if (oldest !== undefined && this.#early.size >= earlyLimit) this.#early.delete(oldest);
      this.#early.add(id);
    }
  }

  #index(uid: string, { sandboxes, containers }: ObservedPod): void {
    for (const id of this.#ownedBy.get(uid) ?? []) this.#owners.delete(id);
    const ids = [...sandboxes, ...containers].map(({ id }) => id);
    if (ids.length === 0) this.#ownedBy.delete(uid);
    else this.#ownedBy.set(uid, ids);
    for (const id of ids) this.#owners.set(id, uid);
    // Asked for before it ended, answered after that was told.
    for (const { id, state } of containers) {
      if (this.#early.delete(id) && state !== 'exited') this.#workers.get(uid)?.touch();
    }
  }

  // --- the runtime ----------------------------------------------------------------------------------------------

  #relist(): void {
    this.#mustList = true;
    if (!this.#isListing) void this.#list();
  }

  async #list(): Promise<void> {
    this.#isListing = true;
    this.#timer?.cancel();
    let nextMs = relistMs;
    while (this.#mustList && !this.#isStopped) {
      this.#mustList = false;
      try {
        await this.#reconcile(await runtimePods(this.#options.env.cri));
      } catch (error) {
        if (!isAway(error)) this.#worker.log.warn('runtime not listed', { error: errorText(error) });
        nextMs = awayRetryMs;
      }
    }
    this.#isListing = false;
    if (!this.#isStopped) this.#timer = this.#worker.clock.after(nextMs, () => this.#relist());
  }

  /** Pods that have changed unseen are looked at; what belongs to no pod is ended and removed. */
  async #reconcile(found: ReadonlyMap<string, RuntimePod>): Promise<void> {
    for (const [uid, worker] of this.#workers) {
      const signature = found.get(uid)?.signature ?? '';
      if (this.#signatures.get(uid) !== signature) worker.touch();
      this.#signatures.set(uid, signature);
    }
    if (!this.#isListed) return;
    for (const [uid, pod] of found) {
      if (this.#isKnown(uid)) continue;
      const worker = new PodWorker(this.#worker, { pod: orphanPod(pod), isStatic: false, isRemoved: true }, undefined);
      this.#workers.set(uid, worker);
      worker.wake();
    }
    if (this.#mustTidy) await this.#removeLeftovers();
  }

  #isKnown = (uid: string): boolean =>
    this.#workers.has(uid) || this.#pods.has(uid) || this.#options.staticPods.current().has(uid);

  /** Volumes, control groups and logs of pods of which nothing else is left. */
  async #removeLeftovers(): Promise<void> {
    const { volumes, cgroups, logs } = this.#options;
    this.#mustTidy = false;
    const unknown = (uids: readonly string[]): string[] => uids.filter((uid) => !this.#isKnown(uid));
    await this.#attempt('volumes', async () => {
      for (const uid of unknown(await volumes.present())) await volumes.release(uid);
    });
    await this.#attempt('control groups', async () => {
      for (const uid of unknown(await cgroups.present())) await cgroups.removePod(uid);
    });
    await this.#attempt('logs', () => logs.removeOthers(this.#isKnown));
  }

  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#mustTidy = true;
      this.#worker.log.warn('leftover not removed', { of: what, error: errorText(error) });
    }
  }
}

/** Only what was never taken before is asked about. */
const mustAsk = ({ metadata, status }: Pod): boolean =>
  !status?.startTime && !isTerminal(status?.phase) && !metadata.deletionTimestamp;
