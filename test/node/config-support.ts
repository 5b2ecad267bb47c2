/** Runs pods of busybox with the kubelet's volumes and configurations on a containerd of our own. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dataPaths } from '../../src/config/index.ts';
import { silentLogger, systemClock } from '../../src/kernel/index.ts';
import { createCgroups } from '../../src/kubelet/cgroups/index.ts';
import { createConfigBuilder, podLogFolder } from '../../src/kubelet/config/index.ts';
import type { ContainerStatus } from '../../src/kubelet/cri/types.ts';
import { ensurePauseImage, pauseNames } from '../../src/kubelet/images/index.ts';
import { cleanupRuntime, openRuntime, type Runtime } from '../../src/kubelet/runtime/index.ts';
import type { Cgroups, ConfigBuilder } from '../../src/kubelet/types.ts';
import { createVolumeManager, type Volumes } from '../../src/kubelet/volumes/index.ts';
import { FakeApi } from '../../src/kubelet/volumes/testing.ts';
import type { Container, Pod, PodSpec } from '../../src/schema/generated/index.ts';
import { importBusybox } from './streaming-support.ts';
import { until } from './runtime-support.ts';

const image = 'registry.local/busybox:config';

export interface Started {
  pod: Pod;
  sandboxId: string;
  containerId: string;
}

/** As much of a node as it takes to run containers one by one. */
export class ConfigNode {
  readonly api = new FakeApi();
  readonly changed: string[] = [];
  readonly volumes: Volumes;
  readonly runtime: Runtime;
  readonly root: string;
  readonly #folder: string;
  readonly #config: ConfigBuilder;
  readonly #cgroups: Cgroups;
  #pods = 0;

  private constructor(folder: string, runtime: Runtime, cgroups: Cgroups) {
    const paths = dataPaths(folder);
    const env = {
      client: this.api.client,
      clock: this.api.clock,
      log: silentLogger,
      nodeName: 'node-1',
      nodeIPs: ['192.0.2.7'],
      paths: { root: paths.kubelet, podLogs: paths.podLogs },
      recorder: { event: () => {} },
    };
    this.root = paths.kubelet;
    this.#folder = folder;
    this.runtime = runtime;
    this.#cgroups = cgroups;
    this.volumes = createVolumeManager(env, { onChange: (uid) => this.changed.push(uid) });
    const dns = { servers: ['10.96.0.10'], hostResolvConf: '/etc/resolv.conf' };
    this.#config = createConfigBuilder(env, { cgroups, clusterDomain: 'cluster.local', dns });
    this.api.put('nodes', {
      metadata: { name: 'node-1' },
      status: { allocatable: { cpu: '2', memory: '1Gi' } },
    } as never);
  }

  static async start(): Promise<ConfigNode> {
    const folder = await mkdtemp(join(tmpdir(), 'nsc-'));
    const paths = dataPaths(folder);
    const shared = { clock: systemClock, log: silentLogger };
    const sandboxImage = pauseNames[0];
    const runtime = await openRuntime({ mode: 'own', endpoint: '', handler: 'auto', paths, sandboxImage, ...shared });
    const { cri, socketPath, cgroupDriver } = runtime;
    await ensurePauseImage({ cri, socketPath, folder, log: silentLogger });
    await importBusybox(socketPath, folder, image);
    const kubelet = { root: paths.kubelet, podLogs: paths.podLogs };
    return new ConfigNode(
      folder,
      runtime,
      await createCgroups({ ...shared, paths: kubelet }, { driver: cgroupDriver }),
    );
  }

  /** Starts a pod's only container: `script` is what busybox's shell runs. */
  async begin(script: string, fields: Partial<Container> = {}, spec: Partial<PodSpec> = {}): Promise<Started> {
    const uid = `uid-${++this.#pods}`;
    const container = { name: 'main', image, command: ['/bin/sh', '-c', script], ...fields };
    const pod: Pod = {
      metadata: { name: `pod-${this.#pods}`, namespace: 'shop', uid, labels: { app: 'web' } },
      spec: { hostNetwork: true, dnsPolicy: 'Default', containers: [container], ...spec },
    };
    const { cri } = this.runtime;
    const sandboxConfig = await this.#config.sandbox(pod, 0);
    const { podSandboxId } = await cri.call('RunPodSandbox', { config: sandboxConfig });
    const containerId = await this.startAgain({ pod, sandboxId: podSandboxId, containerId: '' }, 0);
    return { pod, sandboxId: podSandboxId, containerId };
  }

  /** Starts one more instance of the pod's container. */
  async startAgain({ pod, sandboxId }: Started, restartCount: number): Promise<string> {
    const { cri } = this.runtime;
    const context = { restartCount, imageRef: image, podIPs: [], sandboxId, imageUser: { uid: 0, username: '' } };
    const volumes = await this.volumes.prepare(pod);
    const config = await this.#config.container(pod, pod.spec.containers[0]!, { ...context, volumes });
    const sandboxConfig = await this.#config.sandbox(pod, 0);
    const { containerId } = await cri.call('CreateContainer', { podSandboxId: sandboxId, config, sandboxConfig });
    await cri.call('StartContainer', { containerId });
    return containerId;
  }

  async exited(containerId: string): Promise<ContainerStatus> {
    const { status } = await until(
      `the end of ${containerId}`,
      () => this.runtime.cri.call('ContainerStatus', { containerId }),
      ({ status: now }) => now?.state === 'CONTAINER_EXITED',
      60_000,
    );
    return status!;
  }

  /** Runs to its end and takes the pod down. What it wrote, without the log's prefixes. */
  async run(script: string, fields: Partial<Container> = {}, spec: Partial<PodSpec> = {}): Promise<string> {
    const started = await this.begin(script, fields, spec);
    await this.exited(started.containerId);
    const output = await this.output(started.pod);
    await this.end(started);
    return output;
  }

  async output(pod: Pod): Promise<string> {
    const file = join(podLogFolder(dataPaths(this.#folder).podLogs, pod), 'main', '0.log');
    return (await readFile(file, 'utf8')).replace(/^\S+ (stdout|stderr) [FP] /gm, '').trimEnd();
  }

  async exec({ containerId }: Started, script: string): Promise<string> {
    const { stdout } = await this.runtime.cri.call('ExecSync', {
      containerId,
      cmd: ['/bin/sh', '-c', script],
      timeout: 10,
    });
    return Buffer.from(stdout).toString().trimEnd();
  }

  async end({ pod, sandboxId }: Started): Promise<void> {
    const uid = pod.metadata.uid ?? '';
    await this.runtime.cri.call('StopPodSandbox', { podSandboxId: sandboxId });
    await this.runtime.cri.call('RemovePodSandbox', { podSandboxId: sandboxId });
    await this.volumes.release(uid);
    await this.#cgroups.removePod(uid);
  }

  async stop(): Promise<void> {
    this.volumes.stop();
    await this.runtime.stop();
    await cleanupRuntime({ paths: dataPaths(this.#folder), clock: systemClock, log: silentLogger });
    for (const path of [dataPaths(this.#folder).run, this.#folder]) await rm(path, { recursive: true, force: true });
  }
}
