import type { Client, ListOptions, ResourceRef, Watch } from './types.ts';
import type { Clock, Logger, Timer } from '../kernel/index.ts';
import type { KubeObject } from '../schema/object.ts';

export interface Follower<T extends KubeObject> {
  /** Called for every object at first and whenever it is listed again, and for every change. Must not throw. */
  changed(object: T, deleted: boolean): void;
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
}

export interface Following {
  stop(): void;
  /** Lists again, so that `changed` is called for every object. */
  relist(): void;
}

const firstRetryMs = 50;
const maxRetryMs = 30_000;

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
  #watch: Watch | undefined;
  #timer: Timer | undefined;
  #failures = 0;

  constructor(ref: ResourceRef, options: FollowOptions, follower: Follower<T>) {
    this.#ref = ref;
    this.#options = options;
    this.#follower = follower;
  }

  stop(): void {
    this.#round++;
    this.#watch?.stop();
    this.#timer?.cancel();
  }

  relist(): void {
    this.stop();
    void this.#list(this.#round);
  }

  async #list(round: number): Promise<void> {
    const { client, selection = {} } = this.#options;
    try {
      const { items, resourceVersion } = await client.list<T>(this.#ref, selection);
      if (round !== this.#round) return;
      for (const item of items) this.#follower.changed(item, false);
      if (this.#listedOnce) this.#follower.relisted?.();
      else this.#follower.listed?.();
      this.#listedOnce = true;
      this.#observe(round, resourceVersion);
    } catch (error) {
      this.#retry(round, error);
    }
  }

  #observe(round: number, resourceVersion: string): void {
    const { client, selection = {} } = this.#options;
    this.#watch = client.watch<T>(
      this.#ref,
      { ...selection, resourceVersion },
      {
        event: (event) => {
          if (round !== this.#round) return;
          this.#failures = 0;
          if (event.type !== 'BOOKMARK') this.#follower.changed(event.object, event.type === 'DELETED');
        },
        closed: (error) => this.#retry(round, error ?? new Error('the watch has ended')),
      },
    );
  }

  #retry(round: number, error: unknown): void {
    if (round !== this.#round) return;
    const { clock, log } = this.#options;
    const delayMs = Math.min(firstRetryMs * 2 ** Math.min(this.#failures++, 20), maxRetryMs);
    log.debug('listing again', { resource: this.#ref.resource, delayMs, error: String(error) });
    this.#timer = clock.after(delayMs, () => this.relist());
  }
}
