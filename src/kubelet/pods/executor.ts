/** Carries out what a plan asks for: calls to the runtime, in upstream's order and with its events. */
import type { EventSubject } from '../../client/types.ts';
import type { Container, Pod } from '../../schema/generated/index.ts';
import { containerResources, probeMachine, runtimeHandlerOf } from '../config/index.ts';
import { Slots } from '../../kernel/index.ts';
import {
  type Cgroups,
  type ConfigBuilder,
  type ImageManager,
  type KubeletEnv,
  type MountedVolumes,
  PodStartError,
  type VolumeManager,
} from '../types.ts';
import { errorText, unlessGone } from './errors.ts';
import { HookError, type HookEnv, runHook } from './hooks.ts';
import type { PodLogs } from './logs.ts';
import type { ContainerKind, LaneAction, ObservedContainer, ResizedContainer } from './types.ts';

/** The parts that a pod is made with. */
export interface PodParts {
  config: ConfigBuilder;
  volumes: VolumeManager;
  images: ImageManager;
  cgroups: Cgroups;
  logs: PodLogs;
}

export type StartContainer = Extract<LaneAction, { do: 'startContainer' }>;

/** Where a container is started. */
export interface StartPlace {
  sandboxId: string;
  sandboxAttempt: number;
  ips: readonly string[];
  /** By name, the containers that an ephemeral one may look into. */
  containers: ReadonlyMap<string, string>;
}

/** A postStart hook failed: the container runs, and must not. */
export class PostStartError extends PodStartError {
  readonly containerId: string;

  constructor(message: string, containerId: string) {
    super('PostStartHookError', message);
    this.containerId = containerId;
  }
}

const fieldPaths = { init: 'initContainers', regular: 'containers', ephemeral: 'ephemeralContainers' } as const;

/** What is stopped is given this much longer than its grace before the call itself counts as lost. */
const stopSlackMs = 120_000;

export class Executor {
  readonly #env: KubeletEnv;
  readonly #parts: PodParts;
  readonly #starts: Slots;

  constructor(env: KubeletEnv, parts: PodParts) {
    this.#env = env;
    this.#parts = parts;
    this.#starts = new Slots(env.budget.parallelPodStarts);
  }

