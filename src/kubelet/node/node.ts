import { nodes } from '../../client/index.ts';
import { apiError, isReason, type Timer } from '../../kernel/index.ts';
import { semanticEqual } from '../../resources/index.ts';
import type { Node, NodeStatus } from '../../schema/generated/index.ts';
import type { Image } from '../cri/types.ts';
import type { KubeletEnv } from '../types.ts';
import { NodeLease } from './lease.ts';
import { type Disk, type Machine, readAvailableMemory, readDisk, readMachine } from './machine.ts';
import { Pressures, type PressureType } from './pressure.ts';
import { initialNode, reconcileNode } from './registration.ts';
import { RuntimeState } from './runtime-state.ts';
import { planNodeStatus } from './status.ts';

export interface NodeOptions {
  env: KubeletEnv;
  /** This node's share of the cluster network, a CIDR for each IP family. */
  podNetworks: readonly string[];
  /** Default: the budget's. */
  maxPods?: number;
  /** Default: the node's name. */
  hostname?: string;
  /** Added to the node's own when it registers. */
  labels?: Readonly<Record<string, string>>;
  /** Where the kubelet's API listens. */
  kubeletPort?: number;
  /** Reads the machine; for tests. */
  read?: MachineReader;
}

export interface MachineReader {
  machine(): Promise<Machine>;
  disk(folder: string): Promise<Disk>;
  availableMemoryBytes(): Promise<number>;
}

export interface NodeHandle {
  /** Resolves when the node has first been Ready. */
  readonly ready: Promise<void>;
  /** Why the node cannot run pods, from `source`; undefined: it can. The node's Ready follows at once. */
  setProblem(source: string, message: string | undefined): void;
  /** Looks again now, when something has changed: the runtime is back, images have come. */
  check(): void;
  stop(): void;
}

const periodMs = 10_000;
/** Until the node is ready, so that it is not noticed late that it could be. */
const eagerPeriodMs = 100;
const eagerLimitMs = 120_000;
/** An unchanged status is written this often all the same. */
const reportPeriodMs = 5 * 60_000;
const imagesPeriodMs = 60_000;
/** A runtime that hangs must not keep the lease from being renewed. */
const imagesLimitMs = 5_000;
const writeTries = 5;

/** Registers this machine as a node and keeps its status and lease. Returns at once. */
export function startNode(options: NodeOptions): NodeHandle {
  const node = new NodeReporter(options);
  node.check();
  return node;
}

const systemReader: MachineReader = {
  machine: readMachine,
  disk: readDisk,
  availableMemoryBytes: readAvailableMemory,
};

class NodeReporter implements NodeHandle {
  readonly #options: NodeOptions;
  readonly #env: KubeletEnv;
  readonly #read: MachineReader;
  readonly #runtime: RuntimeState;
  readonly #lease: NodeLease;
  readonly #pressures = new Pressures();
  readonly #problems = new Map<string, string>();
  readonly #beganMs: number;
  readonly #firstReady = Promise.withResolvers<void>();
  #machine: Machine | undefined;
  #registered = false;
  #uid = '';
  #isReady = false;
  #isUnschedulable = false;
  #images: readonly Image[] | undefined;
  #imagesAtMs = 0;
  #reportedAtMs = 0;
  #leasedAtMs = 0;
  #timer: Timer | undefined;
  #running = false;
  #again = false;
  #stopped = false;

  constructor(options: NodeOptions) {
    const { env } = options;
    this.#options = options;
    this.#env = env;
    this.#read = options.read ?? systemReader;
    this.#runtime = new RuntimeState(env.cri, env.clock);
    this.#lease = new NodeLease(env.client, env.clock, env.nodeName);
    this.#beganMs = env.clock.monotonicMs();
  }

  get ready(): Promise<void> {
    return this.#firstReady.promise;
  }

  setProblem(source: string, message: string | undefined): void {
    if (this.#problems.get(source) === message) return;
    if (message === undefined) this.#problems.delete(source);
    else this.#problems.set(source, message);
    this.check();
  }

  check(): void {
    if (this.#stopped) return;
    this.#timer?.cancel();
    if (this.#running) this.#again = true;
    else void this.#run();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #run(): Promise<void> {
    this.#running = true;
    do {
      this.#again = false;
      await this.#tick().catch((error) => {
        if (!this.#stopped) this.#env.log.warn('node status was not written', { error: String(error) });
      });
    } while (this.#again && !this.#stopped);
    this.#running = false;
    if (!this.#stopped) this.#timer = this.#env.clock.after(this.#delayMs(), () => this.check());
  }

  #delayMs(): number {
    const isEager = !this.#isReady && this.#env.clock.monotonicMs() - this.#beganMs < eagerLimitMs;
    return isEager ? eagerPeriodMs : periodMs;
  }

  async #tick(): Promise<void> {
    this.#machine ??= await this.#read.machine();
    await this.#runtime.ask();
    // The first write need not wait for a list that only informs.
    if (this.#registered) await this.#listImages();
    try {
      this.#uid = (await this.#report()).uid;
    } finally {
      // A node lives although its status could not be written.
      if (this.#uid) await this.#renewLease(this.#uid);
    }
  }

  async #renewLease(uid: string): Promise<void> {
    const nowMs = this.#env.clock.monotonicMs();
    if (this.#leasedAtMs > 0 && nowMs - this.#leasedAtMs < periodMs) return;
    await this.#lease.renew(uid);
    this.#leasedAtMs = nowMs;
  }

  async #listImages(): Promise<void> {
    const nowMs = this.#env.clock.monotonicMs();
    if (this.#images && nowMs - this.#imagesAtMs < imagesPeriodMs) return;
    try {
      this.#images = (await this.#env.cri.call('ListImages', {}, { timeoutMs: imagesLimitMs })).images;
      this.#imagesAtMs = nowMs;
    } catch {
      // The runtime is away: RuntimeState tells.
    }
  }

  /** Writes the node's status if it has changed or is due. */
  async #report(): Promise<{ uid: string }> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#tryReport();
      } catch (error) {
        if (attempt === writeTries || !(isReason(error, 'Conflict') || isReason(error, 'NotFound'))) throw error;
        // Deleted under our feet: a node that runs is a node.
        if (isReason(error, 'NotFound')) this.#registered = false;
      }
    }
  }

  async #tryReport(): Promise<{ uid: string }> {
    const { client, nodeName, clock } = this.#env;
    const before = await this.#find();
    if (!before) return this.#register();
    const current = this.#registered ? before : await reconcileNode(client, before, this.#initial({}));
    this.#registered = true;
    this.#noteSchedulable(current);
    const { status, events } = await this.#plan(current.status ?? {});
    const nowMs = clock.monotonicMs();
    const isDue = this.#reportedAtMs === 0 || nowMs - this.#reportedAtMs >= reportPeriodMs;
    const isChanged = !semanticEqual(withoutHeartbeats(current.status ?? {}), withoutHeartbeats(status));
    if (isDue || isChanged) {
      this.#noteReboot(current.status, status);
      await client.update<Node>(nodes, { ...current, status }, { subresource: 'status' });
      this.#reportedAtMs = nowMs;
      this.#tell(events);
    }
    this.#noteReady(status);
    const { uid } = current.metadata;
    if (!uid) throw apiError.notFound({ group: '', resource: 'nodes' }, nodeName);
    return { uid };
  }

