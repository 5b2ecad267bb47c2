/** A node of pods in simulated time: the real pod manager between a simulated runtime and a simulated API. */
import { silentLogger } from '../../src/kernel/index.ts';
import { defaultBudget } from '../../src/config/budget.ts';
import { containerHash } from '../../src/kubelet/config/index.ts';
import { createPodManager, type PodManager } from '../../src/kubelet/pods/index.ts';
import { type KubeletEnv, runtimeAnnotations, runtimeLabels } from '../../src/kubelet/types.ts';
import type { Container, ContainerStatus, Pod, PodSpec } from '../../src/schema/generated/index.ts';
import { type ApiConnection, SimulatedApi } from './api.ts';
import { ProcessClock, SimulatedTime } from './clock.ts';
import { type Connection, type Fault, SimulatedRuntime } from './runtime.ts';

interface Process {
  clock: ProcessClock;
  cri: Connection;
  client: ApiConnection;
  manager: PodManager;
}

export interface NodeEvent {
  atMs: number;
  reason: string;
  message: string;
  fieldPath?: string | undefined;
}

export class SimulatedNode {
  readonly time = new SimulatedTime();
  readonly api = new SimulatedApi(this.time);
  readonly runtime: SimulatedRuntime;
  readonly faults: Fault[] = [];
  readonly events: NodeEvent[] = [];
  /** Names of the pods whose volumes were prepared, in order. */
  readonly prepared: string[] = [];
  /** Pods whose volumes or control group are there. */
  readonly volumes = new Set<string>();
  readonly cgroups = new Set<string>();
  readonly unhealthy = new Set<string>();
  /** Images that cannot be had, and why. */
  readonly brokenImages = new Set<string>();
  readonly stubborn = new Set<string>();
  /** By uid. */
  readonly staticPods = new Map<string, Pod>();
  latencyMs = (): number => 0;
  #process: Process | undefined;

  constructor() {
    this.runtime = new SimulatedRuntime(this.time, {
      fault: () => this.faults.shift(),
      latencyMs: () => this.latencyMs(),
      obeys: (container) => !this.stubborn.has(container),
    });
    this.api.isRunning = (uid) => this.runtime.running().some(({ labels }) => labels[runtimeLabels.podUid] === uid);
  }

  /** Starts the node's agent. */
  start(): void {
    const clock = new ProcessClock(this.time);
    const cri = this.runtime.connect();
    const client = this.api.connect();
    const env: KubeletEnv = {
      client,
      clock,
      cri,
      log: silentLogger,
      recorder: {
        event: (object, _type, reason, message) => {
          this.events.push({ atMs: clock.nowMs(), reason, message, fieldPath: object.fieldPath });
        },
      },
      budget: defaultBudget,
      nodeName: 'node',
      nodeIPs: ['192.0.2.1'],
      paths: { root: '/none', podLogs: '/none' },
    };
    const manager = createPodManager({ env, ...this.#parts(), runtimeName: 'simulated', maxPods: 110 });
    this.#process = { clock, cri, client, manager };
  }

  /** kill -9. */
  kill(): void {
    this.#process?.clock.kill();
    this.#process?.cri.kill();
    this.#process?.client.kill();
    this.#process = undefined;
  }

  probed(uid: string): void {
    this.#process?.manager.probed(uid);
  }

  staticPodsChanged(): void {
    this.#process?.manager.staticPodsChanged();
  }

  /** Lets everything run that need not wait for time. */
  settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  async advance(ms: number): Promise<void> {
    await this.settle();
    await this.time.advance(ms, this.settle);
  }

  async add(name: string, spec: Partial<PodSpec> = {}): Promise<Pod> {
    const containers = spec.containers ?? [{ name: 'main', image: 'example.com/app:1' }];
    const pod = this.api.create({
      metadata: { name },
      spec: { restartPolicy: 'Always', terminationGracePeriodSeconds: 30, nodeName: 'node', ...spec, containers },
    });
    await this.settle();
    return pod;
  }

  pod(name: string): Pod | undefined {
    return this.api.pods.get(name);
  }

  container(name: string, container = 'main'): ContainerStatus | undefined {
    const { containerStatuses = [], initContainerStatuses = [] } = this.pod(name)?.status ?? {};
    return [...containerStatuses, ...initContainerStatuses].find((one) => one.name === container);
  }

  /** Runtime ids of the running instances. */
  running(podName: string, container = 'main'): string[] {
    return this.runtime
      .running()
      .filter((one) => one.container === container && one.labels[runtimeLabels.podName] === podName)
      .map(({ id }) => id);
  }

  crash(podName: string, exitCode = 1, container = 'main'): void {
    for (const id of this.running(podName, container)) this.runtime.exit(id, exitCode);
  }

  violations(): string[] {
    return [...this.runtime.violations, ...this.api.violations];
  }

  #parts() {
    return {
      config: {
        sandbox: async ({ metadata, spec }: Pod, attempt: number) => {
          this.cgroups.add(metadata.uid ?? '');
          return {
            metadata: { name: metadata.name ?? '', uid: metadata.uid ?? '', namespace: 'default', attempt },
            labels: podLabels(metadata),
            linux: {
              securityContext: {
                namespaceOptions: { network: spec.hostNetwork ? ('NODE' as const) : ('POD' as const) },
              },
            },
          };
        },
        container: async ({ metadata }: Pod, container: Container, { restartCount }: { restartCount: number }) => ({
          metadata: { name: container.name, attempt: restartCount },
          labels: { ...podLabels(metadata), [runtimeLabels.containerName]: container.name },
          annotations: {
            [runtimeAnnotations.hash]: containerHash(container),
            [runtimeAnnotations.restartCount]: String(restartCount),
          },
        }),
      },
      volumes: {
        prepare: async ({ metadata }: Pod) => {
          this.volumes.add(metadata.uid ?? '');
          this.prepared.push(metadata.name ?? '');
          return new Map();
        },
        release: async (uid: string) => void this.volumes.delete(uid),
        present: async () => [...this.volumes],
      },
      cgroups: {
        ensurePod: async () => '/pod',
        removePod: async (uid: string) => void this.cgroups.delete(uid),
        present: async () => [...this.cgroups],
      },
      images: {
        ensure: async (_pod: Pod, { image = '' }: Container) => {
          if (this.brokenImages.has(image)) throw new Error(`no such image: ${image}`);
          return { imageRef: image, user: { username: '' } };
        },
      },
      logs: { removeInstance: async () => {}, removePod: async () => {}, removeOthers: async () => {} },
      probes: {
        observe: () => {},
        forget: () => {},
        stop: () => {},
        results: (_pod: Pod, container: Container, id: string) => ({
          started: true,
          ready: true,
          ...(this.unhealthy.has(id.replace('simulated://', '')) && {
            failed: { probe: 'liveness' as const, message: container.name },
          }),
        }),
      },
      staticPods: { current: () => this.staticPods },
    };
  }
}

const podLabels = ({ name, uid }: Pod['metadata']): Record<string, string> => ({
  [runtimeLabels.podName]: name ?? '',
  [runtimeLabels.podNamespace]: 'default',
  [runtimeLabels.podUid]: uid ?? '',
});
