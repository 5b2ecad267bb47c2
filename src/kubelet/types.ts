/** Contracts between the kubelet's parts. Each part stands in a folder of its own; kubelet.ts puts them together. */
import type { Client, EventRecorder } from '../client/types.ts';
import type { Budget } from '../config/budget.ts';
import type { Clock, Logger } from '../kernel/index.ts';
import type { Container, Pod, PodStatus } from '../schema/generated/index.ts';
import type { CriClient, Init, ContainerConfig, PodSandboxConfig } from './cri/types.ts';

/** What every part is given. */
export interface KubeletEnv {
  /** Acts as `system:node:<nodeName>`. */
  client: Client;
  clock: Clock;
  log: Logger;
  cri: CriClient;
  recorder: EventRecorder;
  budget: Budget;
  nodeName: string;
  /** First the primary one. */
  nodeIPs: readonly string[];
  paths: KubeletPaths;
}

/** Folders; all absolute. */
export interface KubeletPaths {
  /** pods/<uid>/{volumes/<plugin>/<name>,etc-hosts,containers/<name>/…} as in upstream's kubelet. */
  root: string;
  /** <namespace>_<name>_<uid>/<container>/<attempt>.log; what CRI calls log_directory is the pod's folder. */
  podLogs: string;
}

/** Labels that sandboxes and containers carry in the runtime, by which everything of a pod is found again. */
export const runtimeLabels = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  containerName: 'io.kubernetes.container.name',
} as const;

/** Annotations that containers carry in the runtime: what is needed when the pod is gone from the API. */
export const runtimeAnnotations = {
  hash: 'io.kubernetes.container.hash',
  restartCount: 'io.kubernetes.container.restartCount',
  terminationMessagePath: 'io.kubernetes.container.terminationMessagePath',
  terminationMessagePolicy: 'io.kubernetes.container.terminationMessagePolicy',
  podTerminationGracePeriod: 'io.kubernetes.pod.terminationGracePeriod',
  preStopHandler: 'io.kubernetes.container.preStopHandler',
  configSource: 'kubernetes.io/config.source',
} as const;

/** A step of a pod's start that failed. `reason` becomes the container's waiting reason or the event's. */
export class PodStartError extends Error {
  override readonly name = 'PodStartError';
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Where a pod's volumes are on the host, by volume name. */
export type MountedVolumes = ReadonlyMap<string, MountedVolume>;

export interface MountedVolume {
  hostPath: string;
  /** The plugin's own rule: ConfigMap, Secret, downwardAPI, projected. */
  readOnly: boolean;
}

/** volumes/: emptyDir, hostPath, ConfigMap, Secret, downwardAPI, projected. */
export interface VolumeManager {
  /** Makes what is missing and brings contents up to date; idempotent. Throws PodStartError('FailedMount', …). */
  prepare(pod: Pod, status: PodStatus): Promise<MountedVolumes>;
  /** Unmounts and removes everything of a pod; idempotent. Throws when something is still busy. */
  release(podUid: string): Promise<void>;
  /** Pods that have something on disk: after a restart, those that no longer exist are released. */
  present(): Promise<string[]>;
}

/** What the container's configuration needs beyond the pod. */
export interface ContainerContext {
  /** How many containers of this name came before: the log's name and the restart count. */
  restartCount: number;
  /** Of the image that was pulled, as CreateContainer wants it. */
  imageRef: string;
  /** '' on the host's network. */
  podIPs: readonly string[];
  volumes: MountedVolumes;
  sandboxId: string;
  /** What CRI's image status says that the image runs as: for runAsNonRoot. */
  imageUser: { uid?: number; username: string };
  /** An ephemeral container's target, as it is named in the runtime: it shares the target's processes. */
  targetContainerId?: string;
}

/** config/: from a pod to CRI's configurations. Reads Secrets, ConfigMaps and Services. */
export interface ConfigBuilder {
  /** Makes the log folder and the cgroup. */
  sandbox(pod: Pod, attempt: number): Promise<Init<PodSandboxConfig>>;
  /** Throws PodStartError('CreateContainerConfigError' | 'CreateContainerError', …). */
  container(pod: Pod, container: Container, context: ContainerContext): Promise<Init<ContainerConfig>>;
}

/** cgroups/: pod-level control groups of whichever kind the machine has. */
export interface Cgroups {
  /** Makes the pod's group with its limits; returns CRI's cgroup_parent. Idempotent. */
  ensurePod(pod: Pod): Promise<string>;
  removePod(podUid: string): Promise<void>;
  present(): Promise<string[]>;
}

/** images/: pulls by policy, with the kubelet's back-off and events. */
export interface ImageManager {
  /** Throws PodStartError('ErrImagePull' | 'ImagePullBackOff' | 'ErrImageNeverPull' | 'InvalidImageName' …). */
  ensure(pod: Pod, container: Container): Promise<EnsuredImage>;
}

export interface EnsuredImage {
  imageRef: string;
  user: { uid?: number; username: string };
}

export interface ProbeResults {
  /** No startup probe, or it has succeeded. */
  started: boolean;
  /** No readiness probe and running, or it succeeds. */
  ready: boolean;
  /** A liveness or startup probe has failed for good: kill the container (message for the event). */
  failed?: { probe: 'liveness' | 'startup'; message: string };
}

/** probes/: one worker a probe of a running container. */
export interface ProbeManager {
  /** Starts and stops workers so that they match what runs. Called whenever a pod's status was computed. */
  observe(pod: Pod, status: PodStatus): void;
  forget(podUid: string): void;
  /** Of one running container, by its runtime id (`containerd://…` as in the status). */
  results(pod: Pod, container: Container, containerID: string): ProbeResults;
  stop(): void;
}

/** Where pods come from that are not in the API: files. */
export interface StaticPods {
  /** Pods with the annotation kubernetes.io/config.source=file, by uid. */
  current(): ReadonlyMap<string, Pod>;
  stop(): void;
}
