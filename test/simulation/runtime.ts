/** A container runtime in memory: names are reserved, calls take time, answers get lost, and it goes away. */
import { CriError, grpcCode } from '../../src/kubelet/cri/types.ts';
import type {
  CallOptions,
  CriCalls,
  CriClient,
  Init,
  RuntimeEvent,
  RuntimeEventHandler,
} from '../../src/kubelet/cri/types.ts';
import { runtimeLabels } from '../../src/kubelet/types.ts';
import type { SimulatedTime } from './clock.ts';

interface Sandbox {
  id: string;
  name: string;
  attempt: number;
  ready: boolean;
  createdAtMs: number;
  hostNetwork: boolean;
  labels: Record<string, string>;
}

interface Instance {
  id: string;
  key: string;
  sandboxId: string;
  container: string;
  attempt: number;
  state: 'CONTAINER_CREATED' | 'CONTAINER_RUNNING' | 'CONTAINER_EXITED';
  createdAtMs: number;
  startedAtMs: number;
  finishedAtMs: number;
  exitCode: number;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

/** What becomes of a call: `lose`: it is carried out and the answer is lost; `refuse`: it fails without effect. */
export type Fault = 'lose' | 'refuse';

export interface RuntimeHooks {
  /** What the next calls that change something meet. */
  fault(): Fault | undefined;
  /** How long a call takes. */
  latencyMs(): number;
  /** Whether a container ends on SIGTERM. */
  obeys(container: string): boolean;
}

type Call = (request: never) => unknown;

export class SimulatedRuntime {
  readonly sandboxes = new Map<string, Sandbox>();
  readonly instances = new Map<string, Instance>();
  /** What must never happen, and did. */
  readonly violations: string[] = [];
  /** How often each container, by pod uid and name, was started. */
  readonly starts = new Map<string, number>();
  /** Of all connections. */
  calls = 0;
  readonly #time: SimulatedTime;
  readonly #hooks: RuntimeHooks;
  readonly #connections = new Set<Connection>();
  #isAway = false;
  #ids = 0;

  constructor(time: SimulatedTime, hooks: RuntimeHooks) {
    this.#time = time;
    this.#hooks = hooks;
  }

  connect(): Connection {
    const connection = new Connection(this);
    this.#connections.add(connection);
    return connection;
  }

  disconnect(connection: Connection): void {
    this.#connections.delete(connection);
  }

