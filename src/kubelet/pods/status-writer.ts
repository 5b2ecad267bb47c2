/** Writes one pod's status to the API: in order, only when it has changed, again and again until it is there. */
import { pods } from '../../client/index.ts';
import type { Client } from '../../client/types.ts';
import { type Clock, isReason, type Logger, sameJson } from '../../kernel/index.ts';
import type { Pod, PodStatus } from '../../schema/generated/index.ts';
import { isTerminal } from './status/index.ts';
import { othersConditions } from './status/conditions.ts';

export interface WriterEnv {
  client: Client;
  clock: Clock;
  log: Logger;
}

const raceRetryMs = 10;
const firstRetryMs = 200;
const maxRetryMs = 10_000;

/** What is to be in the API. */
interface Wish {
  status: PodStatus;
  /** Nothing of the pod is left: if it is being deleted, the object may go. */
  isFinished: boolean;
}

export class StatusWriter {
  readonly #env: WriterEnv;
  /** The object that shows the pod: itself, or a static pod's mirror. */
  #object: Pod | undefined;
  #wish: Wish | undefined;
  #isWriting = false;
  #isStopped = false;
  /** What was written last, and what the API made of it. */
  #written: { wanted: PodStatus; shown: PodStatus } | undefined;

  constructor(env: WriterEnv) {
    this.#env = env;
  }

  /** The API's newest version of the object. */
  seen(object: Pod | undefined): void {
    if (object?.metadata.uid !== this.#object?.metadata.uid) this.#written = undefined;
    this.#object = object;
  }

  publish(status: PodStatus, isFinished: boolean): void {
    this.#wish = { status, isFinished };
    if (!this.#isWriting && !this.#isStopped) void this.#run();
  }

  stop(): void {
    this.#isStopped = true;
    this.#wish = undefined;
  }

  async #run(): Promise<void> {
    this.#isWriting = true;
    let retryMs = firstRetryMs;
    while (this.#wish && this.#object && !this.#isStopped) {
      const wish = this.#wish;
      this.#wish = undefined;
      try {
        await this.#write(wish, this.#object);
        retryMs = firstRetryMs;
      } catch (error) {
        if (isReason(error, 'NotFound')) break;
        this.#wish ??= wish;
        const { name, namespace } = this.#object.metadata;
        const isRace = isReason(error, 'Conflict');
        if (!isRace)
          this.#env.log.warn('pod status not written', { pod: `${namespace}/${name}`, error: String(error) });
        // Also after a conflict: the other write may not be readable before it is durable.
        await this.#env.clock.sleep(isRace ? raceRetryMs : retryMs);
        if (isRace) continue;
        retryMs = Math.min(2 * retryMs, maxRetryMs);
      }
    }
    this.#isWriting = false;
  }

  async #write({ status, isFinished }: Wish, object: Pod): Promise<void> {
    const shown = await this.#update(status, object);
    if (!shown?.metadata.deletionTimestamp || !isFinished || !isTerminal(shown.status?.phase)) return;
    const { name = '', namespace = '', uid = '' } = shown.metadata;
    await this.#env.client.delete(pods, name, { namespace, gracePeriodSeconds: 0, preconditions: { uid } });
  }

  /** The object as it is then; undefined when it is another one by now. */
  async #update(status: PodStatus, object: Pod): Promise<Pod | undefined> {
    if (this.#isShown(status, object)) return object;
    const { name = '', namespace = '', uid } = object.metadata;
    const current = await this.#env.client.get<Pod>(pods, name, namespace);
    if (current.metadata.uid !== uid) return undefined;
    const merged = mergeStatus(current.status ?? {}, status);
    if (sameJson(merged, current.status)) return current;
    const next = { ...current, status: merged };
    const updated = await this.#env.client.update<Pod>(pods, next, { subresource: 'status' });
    this.#written = { wanted: status, shown: updated.status ?? {} };
    return updated;
  }

  #isShown(status: PodStatus, object: Pod): boolean {
    if (sameJson(mergeStatus(object.status ?? {}, status), object.status)) return true;
    const { wanted, shown } = this.#written ?? {};
    return sameJson(wanted, status) && sameJson(shown, object.status);
  }
}

/** Others' conditions are the API's; a terminal phase stays. */
export function mergeStatus(current: PodStatus, next: PodStatus): PodStatus {
  const others = othersConditions(current.conditions);
  const otherTypes = new Set(othersConditions(next.conditions).map(({ type }) => type));
  const own = (next.conditions ?? []).filter(({ type }) => !otherTypes.has(type));
  const phase = isTerminal(current.phase) ? current.phase : next.phase;
  return {
    ...next,
    ...(phase && { phase }),
    ...((others.length > 0 || own.length > 0) && { conditions: [...others, ...own] }),
    ...(current.resourceClaimStatuses && { resourceClaimStatuses: current.resourceClaimStatuses }),
    ...(current.nominatedNodeName && { nominatedNodeName: current.nominatedNodeName }),
  };
}