  /** Volumes, cgroup, sandbox. */
  async createSandbox(pod: Pod, attempt: number, signal: AbortSignal): Promise<string> {
    await this.mountVolumes(pod);
    try {
      const runtimeHandler = await runtimeHandlerOf(pod, this.#env.client);
      const config = await this.#parts.config.sandbox(pod, attempt);
      return await this.#starts.run(async () => {
        signal.throwIfAborted();
        const { podSandboxId } = await this.#env.cri.call(
          'RunPodSandbox',
          { config, runtimeHandler },
          { timeoutMs: 4 * 60_000 },
        );
        return podSandboxId;
      });
    } catch (error) {
      if (!signal.aborted) this.#failedSandbox(pod, error);
      throw error;
    }
  }

  /** Makes the pod's volumes, or brings them up to date. */
  async mountVolumes(pod: Pod): Promise<MountedVolumes> {
    try {
      return await this.#parts.volumes.prepare(pod, pod.status ?? {});
    } catch (error) {
      this.event(pod, 'Warning', 'FailedMount', errorText(error));
      throw new PodStartError('', errorText(error));
    }
  }

  async startContainer(pod: Pod, action: StartContainer, place: StartPlace, signal: AbortSignal): Promise<string> {
    const { kind, container } = action;
    const warn = (error: unknown, as?: string): PodStartError => {
      const failure = startError(error, as);
      const isImage = as === undefined;
      this.containerEvent(
        pod,
        kind,
        container,
        'Warning',
        'Failed',
        `Error: ${isImage ? failure.reason : failure.message}`,
      );
      return failure;
    };
    const image = await abortable(this.#parts.images.ensure(pod, container), signal).catch((error) => {
      signal.throwIfAborted();
      throw warn(error);
    });
    const volumes = await this.mountVolumes(pod);
    const context = {
      restartCount: action.restartCount,
      imageRef: image.imageRef,
      imageUser: image.user,
      podIPs: place.ips,
      sandboxId: place.sandboxId,
      volumes,
      ...this.#target(pod, action, place),
    };
    const id = await this.#starts.run(async () => {
      signal.throwIfAborted();
      const { config } = this.#parts;
      const made = await config.container(pod, container, context).catch((error) => {
        throw warn(error, 'CreateContainerConfigError');
      });
      const sandboxConfig = await config.sandbox(pod, place.sandboxAttempt);
      const { containerId } = await this.#env.cri
        .call('CreateContainer', { podSandboxId: place.sandboxId, config: made, sandboxConfig })
        .catch((error) => {
          throw warn(error, 'CreateContainerError');
        });
      this.containerEvent(pod, kind, container, 'Normal', 'Created', 'Container created');
      await this.#env.cri.call('StartContainer', { containerId }).catch((error) => {
        throw warn(error, 'RunContainerError');
      });
      this.containerEvent(pod, kind, container, 'Normal', 'Started', 'Container started');
      return containerId;
    });
    await this.#postStart(pod, action, id, place, signal);
    return id;
  }

  async #postStart(
    pod: Pod,
    action: StartContainer,
    id: string,
    place: StartPlace,
    signal: AbortSignal,
  ): Promise<void> {
    const { container, kind } = action;
    const handler = container.lifecycle?.postStart;
    if (!handler) return;
    const target = { pod, container, containerId: id, ips: place.ips, limitMs: 3600_000, signal };
    try {
      await runHook(this.#hooks, handler, target);
    } catch (error) {
      if (!(error instanceof HookError)) throw error;
      this.containerEvent(pod, kind, container, 'Warning', 'FailedPostStartHook', 'PostStartHook failed');
      throw new PostStartError(error.message, id);
    }
  }

  /** The container whose processes an ephemeral one shares. */
  #target(pod: Pod, { kind, container }: StartContainer, { containers }: StartPlace): { targetContainerId?: string } {
    const name = pod.spec.ephemeralContainers?.find((one) => one.name === container.name)?.targetContainerName;
    if (kind !== 'ephemeral' || !name) return {};
    const id = containers.get(name);
    if (id) return { targetContainerId: id };
    const message = `unable to find target container ${name}`;
    this.containerEvent(pod, kind, container, 'Warning', 'Failed', `Error: ${message}`);
    throw new PodStartError('CreateContainerConfigError', message);
  }

  /** Ends when the hook does, however. */
  async preStop(
    pod: Pod,
    kind: ContainerKind,
    container: Container,
    containerId: string,
    options: { ips: readonly string[]; limitMs: number; signal: AbortSignal },
  ): Promise<void> {
    const handler = container.lifecycle?.preStop;
    if (!handler) return;
    try {
      await runHook(this.#hooks, handler, { pod, container, containerId, ...options });
    } catch {
      if (options.signal.aborted) return;
      this.containerEvent(pod, kind, container, 'Warning', 'FailedPreStopHook', 'PreStopHook failed');
    }
  }

  async stopContainer(id: string, graceSeconds: number): Promise<void> {
    const options = { timeoutMs: graceSeconds * 1000 + stopSlackMs };
    await unlessGone(this.#env.cri.call('StopContainer', { containerId: id, timeout: graceSeconds }, options));
  }

  /** Other limits for running containers, within those of the pod: raised before, lowered afterwards. */
  async resize(pod: Pod, containers: readonly ResizedContainer[]): Promise<void> {
    const { cgroups } = this.#parts;
    const machine = await probeMachine();
    // What is to be lowered cannot be while containers still have more.
    await cgroups.ensurePod(pod).catch(() => {});
    for (const { id, container } of containers) {
      const linux = containerResources(pod, container, machine);
      await this.#env.cri.call('UpdateContainerResources', { containerId: id, linux });
    }
    await cgroups.ensurePod(pod);
  }

  async removeContainer(pod: Pod, { id, name, restartCount }: ObservedContainer): Promise<void> {
    await unlessGone(this.#env.cri.call('RemoveContainer', { containerId: id }));
    await this.#parts.logs.removeInstance(pod, name, restartCount);
  }

  async stopSandbox(id: string): Promise<void> {
    await unlessGone(this.#env.cri.call('StopPodSandbox', { podSandboxId: id }));
  }

  async removeSandbox(id: string): Promise<void> {
    await unlessGone(this.#env.cri.call('RemovePodSandbox', { podSandboxId: id }));
  }

  /** Volumes and cgroup: what a pod holds that has ended. */
  async cleanUp(podUid: string): Promise<void> {
    await this.#parts.volumes.release(podUid);
    await this.#parts.cgroups.removePod(podUid);
  }

  /** The last trace. */
  async removeLogs(pod: Pod): Promise<void> {
    await this.#parts.logs.removePod(pod);
  }

  event(pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#env.recorder.event(subjectOf(pod), type, reason, message);
  }

  containerEvent(
    pod: Pod,
    kind: ContainerKind,
    container: Container,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void {
    const subject = { ...subjectOf(pod), fieldPath: `spec.${fieldPaths[kind]}{${container.name}}` };
    this.#env.recorder.event(subject, type, reason, message);
  }

  get #hooks(): HookEnv {
    const { cri, clock } = this.#env;
    return {
      cri,
      clock,
      fellBack: (pod, host) =>
        this.event(
          pod,
          'Warning',
          'LifecycleHTTPFallback',
          `request to HTTPS lifecycle hook ${host} got HTTP response, retry with HTTP succeeded`,
        ),
    };
  }

  #failedSandbox(pod: Pod, error: unknown): void {
    const text = errorText(error);
    if (error instanceof PodStartError && error.reason === 'FailedCreatePodContainer') {
      this.event(pod, 'Warning', 'FailedCreatePodContainer', `unable to ensure pod container exists: ${text}`);
    } else {
      this.event(pod, 'Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${text}`);
    }
  }
}

const subjectOf = ({ metadata }: Pod): EventSubject => ({ apiVersion: 'v1', kind: 'Pod', metadata });

function startError(error: unknown, as: string | undefined): PodStartError {
  if (error instanceof PodStartError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new PodStartError(as ?? 'ErrImagePull', message);
}

/** Stops waiting when the signal fires; the work itself goes on. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
