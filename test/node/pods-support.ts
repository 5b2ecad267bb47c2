/** For tests of real pods: the kubelet of this checkout between a containerd of its own and an API in memory. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { testCluster, type TestCluster } from '../../src/api/testing/cluster.ts';
import { createEventRecorder, events, namespaces, pods } from '../../src/client/index.ts';
import type { Client } from '../../src/client/types.ts';
import { defaultBudget } from '../../src/config/budget.ts';
import { silentLogger, systemClock } from '../../src/kernel/index.ts';
import { type Kubelet, startKubelet } from '../../src/kubelet/index.ts';
import type { Runtime } from '../../src/kubelet/runtime/index.ts';
import { definitions } from '../../src/resources/index.ts';
import type { Container, ContainerStatus, Event, Pod, PodSpec } from '../../src/schema/generated/index.ts';
import { busybox, RuntimeNode, until } from './runtime-support.ts';

const nodeName = 'node-1';
const admin = { name: 'admin', groups: ['system:masters'] };

/** A container that runs this shell script. */
export const shell = (name: string, script: string, more: Partial<Container> = {}): Container => ({
  name,
  image: busybox,
  imagePullPolicy: 'Never',
  command: ['sh', '-c', script],
  ...more,
});

export class PodNode implements AsyncDisposable {
  readonly node = new RuntimeNode();
  readonly client: Client;
  readonly #cluster: TestCluster;
  runtime: Runtime | undefined;
  #kubelet: Kubelet | undefined;

  private constructor(cluster: TestCluster) {
    this.#cluster = cluster;
    this.client = cluster.api.client(admin);
  }

  static async start(): Promise<PodNode> {
    const cluster = await testCluster({ definitions, clock: systemClock });
    const node = new PodNode(cluster);
    await node.client.create(namespaces, { metadata: { name: 'default' } });
    await node.startKubelet();
    return node;
  }

  async startKubelet(): Promise<void> {
    const { client, node } = this;
    this.runtime ??= await node.open();
    const recorder = createEventRecorder({
      client,
      clock: systemClock,
      log: silentLogger,
      component: 'kubelet',
      limit: 100,
    });
    this.#kubelet = await startKubelet({
      client,
      clock: systemClock,
      log: silentLogger,
      recorder,
      budget: defaultBudget,
      nodeName,
      nodeIPs: ['192.0.2.10'],
      paths: { root: node.paths.kubelet, podLogs: node.paths.podLogs },
      runtime: this.runtime,
      clusterDomain: 'cluster.local',
      dns: { servers: ['10.96.0.10'], hostResolvConf: '/etc/resolv.conf' },
      podNetworks: ['10.43.0.0/24'],
      staticPodPath: join(node.root, 'manifests'),
    });
  }

  /** Lets go of the pods, as the end of the process does. */
  async stopKubelet(): Promise<void> {
    await this.#kubelet?.stop();
    this.#kubelet = undefined;
  }

  run(name: string, spec: PodSpec): Promise<Pod> {
    const pod: Pod = { metadata: { name }, spec: { automountServiceAccountToken: false, nodeName, ...spec } };
    return this.client.create<Pod>(pods, pod, { namespace: 'default' });
  }

  delete(name: string, gracePeriodSeconds: number): Promise<void> {
    return this.client.delete(pods, name, { namespace: 'default', gracePeriodSeconds });
  }

  pod(name: string): Promise<Pod | undefined> {
    return this.client.get<Pod>(pods, name, 'default').catch(() => undefined);
  }

  /** Waits for the pod to be so. */
  async until(what: string, name: string, holds: (pod: Pod) => unknown, limitMs = 30_000): Promise<Pod> {
    const found = await until(
      what,
      () => this.pod(name),
      (pod) => pod !== undefined && !!holds(pod),
      limitMs,
    );
    return found as Pod;
  }

  gone(name: string, limitMs = 30_000): Promise<unknown> {
    return until(
      `${name} is gone`,
      () => this.pod(name),
      (pod) => pod === undefined,
      limitMs,
    );
  }

  async events(name: string): Promise<string[]> {
    const { items } = await this.client.list<Event>(events, { namespace: 'default' });
    return items
      .filter(({ involvedObject }) => involvedObject.name === name)
      .map(({ reason, message, involvedObject }) => `${reason} ${involvedObject.fieldPath ?? '-'} ${message}`);
  }

  /** What is left of a pod on this machine. */
  async leftovers(uid: string): Promise<string[]> {
    const { paths } = this.node;
    const cri = this.runtime!.cri;
    const { items } = await cri.call('ListPodSandbox', {});
    const { containers } = await cri.call('ListContainers', {});
    const logs = existsSync(paths.podLogs) ? readdirSync(paths.podLogs) : [];
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    return [
      ...[...items, ...containers].filter(({ labels }) => Object.values(labels).includes(uid)).map(({ id }) => id),
      ...logs.filter((folder) => folder.includes(uid)),
      ...mounts.filter((line) => line.includes(uid)),
      ...(existsSync(join(paths.kubelet, 'pods', uid)) ? ['volumes'] : []),
    ];
  }

  log(pod: Pod, container: string, attempt = 0): string {
    const { namespace, name, uid } = pod.metadata;
    const file = join(this.node.paths.podLogs, `${namespace}_${name}_${uid}`, container, `${attempt}.log`);
    return readFileSync(file, 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopKubelet();
    await this.node[Symbol.asyncDispose]();
    await this.#cluster.close();
  }
}

export const statusOf = (pod: Pod, container: string): ContainerStatus | undefined =>
  [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.ephemeralContainerStatuses ?? []),
  ].find(({ name }) => name === container);

export const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
