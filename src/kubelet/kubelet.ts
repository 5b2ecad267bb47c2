/** The kubelet, put together: each part knows the others only by the contracts in types.ts. */
import type { Client, EventRecorder } from '../client/types.ts';
import type { Budget } from '../config/budget.ts';
import type { Clock, Logger } from '../kernel/index.ts';
import type { Pod, PodStatus } from '../schema/generated/index.ts';
import { createCgroups } from './cgroups/index.ts';
import { createConfigBuilder } from './config/index.ts';
import { createImageManager } from './images/index.ts';
import { type NodeHandle, startNode } from './node/index.ts';
import { createPodManager, type PodManager, podLogs } from './pods/index.ts';
import { createProbeManager } from './probes/index.ts';
import type { Runtime } from './runtime/index.ts';
import { startStaticPods } from './static-pods/index.ts';
import type { KubeletEnv, KubeletPaths } from './types.ts';
import { createVolumeManager } from './volumes/index.ts';

export interface KubeletOptions {
  /** Acts as `system:node:<nodeName>`. */
  client: Client;
  clock: Clock;
  log: Logger;
  recorder: EventRecorder;
  budget: Budget;
  nodeName: string;
  /** First the primary one. */
  nodeIPs: readonly string[];
  paths: KubeletPaths;
  runtime: Runtime;
  clusterDomain: string;
  dns: {
    /** Addresses of the cluster's DNS. */
    servers: readonly string[];
    /** Of the host: whom pods with dnsPolicy Default ask. */
    hostResolvConf: string;
  };
  /** This node's share of the cluster network, a CIDR for each IP family. */
  podNetworks: readonly string[];
  /** Default: the budget's. */
  maxPods?: number;
  /** The folder of pods that are not in the API. */
  staticPodPath: string;
  labels?: Readonly<Record<string, string>>;
  kubeletPort?: number;
}

export interface Kubelet {
  /** This machine in the API. */
  readonly node: NodeHandle;
  /** Pods of this node with the status as the kubelet sees it, those from files among them. */
  pods(): { pod: Pod; status: PodStatus }[];
  /** Lets go of the pods: they run on, and are taken over by whoever starts next. */
  stop(): Promise<void>;
}

/** Starts the kubelet on a runtime that is open. Pods that run are taken over as they are. */
export async function startKubelet(options: KubeletOptions): Promise<Kubelet> {
  const { clock, log, runtime, clusterDomain, dns, nodeName } = options;
  const env: KubeletEnv = { ...options, cri: runtime.cri };
  const maxPods = options.maxPods ?? options.budget.maxPods;
  // The parts tell it what has changed as soon as it is there.
  let manager: PodManager | undefined;
  const cgroups = await createCgroups(env, { driver: runtime.cgroupDriver });
  const volumes = createVolumeManager(env, { onChange: (uid) => manager?.volumesChanged(uid) });
  const config = createConfigBuilder(env, { cgroups, clusterDomain, dns });
  const images = createImageManager(env);
  const probes = createProbeManager(env, (uid) => manager?.probed(uid));
  const staticPods = await startStaticPods({
    folder: options.staticPodPath,
    nodeName,
    clock,
    log,
    onChange: () => manager?.staticPodsChanged(),
  });
  const podManager = createPodManager({
    env,
    probes,
    staticPods,
    config,
    volumes,
    images,
    cgroups,
    logs: podLogs(env.paths.podLogs),
    runtimeName: runtime.name,
    maxPods,
  });
  manager = podManager;
  const node = startNode({ ...options, env, maxPods });
  return {
    node,
    pods: () => podManager.pods(),
    async stop() {
      node.stop();
      staticPods.stop();
      probes.stop();
      podManager.stop();
      volumes.stop();
    },
  };
}
