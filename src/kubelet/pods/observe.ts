/** What the runtime has of a pod, read with as few calls as possible. */
import type { ContainerUser, LifecycleHandler } from '../../schema/generated/index.ts';
import type { Container, ContainerStatus, CriClient, PodSandbox, PodSandboxStatus } from '../cri/types.ts';
import { CriError, grpcCode } from '../cri/types.ts';
import { runtimeAnnotations, runtimeLabels } from '../types.ts';
import { terminationMessage } from './termination-message.ts';
import type { ObservedContainer, ObservedPod, ObservedSandbox } from './types.ts';

const states = {
  CONTAINER_CREATED: 'created',
  CONTAINER_RUNNING: 'running',
  CONTAINER_EXITED: 'exited',
  CONTAINER_UNKNOWN: 'unknown',
} as const;

const newestFirst = (a: { createdAtMs: number }, b: { createdAtMs: number }): number => b.createdAtMs - a.createdAtMs;

const milliseconds = (nanoseconds: number): number => Math.trunc(nanoseconds / 1e6);

/** Reads one pod again and again: containers and sandboxes whose state has not changed are not asked about. */
export class PodObserver {
  readonly #cri: CriClient;
  readonly #podUid: string;
  #containers = new Map<string, ObservedContainer>();
  #sandboxes = new Map<string, ObservedSandbox>();

  constructor(cri: CriClient, podUid: string) {
    this.#cri = cri;
    this.#podUid = podUid;
  }

  async observe(): Promise<ObservedPod> {
    const labelSelector = { [runtimeLabels.podUid]: this.#podUid };
    // Sandboxes first: whoever is in the second list has its sandbox in the first.
    const sandboxes = await this.#cri.call('ListPodSandbox', { filter: { labelSelector } });
    const containers = await this.#cri.call('ListContainers', { filter: { labelSelector } });
    const observed = {
      sandboxes: await Promise.all(sandboxes.items.map((item) => this.#sandbox(item))),
      containers: await Promise.all(containers.containers.map((item) => this.#container(item))),
    };
    const known = {
      sandboxes: observed.sandboxes.filter((one) => one !== undefined).sort(newestSandboxFirst),
      containers: observed.containers.filter((one) => one !== undefined).sort(newestContainerFirst),
    };
    this.#sandboxes = new Map(known.sandboxes.map((one) => [one.id, one]));
    this.#containers = new Map(known.containers.map((one) => [one.id, one]));
    return known;
  }

  /** Asks for the container's status again although its state has not changed. */
  forget(containerId: string): void {
    this.#containers.delete(containerId);
  }

  async #sandbox(item: PodSandbox): Promise<ObservedSandbox | undefined> {
    const known = this.#sandboxes.get(item.id);
    const ready = item.state === 'SANDBOX_READY';
    if (known?.ready === ready) return known;
    const { status } = await orGone(this.#cri.call('PodSandboxStatus', { podSandboxId: item.id }));
    return status && sandboxOf(status);
  }

  async #container(item: Container): Promise<ObservedContainer | undefined> {
    const known = this.#containers.get(item.id);
    if (known?.state === states[item.state]) return known;
    const { status } = await orGone(this.#cri.call('ContainerStatus', { containerId: item.id }));
    return status && containerOf(status, item.podSandboxId);
  }
}

const newestSandboxFirst = (a: ObservedSandbox, b: ObservedSandbox): number =>
  newestFirst(a, b) || b.attempt - a.attempt;

const newestContainerFirst = (a: ObservedContainer, b: ObservedContainer): number =>
  newestFirst(a, b) || b.restartCount - a.restartCount;

/** What is gone between the list and the question about it has no status. */
async function orGone<T extends { status?: unknown }>(call: Promise<T>): Promise<Partial<T>> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof CriError && error.code === grpcCode.notFound) return {};
    throw error;
  }
}

function sandboxOf(status: PodSandboxStatus): ObservedSandbox {
  const { network, metadata } = status;
  return {
    id: status.id,
    attempt: metadata?.attempt ?? 0,
    ready: status.state === 'SANDBOX_READY',
    createdAtMs: milliseconds(status.createdAt),
    hostNetwork: status.linux?.namespaces?.options?.network === 'NODE',
    ips: [network?.ip ?? '', ...(network?.additionalIps ?? []).map(({ ip }) => ip)].filter((ip) => ip !== ''),
  };
}

async function containerOf(status: ContainerStatus, sandboxId: string): Promise<ObservedContainer> {
  const { annotations, labels } = status;
  const state = states[status.state];
  const linux = status.resources?.linux;
  const preStop = annotations[runtimeAnnotations.preStopHandler];
  return {
    id: status.id,
    name: labels[runtimeLabels.containerName] ?? status.metadata?.name ?? '',
    sandboxId,
    state,
    restartCount: Number(annotations[runtimeAnnotations.restartCount] ?? status.metadata?.attempt ?? 0),
    hash: annotations[runtimeAnnotations.hash] ?? '',
    image: status.image?.userSpecifiedImage || status.image?.image || '',
    imageRef: status.imageRef,
    createdAtMs: milliseconds(status.createdAt),
    startedAtMs: milliseconds(status.startedAt),
    finishedAtMs: milliseconds(status.finishedAt),
    exitCode: status.exitCode,
    reason: status.reason,
    message: state === 'exited' ? await messageOf(status) : '',
    ...(status.user?.linux && { user: userOf(status.user.linux) }),
    ...(linux && {
      limits: {
        cpuShares: linux.cpuShares,
        cpuQuota: linux.cpuQuota,
        cpuPeriod: linux.cpuPeriod,
        memoryBytes: linux.memoryLimitInBytes,
      },
    }),
    ...(preStop && { preStop: JSON.parse(preStop) as LifecycleHandler }),
  };
}

async function messageOf(status: ContainerStatus): Promise<string> {
  const words = await terminationMessage(status);
  return [status.message, words].filter((text) => text !== '').join(': ');
}

const userOf = ({ uid, gid, supplementalGroups }: { uid: number; gid: number; supplementalGroups: number[] }) =>
  ({ linux: { uid, gid, supplementalGroups } }) satisfies ContainerUser;
