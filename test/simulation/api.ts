/** The API of pods in memory, with what it promises: conflicts, grace periods, phases that do not go back. */
import type {
  Client,
  DeleteOptions,
  ResourceRef,
  Watch,
  WatchEvent,
  WatchHandler,
  WatchOptions,
  WriteOptions,
} from '../../src/client/types.ts';
import { apiError, formatTime } from '../../src/kernel/index.ts';
import type { ContainerStatus, Node, Pod, PodStatus } from '../../src/schema/generated/index.ts';
import type { KubeObject } from '../../src/schema/object.ts';
import type { SimulatedTime } from './clock.ts';

const podsOf = { group: '', resource: 'pods' };

const node: Node = {
  metadata: { name: 'node', uid: 'uid-node', labels: { zone: 'here' } },
  spec: {},
  status: { allocatable: { cpu: '2', memory: '4Gi', pods: '110' } },
};

export class SimulatedApi {
  readonly pods = new Map<string, Pod>();
  /** What must never happen, and did. */
  readonly violations: string[] = [];
  /** Whether a container of the pod runs. */
  isRunning: (uid: string) => boolean = () => false;
  /** While set, every write fails with it. */
  outage: Error | undefined;
  readonly #time: SimulatedTime;
  readonly #watchers = new Set<WatchHandler<Pod>>();
  readonly #log: { revision: number; event: WatchEvent<Pod> }[] = [];
  #revision = 0;
  #uids = 0;

  constructor(time: SimulatedTime) {
    this.#time = time;
  }

  create(pod: Pod): Pod {
    const { name = '' } = pod.metadata;
    const metadata = { ...pod.metadata, namespace: 'default', uid: `uid-${++this.#uids}`, generation: 1 };
    return this.#put(name, { ...pod, metadata, status: { phase: 'Pending' } }, 'ADDED');
  }

  change(name: string, change: (pod: Pod) => Pod): void {
    const pod = this.pods.get(name);
    if (!pod) return;
    const changed = change(structuredClone(pod));
    changed.metadata.generation = (changed.metadata.generation ?? 0) + 1;
    this.#put(name, changed, 'MODIFIED');
  }

