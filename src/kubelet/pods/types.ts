/**
 * What a pod worker sees, remembers and does. Times of the runtime and the API are milliseconds since the epoch; those
 * that a worker sets itself are the monotonic clock's, so that none of its waits changes when the wall clock is set.
 */
import type { Container, ContainerUser, LifecycleHandler, Pod, PodStatus } from '../../schema/generated/index.ts';
import type { ProbeResults } from '../types.ts';

/** What the runtime has of one pod. */
export interface ObservedPod {
  /** Newest first. */
  sandboxes: readonly ObservedSandbox[];
  /** Newest first. */
  containers: readonly ObservedContainer[];
}

export interface ObservedSandbox {
  id: string;
  attempt: number;
  ready: boolean;
  createdAtMs: number;
  hostNetwork: boolean;
  /** As the runtime gives them; empty on the host's network. */
  ips: readonly string[];
}

export interface ObservedContainer {
  id: string;
  name: string;
  sandboxId: string;
  state: 'created' | 'running' | 'exited' | 'unknown';
  /** From the annotation; what the runtime calls attempt is the same number. */
  restartCount: number;
  /** Of the specification that it was made from. */
  hash: string;
  image: string;
  /** What the API calls imageID. */
  imageRef: string;
  createdAtMs: number;
  startedAtMs: number;
  finishedAtMs: number;
  exitCode: number;
  reason: string;
  /** The runtime's message and the container's own last words. */
  message: string;
  user?: ContainerUser;
  limits?: ContainerLimits;
  /** Kept in the runtime for when the pod is gone from the API. */
  preStop?: LifecycleHandler;
}

/** What the runtime holds a container to. */
export interface ContainerLimits {
  cpuShares: number;
  cpuQuota: number;
  cpuPeriod: number;
  memoryBytes: number;
}

export const nothingObserved: ObservedPod = { sandboxes: [], containers: [] };

export type ContainerKind = 'init' | 'regular' | 'ephemeral';

/** A start that failed: shown as the container's waiting state until the next try. */
export interface StartFailure {
  reason: string;
  message: string;
  retryAtMs: number;
}

/** Crash-loop back-off of one container. */
export interface BackOffEntry {
  /** Of the specification: a changed container starts afresh. */
  key: string;
  waitMs: number;
  /** When the container was last started, since the epoch: compared with the runtime's times. */
  startedAtMs: number;
}

/** A container that is being stopped. */
export interface Kill {
  beganAtMs: number;
  graceMs: number;
  /** What the next step depends on. */
  hook: 'none' | 'running' | 'done';
  /** When the runtime kills it, if it was told to stop. */
  stopsAtMs?: number;
  /** The stop failed; not again before. */
  retryAtMs?: number;
  /** Start it again whatever the restart policy says: its specification has changed. */
  restart: boolean;
}

/** Why the node does not run a pod that was bound to it. */
export interface Refusal {
  reason: string;
  message: string;
}

/** Why a pod ends although its containers might go on. */
export interface Verdict extends Refusal {
  phase: 'Failed';
}

/** What a worker knows beyond the runtime's state. Lost when nanoshift restarts; nothing depends on it for safety. */
export interface PodMemory {
  /** By container name. */
  failures: ReadonlyMap<string, StartFailure>;
  /** By container name. */
  backOffs: ReadonlyMap<string, BackOffEntry>;
  /** By container id. */
  kills: ReadonlyMap<string, Kill>;
  /** Sandboxes that were stopped since this process began. */
  stoppedSandboxes: ReadonlySet<string>;
  /** The sandbox, or what it needs, failed; not again before. */
  sandboxRetryAtMs: number;
  /** Attempts below this are taken by sandboxes that the runtime does not list. */
  sandboxAttemptFloor: number;
  /** By container id, the limits that were last set. */
  resized: ReadonlyMap<string, string>;
  resizeFailure: { message: string; retryAtMs: number } | undefined;
  /** Volumes and cgroup are gone. */
  isCleaned: boolean;
  /** Something could not be stopped or removed; not again before. */
  cleanRetryAtMs: number;
}

/** Everything that a plan is made from. */
export interface PodView {
  pod: Pod;
  isStatic: boolean;
  /** No longer wanted: the object, or the file, is gone. */
  isRemoved: boolean;
  refusal: Refusal | undefined;
  observed: ObservedPod;
  /** The newest status that was computed, else the API's. */
  status: PodStatus;
  memory: PodMemory;
  resizeProblem: ResizeProblem | 'unchecked' | undefined;
  /** A sandbox or a container is being started, or something removed. */
  isBusy: boolean;
  probes(container: Container, containerID: string): ProbeResults;
  node: NodeFacts;
  /** Since the epoch. */
  nowMs: number;
  monotonicMs: number;
}

export interface NodeFacts {
  ips: readonly string[];
  /** `containerd`: containers are named `containerd://<id>` in the API. */
  runtimeName: string;
}

/** A running container that gets other limits; `key` names them. */
export interface ResizedContainer {
  id: string;
  container: Container;
  key: string;
}

/** Why a change of resources is not carried out: never on this node, or not for now. */
export interface ResizeProblem {
  reason: 'Infeasible' | 'Deferred';
  message: string;
}

export interface BeginKill {
  do: 'beginKill';
  container: ObservedContainer;
  /** Of the Killing event. */
  message: string;
  graceMs: number;
  restart: boolean;
}

/** Actions that run beside all others. */
export type KillAction = BeginKill | { do: 'stopContainer'; container: ObservedContainer; graceSeconds: number };

/** Actions that run one after the other. */
export type LaneAction =
  | { do: 'createSandbox'; attempt: number; replaces: boolean }
  | { do: 'startContainer'; kind: ContainerKind; container: Container; restartCount: number; backOff: BackOffEntry }
  | { do: 'resize'; containers: readonly ResizedContainer[] }
  | { do: 'removeContainers'; ids: readonly string[] }
  | { do: 'stopSandboxes'; ids: readonly string[] }
  | { do: 'removeSandboxes'; ids: readonly string[] }
  | { do: 'cleanUp' };

export interface Plan {
  status: PodStatus;
  kills: readonly KillAction[];
  /** Only the first is carried out; then the pod is looked at again. */
  next: LaneAction | undefined;
  /** Containers that wait for their back-off, for the BackOff event. */
  backingOff: readonly string[];
  stage: PodStage;
  verdict: Verdict | undefined;
  /** Look again then, by the monotonic clock, if nothing happens before. */
  wakeAtMs: number;
}

/** running: containers are or may be started. finished: nothing is left but dead containers, kept for their logs. */
export type PodStage = 'running' | 'terminating' | 'finished';