  setAway(isAway: boolean): void {
    const isBack = this.#isAway && !isAway;
    this.#isAway = isAway;
    if (isBack) for (const connection of this.#connections) connection.handler?.resumed();
  }

  /** Ends a running container from within. */
  exit(id: string, exitCode: number): void {
    const instance = this.instances.get(id);
    if (instance?.state !== 'CONTAINER_RUNNING') return;
    instance.state = 'CONTAINER_EXITED';
    instance.exitCode = exitCode;
    instance.finishedAtMs = this.#time.nowMs();
    this.#tell({ type: 'stopped', id });
  }

  /** The pause process dies. */
  loseSandbox(id: string): void {
    const sandbox = this.sandboxes.get(id);
    if (!sandbox) return;
    sandbox.ready = false;
    for (const instance of this.instances.values()) if (instance.sandboxId === id) this.exit(instance.id, 137);
    this.#tell({ type: 'stopped', id });
  }

  running(): Instance[] {
    return [...this.instances.values()].filter(({ state }) => state === 'CONTAINER_RUNNING');
  }

  async call(method: string, request: unknown): Promise<unknown> {
    this.calls++;
    if (this.#isAway) throw away();
    const latencyMs = this.#hooks.latencyMs();
    const changes = !method.startsWith('List') && !method.endsWith('Status') && method !== 'Version';
    const fault = changes ? this.#hooks.fault() : undefined;
    if (fault === 'refuse') throw new CriError(grpcCode.unknown, 'simulated refusal');
    if (latencyMs > 0) await this.#time.sleep(latencyMs);
    if (this.#isAway) throw away();
    const handler = (this as unknown as Record<string, Call>)[`_${method}`];
    if (!handler) throw new CriError(grpcCode.unimplemented, method);
    const answer = await handler.call(this, request as never);
    if (fault === 'lose') throw new CriError(grpcCode.deadlineExceeded, 'context deadline exceeded');
    if (this.#isAway) throw away();
    return structuredClone(answer);
  }

  #tell(event: RuntimeEvent): void {
    if (this.#isAway) return;
    for (const connection of this.#connections) connection.handler?.event(event);
  }

  _RunPodSandbox({ config }: CriCalls['RunPodSandbox']['request']): CriCalls['RunPodSandbox']['response'] {
    const { metadata, labels, linux } = config!;
    const name = `${metadata!.name}_${metadata!.uid}_${metadata!.attempt}`;
    for (const other of this.sandboxes.values()) {
      if (other.name !== name) continue;
      throw new CriError(
        grpcCode.unknown,
        `failed to reserve sandbox name "${name}": name "${name}" is reserved for "${other.id}"`,
      );
    }
    const id = `sandbox-${++this.#ids}`;
    const hostNetwork = linux?.securityContext?.namespaceOptions?.network === 'NODE';
    const createdAtMs = this.#time.nowMs();
    this.sandboxes.set(id, { id, name, attempt: metadata!.attempt, ready: true, createdAtMs, hostNetwork, labels });
    return { podSandboxId: id };
  }

  _StopPodSandbox({ podSandboxId }: { podSandboxId: string }): object {
    if (!this.sandboxes.has(podSandboxId)) throw new CriError(grpcCode.notFound, 'not found');
    this.loseSandbox(podSandboxId);
    return {};
  }

  _RemovePodSandbox({ podSandboxId }: { podSandboxId: string }): object {
    if (this.sandboxes.get(podSandboxId)?.ready) throw new CriError(grpcCode.unknown, 'sandbox is not stopped');
    this.sandboxes.delete(podSandboxId);
    for (const { id, sandboxId } of this.instances.values()) if (sandboxId === podSandboxId) this.instances.delete(id);
    return {};
  }

  _ListPodSandbox({ filter }: { filter?: { labelSelector?: Record<string, string> } }): unknown {
    const items = [...this.sandboxes.values()]
      .filter(({ labels }) => matches(labels, filter?.labelSelector))
      .map(({ id, ready, labels }) => ({ id, state: ready ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY', labels }));
    return { items };
  }

  _PodSandboxStatus({ podSandboxId }: { podSandboxId: string }): unknown {
    const sandbox = this.sandboxes.get(podSandboxId);
    if (!sandbox) throw new CriError(grpcCode.notFound, 'not found');
    const { id, attempt, ready, createdAtMs, hostNetwork, labels } = sandbox;
    return {
      status: {
        id,
        metadata: { attempt },
        state: ready ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY',
        createdAt: createdAtMs * 1e6,
        network: { ip: hostNetwork ? '' : '10.42.0.7', additionalIps: [] },
        linux: { namespaces: { options: { network: hostNetwork ? 'NODE' : 'POD' } } },
        labels,
        annotations: {},
      },
    };
  }

  _CreateContainer({ podSandboxId, config }: CriCalls['CreateContainer']['request']): unknown {
    const sandbox = this.sandboxes.get(podSandboxId);
    if (!sandbox) throw new CriError(grpcCode.notFound, 'sandbox not found');
    if (!sandbox.ready) throw new CriError(grpcCode.unknown, 'sandbox is not running');
    const { metadata, labels, annotations } = config!;
    const key = `${metadata!.name}_${labels[runtimeLabels.podUid]}_${metadata!.attempt}`;
    for (const other of this.instances.values()) {
      if (other.key === key) throw new CriError(grpcCode.unknown, `name "${key}" is reserved for "${other.id}"`);
    }
    const id = `container-${++this.#ids}`;
    this.instances.set(id, {
      id,
      key,
      sandboxId: podSandboxId,
      container: metadata!.name,
      attempt: metadata!.attempt,
      state: 'CONTAINER_CREATED',
      createdAtMs: this.#time.nowMs(),
      startedAtMs: 0,
      finishedAtMs: 0,
      exitCode: 0,
      labels,
      annotations,
    });
    return { containerId: id };
  }

  _StartContainer({ containerId }: { containerId: string }): object {
    const instance = this.#instance(containerId);
    if (instance.state !== 'CONTAINER_CREATED') throw new CriError(grpcCode.unknown, 'container is not created');
    if (!this.sandboxes.get(instance.sandboxId)?.ready) throw new CriError(grpcCode.unknown, 'sandbox is not running');
    const who = `${instance.labels[runtimeLabels.podUid]}/${instance.container}`;
    const isTwin = this.running().some((other) => `${other.labels[runtimeLabels.podUid]}/${other.container}` === who);
    if (isTwin) this.violations.push(`two running instances of ${who}`);
    this.starts.set(who, (this.starts.get(who) ?? 0) + 1);
    instance.state = 'CONTAINER_RUNNING';
    instance.startedAtMs = this.#time.nowMs();
    this.#tell({ type: 'started', id: containerId });
    return {};
  }

  async _StopContainer({ containerId, timeout }: { containerId: string; timeout: number }): Promise<object> {
    const instance = this.#instance(containerId);
    if (instance.state === 'CONTAINER_RUNNING') {
      const obeys = this.#hooks.obeys(instance.container);
      if (!obeys) await this.#time.sleep(timeout * 1000);
      this.exit(containerId, obeys ? 143 : 137);
    }
    return {};
  }

  _RemoveContainer({ containerId }: { containerId: string }): object {
    this.exit(containerId, 137);
    this.instances.delete(containerId);
    return {};
  }

  _ListContainers({ filter }: { filter?: { labelSelector?: Record<string, string> } }): unknown {
    const containers = [...this.instances.values()]
      .filter(({ labels }) => matches(labels, filter?.labelSelector))
      .map(({ id, sandboxId, state, labels }) => ({ id, podSandboxId: sandboxId, state, labels }));
    return { containers };
  }

  _ContainerStatus({ containerId }: { containerId: string }): unknown {
    const { id, container, attempt, state, labels, annotations, ...at } = this.#instance(containerId);
    return {
      status: {
        id,
        metadata: { name: container, attempt },
        state,
        createdAt: at.createdAtMs * 1e6,
        startedAt: at.startedAtMs * 1e6,
        finishedAt: at.finishedAtMs * 1e6,
        exitCode: at.exitCode,
        image: { image: 'example.com/app:1', userSpecifiedImage: '' },
        imageRef: 'sha256:1',
        reason: state !== 'CONTAINER_EXITED' ? '' : at.exitCode === 0 ? 'Completed' : 'Error',
        message: '',
        labels,
        annotations,
        mounts: [],
        logPath: '',
      },
    };
  }

  _ExecSync(): unknown {
    return { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), exitCode: 0 };
  }

  #instance(id: string): Instance {
    const found = this.instances.get(id);
    if (!found) throw new CriError(grpcCode.notFound, `container "${id}" not found`);
    return found;
  }
}

const away = (): CriError => new CriError(grpcCode.unavailable, 'runtime is away');

const matches = (labels: Record<string, string>, selector: Record<string, string> = {}): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);

/** One process's connection. When the process is dead, no answer and no event reaches it. */
export class Connection implements CriClient {
  handler: RuntimeEventHandler | undefined;
  readonly #runtime: SimulatedRuntime;
  #isDead = false;

  constructor(runtime: SimulatedRuntime) {
    this.#runtime = runtime;
  }

  kill(): void {
    this.#isDead = true;
    this.handler = undefined;
    this.#runtime.disconnect(this);
  }

  call<Method extends keyof CriCalls>(
    method: Method,
    request: Init<CriCalls[Method]['request']>,
    { signal }: CallOptions = {},
  ): Promise<CriCalls[Method]['response']> {
    if (this.#isDead) return new Promise(() => {});
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new CriError(grpcCode.cancelled, 'cancelled')));
      this.#runtime.call(method, structuredClone(request)).then(
        (answer) => this.#isDead || resolve(answer as never),
        (error) => this.#isDead || reject(error),
      );
    });
  }

  events(handler: RuntimeEventHandler): { stop(): void } {
    this.handler = handler;
    return {
      stop: () => {
        this.handler = undefined;
      },
    };
  }

  close(): void {}
}
