import { randomUUID } from 'node:crypto';
import type { Clock, Logger, Timer } from '../../kernel/index.ts';
import type { Channel, ServerStream } from './channel.ts';
import { decodeMessage, encodeMessage } from './codec.ts';
import { containerdPaths, publishRequest, readEnvelope, subscribeRequest } from './containerd-events.ts';
import { type ContainerEventType, CriError, grpcCode, type RuntimeEvent, type RuntimeEventHandler } from './types.ts';

export interface EventsOptions {
  channel: Channel;
  handler: RuntimeEventHandler;
  clock: Clock;
  log: Logger;
}

const firstBackOffMs = 20;
const maxBackOffMs = 250;
/** As the kubelet looks at runtimes that tell nothing. */
const pollMs = 1_000;
const markerTimeoutMs = 10_000;
const statusTimeoutMs = 5_000;
const settleWaitsMs = [0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/**
 * Follows the runtime's events until stopped: CRI's own GetContainerEvents where the runtime has it, else containerd's
 * event service. `resumed` is called whenever a stream stands, the first time too; where there is none, every second.
 */
export function followEvents(options: EventsOptions): { stop(): void } {
  const follower = new Follower(options);
  follower.connect();
  return { stop: () => follower.stop() };
}

class Follower {
  readonly #options: EventsOptions;
  #source: 'cri' | 'containerd' | 'none' = 'cri';
  #stream: ServerStream | undefined;
  #timer: Timer | undefined;
  #backOffMs = 0;
  #attempt = 0;
  #isStanding = false;
  #isStopped = false;

  constructor(options: EventsOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#isStopped = true;
    this.#attempt++;
    this.#stream?.cancel();
    this.#timer?.cancel();
  }

  connect(): void {
    if (this.#isStopped) return;
    this.#attempt++;
    this.#isStanding = false;
    if (this.#source === 'cri') this.#connectCri();
    else if (this.#source === 'containerd') this.#connectContainerd();
    else this.#poll();
  }

  #connectCri(): void {
    const { channel, handler } = this.#options;
    const attempt = this.#attempt;
    this.#stream = channel.serverStream(
      '/runtime.v1.RuntimeService/GetContainerEvents',
      encodeMessage('GetEventsRequest', {}),
      {
        message: (bytes) => {
          const { containerId, containerEventType } = decodeMessage('ContainerEventResponse', bytes);
          const type = typeOfCri[containerEventType];
          if (type) handler.event({ type, id: containerId });
        },
        ended: (error) => {
          // Ended in order: the runtime has the call, but nothing to tell. The call behind it may have been answered first.
          if (error && error.code !== grpcCode.unimplemented) return this.#lost(error);
          this.#source = 'containerd';
          this.connect();
        },
      },
    );
    // The stream has no first answer to wait for: a call behind it on the same connection stands for one.
    const version = encodeMessage('VersionRequest', {});
    this.#call('Version', version).then(
      () => attempt === this.#attempt && this.#stands(),
      (error) => {
        if (attempt !== this.#attempt) return;
        this.#stream?.cancel();
        this.#lost(error as CriError);
      },
    );
  }

  #connectContainerd(): void {
    const { channel, handler } = this.#options;
    const id = randomUUID();
    this.#stream = channel.serverStream(containerdPaths.subscribe, subscribeRequest(), {
      message: (bytes) => {
        const event = readEnvelope(bytes);
        if (!event) return;
        if (event.type === 'stopped') void this.#tellWhenStopped(event);
        else if (event.type !== 'marker') handler.event(event);
        else if (event.id === id && !this.#isStanding) this.#stands();
      },
      ended: (error) => {
        if (error?.code !== grpcCode.unimplemented) return this.#lost(error ?? endedInOrder);
        this.#source = 'none';
        this.connect();
      },
    });
    void this.#publishMarker(id, this.#attempt);
  }

  /** Again and again until it comes back: one that overtakes the subscription is lost. */
  async #publishMarker(id: string, attempt: number): Promise<void> {
    const { channel, clock, log } = this.#options;
    const options = { timeoutMs: markerTimeoutMs, metadata: { 'containerd-namespace': 'k8s.io' } };
    for (let waitMs = 10; attempt === this.#attempt && !this.#isStanding; waitMs = Math.min(waitMs * 2, 5_000)) {
      try {
        await channel.unary(containerdPaths.publish, publishRequest(id), options);
      } catch (error) {
        log.debug('event marker refused', { error: String(error) });
      }
      await clock.sleep(waitMs);
    }
  }

  #poll(): void {
    this.#stands();
    this.#timer = this.#options.clock.after(pollMs, () => this.connect());
  }

  /** An event is told when CRI's status says it too, so that whoever looks then does not see it still running. */
  async #tellWhenStopped(event: RuntimeEvent): Promise<void> {
    const { clock, handler } = this.#options;
    for (const waitMs of settleWaitsMs) {
      if (waitMs > 0) await clock.sleep(waitMs);
      if (this.#isStopped) return;
      if (await this.#hasStopped(event.id)) break;
    }
    if (!this.#isStopped) handler.event(event);
  }

  async #hasStopped(id: string): Promise<boolean> {
    try {
      const request = encodeMessage('ContainerStatusRequest', { containerId: id });
      const answer = await this.#call('ContainerStatus', request);
      return decodeMessage('ContainerStatusResponse', answer).status?.state === 'CONTAINER_EXITED';
    } catch (error) {
      if (!(error instanceof CriError) || error.code !== grpcCode.notFound) return true;
    }
    try {
      const request = encodeMessage('PodSandboxStatusRequest', { podSandboxId: id });
      const answer = await this.#call('PodSandboxStatus', request);
      return decodeMessage('PodSandboxStatusResponse', answer).status?.state !== 'SANDBOX_READY';
    } catch {
      return true;
    }
  }

  #call(method: string, request: Uint8Array): Promise<Uint8Array> {
    return this.#options.channel.unary(`/runtime.v1.RuntimeService/${method}`, request, { timeoutMs: statusTimeoutMs });
  }

  #stands(): void {
    if (this.#isStopped) return;
    this.#isStanding = true;
    this.#backOffMs = 0;
    this.#options.handler.resumed();
  }

  #lost(error: CriError): void {
    if (this.#isStopped) return;
    this.#attempt++;
    this.#backOffMs = Math.min(maxBackOffMs, this.#backOffMs * 2 || firstBackOffMs);
    this.#options.log.debug('runtime events lost', { error: error.message, retryInMs: this.#backOffMs });
    this.#timer = this.#options.clock.after(this.#backOffMs, () => this.connect());
  }
}

const endedInOrder = new CriError(grpcCode.unavailable, 'the stream has ended');

const typeOfCri: Readonly<Partial<Record<ContainerEventType, RuntimeEvent['type']>>> = {
  CONTAINER_CREATED_EVENT: 'created',
  CONTAINER_STARTED_EVENT: 'started',
  CONTAINER_STOPPED_EVENT: 'stopped',
  CONTAINER_DELETED_EVENT: 'deleted',
};
