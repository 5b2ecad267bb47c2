import type { Client, ListOptions, ResourceRef, WatchEvent } from './types.ts';
import type { Clock, Logger, Timer } from '../kernel/index.ts';
import type { KubeObject } from '../schema/object.ts';

/** When one of these throws, the rest is told all the same, and everything is listed again later. */
export interface Follower<T extends KubeObject> {
  /** Everything is about to be listed. */
  listing?(): void;
  /** Called for every object at first and whenever it is listed again, and for every change. */
  changed(object: T, deleted: boolean): void;
  /** Listed, at first or again: what has none of these UIDs is gone. */
  present?(uids: ReadonlySet<string>): void;
  /** Listed again after the watch was lost: deletions may have gone by unseen. */
  relisted?(): void;
  /** Listed for the first time: all that there was has been told. */
  listed?(): void;
}

export interface FollowOptions {
  client: Client;
  clock: Clock;
  log: Logger;
  selection?: ListOptions;
  /** Objects that are listed at once. Default: all. */
  pageSize?: number;
}

export interface Following {
  stop(): void;
  /** Lists again, so that `changed` is called for every object. */
  relist(): void;
}

const firstRetryMs = 50;
const maxRetryMs = 30_000;
/** Failures in a row that nobody needs to hear of. */
const patience = 5;

/**
 * Lists a resource and watches it from there; lists again when the watch is lost. Holds no objects: whoever needs the
 * present state asks the client, which in process reads the one cache there is.
 */
export function follow<T extends KubeObject>(
  ref: ResourceRef,
  options: FollowOptions,
  follower: Follower<T>,
): Following {
  const reflector = new Reflector<T>(ref, options, follower);
  reflector.relist();
  return reflector;
}

class Reflector<T extends KubeObject> implements Following {
  readonly #ref: ResourceRef;
  readonly #options: FollowOptions;
  readonly #follower: Follower<T>;
  /** Of the present list and watch; what an older one still says is not heard. */
  #round = 0;
  #listedOnce = false;
  #stopWatch: (() => void) | undefined;
  #timer: Timer | undefined;
  /** Since when the present watch runs. */
  #watchingSinceMs: number | undefined;
  #failures = 0;
  /** The follower threw in this round: it has missed something. */
  #fault: unknown;

  constructor(ref: ResourceRef, options: FollowOptions, follower: Follower<T>) {
    this.#ref = ref;
    this.#options = options;
    this.#follower = follower;
  }

  stop(): void {
    this.#round++;
    this.#stopWatch?.();
    this.#stopWatch = undefined;
    this.#watchingSinceMs = undefined;
    this.#timer?.cancel();
  }

  relist(): void {
    this.stop();
    this.#fault = undefined;
    void this.#list(this.#round);
  }

  async #list(round: number): Promise<void> {
    const { client, selection = {}, pageSize } = this.#options;
    try {
      this.#tell(round, () => this.#follower.listing?.());
      const uids = new Set<string>();
      let next: string | undefined;
      let revision = '';
      do {
        const page = await client.list<T>(this.#ref, {
          ...selection,
          ...(pageSize && { limit: pageSize }),
          ...(next && { continue: next }),
        });
        if (round !== this.#round) return;
        for (const item of page.items) {
          if (this.#follower.present) uids.add(item.metadata.uid ?? '');
          this.#tell(round, () => this.#follower.changed(item, false), item);
        }
        revision ||= page.resourceVersion;
        next = pageSize ? page.continue : undefined;
      } while (next);
      this.#listed(round, uids);
      if (round === this.#round) this.#observe(round, revision);
    } catch (error) {
      this.#retry(round, error);
    }
  }

  #listed(round: number, uids: ReadonlySet<string>): void {
    if (round !== this.#round) return;
    const again = this.#listedOnce;
    this.#listedOnce = true;
    this.#tell(round, () => this.#follower.present?.(uids));
    this.#tell(round, () => (again ? this.#follower.relisted?.() : this.#follower.listed?.()));
  }

  #observe(round: number, resourceVersion: string): void {
    const { client, clock, selection = {} } = this.#options;
    this.#watchingSinceMs = clock.monotonicMs();
    const watch = client.watch<T>(
      this.#ref,
      { ...selection, resourceVersion },
      {
        event: (event) => this.#hear(round, event),
        closed: (error) => this.#retry(round, error ?? new Error('the watch has ended')),
      },
    );
    // The first events may have come from within `watch`.
    if (round === this.#round) this.#stopWatch = () => watch.stop();
    else watch.stop();
  }

  #hear(round: number, event: WatchEvent<T>): void {
    if (round !== this.#round) return;
    if (this.#fault === undefined) this.#failures = 0;
    if (event.type === 'BOOKMARK') return;
    this.#tell(round, () => this.#follower.changed(event.object, event.type === 'DELETED'), event.object);
  }

  /** What one object does to the follower keeps no other object from it. */
  #tell(round: number, deliver: () => void, about?: T): void {
    if (round !== this.#round) return;
    try {
      deliver();
    } catch (error) {
      if (this.#fault !== undefined) return;
      this.#fault = error ?? new Error('nothing was thrown');
      const { name, namespace } = about?.metadata ?? {};
      const facts = { resource: this.#ref.resource, ...(name && { name }), ...(namespace && { namespace }) };
      this.#options.log.error('follower failed', { ...facts, error: (error as Error)?.stack ?? String(error) });
      this.#retry(round, error);
    }
  }

  #retry(round: number, error: unknown): void {
    if (round !== this.#round) return;
    const { clock, log } = this.#options;
    // A watch that has run for long was a good one, however quiet: its end is no failure in a row.
    if (clock.monotonicMs() - (this.#watchingSinceMs ?? Number.POSITIVE_INFINITY) >= maxRetryMs) this.#failures = 0;
    const delayMs = Math.min(firstRetryMs * 2 ** Math.min(this.#failures++, 20), maxRetryMs);
    const level = this.#failures > patience ? 'warn' : 'debug';
    log[level]('listing again', { resource: this.#ref.resource, delayMs, error: String(error) });
    this.#timer?.cancel();
    this.#timer = clock.after(delayMs, () => this.relist());
  }
}