  async #register(): Promise<{ uid: string }> {
    const { client, clock, log, nodeName } = this.#env;
    const { status, events } = await this.#plan({});
    const made = await client.create<Node>(nodes, this.#initial(status));
    this.#registered = true;
    this.#reportedAtMs = clock.monotonicMs();
    log.info('node registered', { node: nodeName });
    this.#event('Starting', 'Starting kubelet.');
    this.#tell(events);
    this.#noteReady(status);
    return { uid: made.metadata.uid ?? '' };
  }

  async #find(): Promise<Node | undefined> {
    try {
      return await this.#env.client.get<Node>(nodes, this.#env.nodeName);
    } catch (error) {
      if (isReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  #initial(status: NodeStatus): Node {
    const { podNetworks, labels = {}, hostname = this.#env.nodeName } = this.#options;
    return initialNode({ name: this.#env.nodeName, hostname, labels, podNetworks, machine: this.#machine!, status });
  }

  async #plan(previous: NodeStatus): Promise<ReturnType<typeof planNodeStatus>> {
    const { clock, nodeName, nodeIPs, budget, paths } = this.#env;
    const { maxPods = budget.maxPods, hostname = nodeName, kubeletPort = 10250 } = this.#options;
    const [disk, availableMemoryBytes] = await Promise.all([
      this.#read.disk(paths.root),
      this.#read.availableMemoryBytes(),
    ]);
    const monotonicMs = clock.monotonicMs();
    this.#pressures.observe({ availableMemoryBytes, disk }, monotonicMs);
    const types: PressureType[] = ['MemoryPressure', 'DiskPressure', 'PIDPressure'];
    return planNodeStatus(previous, {
      nowMs: clock.nowMs(),
      machine: this.#machine!,
      disk,
      hostname,
      nodeIPs,
      maxPods,
      kubeletPort,
      runtimeVersion: this.#runtime.version,
      runtime: this.#runtime.status,
      problems: [...this.#runtime.problems(), ...this.#problems.values()],
      pressures: new Set(types.filter((type) => this.#pressures.has(type, monotonicMs))),
      images: this.#images,
    });
  }

  #noteReady({ conditions = [] }: NodeStatus): void {
    this.#isReady = conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
    if (this.#isReady) this.#firstReady.resolve();
  }

  #noteReboot(before: NodeStatus | undefined, { nodeInfo }: NodeStatus): void {
    const bootId = before?.nodeInfo?.bootID;
    if (!bootId || bootId === nodeInfo?.bootID) return;
    const message = `Node ${this.#env.nodeName} has been rebooted, boot id: ${nodeInfo?.bootID}`;
    this.#env.recorder.event(this.#subject(), 'Warning', 'Rebooted', message);
  }

  #noteSchedulable({ spec }: Node): void {
    const isUnschedulable = spec?.unschedulable ?? false;
    if (isUnschedulable === this.#isUnschedulable) return;
    this.#isUnschedulable = isUnschedulable;
    this.#tell([isUnschedulable ? 'NodeNotSchedulable' : 'NodeSchedulable']);
  }

  #tell(events: readonly string[]): void {
    for (const reason of events) this.#event(reason, `Node ${this.#env.nodeName} status is now: ${reason}`);
  }

  #event(reason: string, message: string): void {
    this.#env.recorder.event(this.#subject(), 'Normal', reason, message);
  }

  /** As upstream's kubelet, which knows itself by name: the uid is the name. */
  #subject(): { kind: string; metadata: { name: string; uid: string } } {
    const name = this.#env.nodeName;
    return { kind: 'Node', metadata: { name, uid: name } };
  }
}

function withoutHeartbeats(status: NodeStatus): NodeStatus {
  const conditions = (status.conditions ?? []).map(({ lastHeartbeatTime: _, ...condition }) => condition);
  return { ...status, conditions };
}
