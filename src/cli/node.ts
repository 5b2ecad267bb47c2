/** The node's half of the program: container runtime, service network, kubelet. Wired to the control plane in serve.ts. */
import type { ApiServer, ConnectHandler } from '../api/index.ts';
import { createEventRecorder } from '../client/index.ts';
import { type DataPaths, type Derived, dataPaths } from '../config/index.ts';
import { controllerUser } from '../controllers/index.ts';
import { publishDnsService } from '../host/bootstrap/index.ts';
import type { Clock, Lifecycle, Logger } from '../kernel/index.ts';
import {
  createStreaming,
  ensurePauseImage,
  openRuntime,
  pauseNames,
  type Runtime,
  startKubelet,
} from '../kubelet/index.ts';
import { startNetwork } from '../network/index.ts';
import type { UserInfo } from '../resources/define.ts';
import { CommandError } from './command.ts';
import type { Settings } from './options.ts';
import { preloadImages } from './preload.ts';

/** Where images lie that come with the device's own packages. */
const packagedImages = '/usr/share/nanoshift/images';
const clusterDomain = 'cluster.local';
const hostResolvConf = '/etc/resolv.conf';

export interface NodeOptions {
  settings: Settings;
  derived: Derived;
  lifecycle: Lifecycle;
  runtime: Runtime;
  server: ApiServer;
  /** Where streams into pods are answered once the kubelet is there. */
  connects: Map<string, ConnectHandler>;
  clock: Clock;
  log: Logger;
}

/** Begins to look for the container runtime, or to start it. Throws CommandError when pods cannot run here. */
export function beginRuntime({ config, dataDir }: Settings, clock: Clock, log: Logger): Promise<Runtime> {
  if (process.getuid?.() !== 0) {
    throw new CommandError('must be run as root to run pods (runtime.mode: none runs the control plane alone)');
  }
  const { mode, handler } = config.runtime;
  return openRuntime({
    mode: mode === 'own' ? 'own' : 'auto',
    endpoint: config.kubelet.containerRuntimeEndpoint,
    handler,
    paths: dataPaths(dataDir),
    sandboxImage: pauseNames[0],
    clock,
    log: log.child('runtime'),
  });
}

/** Starts network and kubelet. Pods outlive their stop. */
export async function startNodeParts(options: NodeOptions): Promise<void> {
  const { lifecycle, runtime, log } = options;
  const paths = dataPaths(options.settings.dataDir);
  const images = importImages(runtime, paths, log.child('images'));
  images.catch(() => {}); // The network may fail before anyone waits for them.
  await lifecycle.start(
    'network',
    () => openNetwork(options, paths),
    (network) => network.stop(),
  );
  await lifecycle.start(
    'dns-service',
    () => openDnsService(options),
    (abort) => abort(),
  );
  await images;
  await lifecycle.start(
    'kubelet',
    () => openKubelet(options, paths),
    (kubelet) => kubelet.stop(),
  );
}

/** The sandbox image before any pod; what else lies ready goes on by itself. */
async function importImages(runtime: Runtime, paths: DataPaths, log: Logger): Promise<void> {
  const { cri, socketPath, name } = runtime;
  if (runtime.isOwn) await ensurePauseImage({ cri, socketPath, folder: paths.run, log });
  if (name !== 'containerd') return;
  const folders = [packagedImages, paths.images];
  void preloadImages({ folders, record: paths.importedImages, socketPath, log });
}

/** The user that this machine's kubelet acts as. */
const nodeUser = (nodeName: string): UserInfo => ({
  name: `system:node:${nodeName}`,
  groups: ['system:nodes', 'system:authenticated'],
});

function openNetwork({ settings, derived, runtime, server, clock, log }: NodeOptions, paths: DataPaths) {
  const { config, profile } = settings;
  const { nodeName, nodeIP, podNetwork, dnsIP, advertiseAddress } = derived;
  return startNetwork({
    client: server.client(controllerUser('kube-proxy')),
    nodeClient: server.client(nodeUser(nodeName)),
    clock,
    log: log.child('network'),
    budget: profile.budget,
    config: {
      podNetwork,
      clusterNetwork: config.network.clusterNetwork[0] ?? podNetwork,
      serviceNetwork: config.network.serviceNetwork[0] ?? '',
      nodeIPs: [nodeIP],
      nodeName,
      dnsIP,
      advertiseAddress: config.apiServer.advertiseAddress ? undefined : advertiseAddress,
      clusterDomain,
    },
    cniConfigDir: runtime.cniConfigDir,
    cniLeases: paths.cniLeases,
    resolvConf: hostResolvConf,
  });
}

function openDnsService({ derived, server, clock, log }: NodeOptions): () => void {
  const controller = new AbortController();
  const client = server.client(controllerUser('apiserver'));
  void publishDnsService({ client, dnsIP: derived.dnsIP, clock, log, signal: controller.signal });
  return () => controller.abort();
}

async function openKubelet(options: NodeOptions, paths: DataPaths): Promise<{ stop(): Promise<void> }> {
  const { settings, derived, runtime, server, connects, clock, log } = options;
  const { config, profile } = settings;
  const { nodeName, nodeIP, dnsIP, podNetwork } = derived;
  const client = server.client(nodeUser(nodeName));
  const recorder = createEventRecorder({
    client,
    clock,
    log: log.child('events'),
    component: 'kubelet',
    host: nodeName,
    limit: profile.budget.pendingEvents,
  });
  const kubeletPaths = { root: paths.kubelet, podLogs: paths.podLogs };
  const kubelet = await startKubelet({
    client,
    clock,
    log: log.child('kubelet'),
    recorder,
    budget: profile.budget,
    nodeName,
    nodeIPs: [nodeIP],
    paths: kubeletPaths,
    runtime,
    clusterDomain,
    dns: { servers: [dnsIP], hostResolvConf },
    podNetworks: [podNetwork],
    maxPods: config.kubelet.maxPods || profile.budget.maxPods,
    staticPodPath: config.kubelet.staticPodPath,
  });
  const streaming = createStreaming({
    cri: runtime.cri,
    client: server.client(controllerUser('apiserver')),
    clock,
    log: log.child('streaming'),
    nodeName,
    paths: kubeletPaths,
    budget: profile.budget,
  });
  for (const [key, handler] of streaming.handlers) connects.set(key, handler);
  return {
    async stop() {
      streaming.stop();
      await kubelet.stop();
      recorder.stop();
    },
  };
}