  delete(name: string, graceSeconds: number): void {
    const pod = this.pods.get(name);
    if (!pod) return;
    const isOver = pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';
    if (graceSeconds === 0) {
      this.#drop(name, pod);
      return;
    }
    const before = pod.metadata.deletionGracePeriodSeconds ?? Number.POSITIVE_INFINITY;
    const deletionGracePeriodSeconds = Math.min(before, graceSeconds);
    const deletionTimestamp = formatTime(this.#time.nowMs() + graceSeconds * 1000);
    if (isOver || before > graceSeconds) {
      const metadata = { ...pod.metadata, deletionTimestamp, deletionGracePeriodSeconds };
      this.#put(name, { ...pod, metadata }, 'MODIFIED');
    }
  }

  /** All watches end, as when the server forgets its history. */
  closeWatches(): void {
    for (const watcher of [...this.#watchers].filter((one) => this.#watchers.delete(one))) watcher.closed();
  }

  #put(name: string, pod: Pod, type: 'ADDED' | 'MODIFIED'): Pod {
    const stored: Pod = { ...pod, metadata: { ...pod.metadata, resourceVersion: String(++this.#revision) } };
    this.pods.set(name, stored);
    this.#tell({ type, object: stored });
    return stored;
  }

  #drop(name: string, pod: Pod): void {
    this.pods.delete(name);
    this.#revision++;
    this.#tell({ type: 'DELETED', object: pod });
  }

  #tell(event: WatchEvent<Pod>): void {
    this.#log.push({ revision: this.#revision, event });
    for (const watcher of this.#watchers) watcher.event(event);
  }

  get revision(): number {
    return this.#revision;
  }

  connect(): ApiConnection {
    return new ApiConnection(this);
  }

  get(name: string): Pod {
    const pod = this.pods.get(name);
    if (!pod) throw apiError.notFound(podsOf, name);
    return pod;
  }

  watch(handler: WatchHandler<Pod>, fromRevision: number): Watch {
    for (const { revision, event } of this.#log) if (revision > fromRevision) handler.event(event);
    this.#watchers.add(handler);
    return { stop: () => void this.#watchers.delete(handler) };
  }

  updateStatus(pod: Pod): Pod {
    if (this.outage) throw this.outage;
    const { name = '', resourceVersion } = pod.metadata;
    const current = this.get(name);
    if (current.metadata.resourceVersion !== resourceVersion) throw apiError.modified(podsOf, name);
    this.#check(current, pod.status ?? {});
    return this.#put(name, { ...current, status: structuredClone(pod.status ?? {}) }, 'MODIFIED');
  }

  deleteByKubelet(name: string, { preconditions }: DeleteOptions): void {
    if (this.outage) throw this.outage;
    const pod = this.get(name);
    if (preconditions?.uid !== pod.metadata.uid) throw apiError.conflict(podsOf, name, 'uid');
    const isMirror = pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;
    if (!pod.metadata.deletionTimestamp && !isMirror)
      this.violations.push(`${name} was deleted by the kubelet unasked`);
    this.#drop(name, pod);
  }

  #check({ metadata, status: before = {} }: Pod, next: PodStatus): void {
    const { name } = metadata;
    const isTerminal = before.phase === 'Failed' || before.phase === 'Succeeded';
    if (isTerminal && next.phase !== before.phase) {
      this.violations.push(`${name} went from ${before.phase} to ${next.phase}`);
    }
    const ends = next.phase === 'Failed' || next.phase === 'Succeeded';
    if (ends && !isTerminal && this.isRunning(metadata.uid ?? '')) {
      this.violations.push(`${name} is told to be ${next.phase} and runs`);
    }
    const all = (status: PodStatus): ContainerStatus[] => [
      ...(status.containerStatuses ?? []),
      ...(status.initContainerStatuses ?? []),
    ];
    const counts = new Map(all(before).map((one) => [one.name, one.restartCount]));
    for (const { name: container, restartCount } of all(next)) {
      const known = counts.get(container) ?? 0;
      if (restartCount < known) this.violations.push(`${name}/${container}: restarts fell ${known} to ${restartCount}`);
    }
  }
}

/** One process's client. When the process is dead nothing reaches it and nothing comes from it. */
export class ApiConnection implements Client {
  readonly #api: SimulatedApi;
  #isDead = false;
  readonly #watches: Watch[] = [];

  constructor(api: SimulatedApi) {
    this.#api = api;
  }

  kill(): void {
    this.#isDead = true;
    for (const watch of this.#watches) watch.stop();
  }

  async get<T extends KubeObject>(ref: ResourceRef, name: string): Promise<T> {
    if (ref.resource === 'nodes') return node as unknown as T;
    if (ref.resource !== 'pods') throw apiError.notFound(ref, name);
    return this.#alive(() => this.#api.get(name)) as Promise<unknown> as Promise<T>;
  }

  async list<T extends KubeObject>() {
    return this.#alive(() => ({
      items: [...this.#api.pods.values()] as unknown as T[],
      resourceVersion: String(this.#api.revision),
    }));
  }

  watch<T extends KubeObject>(_ref: ResourceRef, options: WatchOptions, handler: WatchHandler<T>): Watch {
    const watch = this.#api.watch(handler as unknown as WatchHandler<Pod>, Number(options.resourceVersion));
    this.#watches.push(watch);
    return watch;
  }

  async update<T extends KubeObject>(_ref: ResourceRef, object: T): Promise<T> {
    return this.#alive(() => this.#api.updateStatus(object as unknown as Pod)) as Promise<unknown> as Promise<T>;
  }

  async delete(_ref: ResourceRef, name: string, options: DeleteOptions = {}): Promise<void> {
    return this.#alive(() => this.#api.deleteByKubelet(name, options));
  }

  create<T extends KubeObject, R = T>(_ref: ResourceRef, object: T, _options?: WriteOptions): Promise<R> {
    return this.#alive(() => this.#api.create(object as unknown as Pod)) as Promise<unknown> as Promise<R>;
  }

  patch<T extends KubeObject>(ref: ResourceRef): Promise<T> {
    throw apiError.notFound(ref, '');
  }

  deleteCollection(ref: ResourceRef): Promise<void> {
    throw apiError.notFound(ref, '');
  }

  async #alive<T>(work: () => T): Promise<T> {
    await Promise.resolve();
    return this.#isDead ? new Promise(() => {}) : work();
  }
}
