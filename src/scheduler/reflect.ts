import type { Client, ResourceRef, Watch } from '../client/types.ts';
import type { Clock, Logger, Timer } from '../kernel/index.ts';
import type { KubeObject } from '../schema/object.ts';

export interface Reflection {
  /** Resolves when everything has been listed once. */
  readonly ready: Promise<void>;
  /** Lists everything again. */
  relist(): void;
  stop(): void;
}

export interface Reflected<T extends KubeObject> {
  /** Everything is about to be listed. */
  listing?(): void;
  changed(object: T): void;
  removed(object: T): void;
  /** Everything has been listed: what has none of these UIDs is gone. */
  listed(uids: ReadonlySet<string>): void;
}

const pageSize = 200;
const firstRetryMs = 50;
const maxRetryMs = 30_000;
/** Failures in a row that nobody needs to hear of. */
const patience = 5;

/** Lists a resource page by page and watches it from there; lists again when the watch is lost. */
export function reflect<T extends KubeObject>(
  ref: ResourceRef,
  { client, clock, log }: { client: Client; clock: Clock; log: Logger },
  { listing, changed, removed, listed }: Reflected<T>,
): Reflection {
  const ready = Promise.withResolvers<void>();
  /** Of the present list and watch; what an older one still says is not heard. */
  let round = 0;
  let failures = 0;
  let watch: Watch | undefined;
  let timer: Timer | undefined;

  const stop = (): void => {
    round++;
    watch?.stop();
    timer?.cancel();
  };
  const relist = (): void => {
    stop();
    void list(round);
  };
  const retry = (of: number, error: unknown): void => {
    if (of !== round) return;
    const delayMs = Math.min(firstRetryMs * 2 ** Math.min(failures++, 20), maxRetryMs);
    const level = failures > patience ? 'warn' : 'debug';
    log[level]('listing again', { resource: ref.resource, delayMs, error: String(error) });
    timer = clock.after(delayMs, relist);
  };
  const list = async (of: number): Promise<void> => {
    try {
      listing?.();
      const uids = new Set<string>();
      let next = '';
      let revision = '';
      do {
        const page = await client.list<T>(ref, { limit: pageSize, ...(next && { continue: next }) });
        if (of !== round) return;
        for (const item of page.items) {
          uids.add(item.metadata.uid ?? '');
          changed(item);
        }
        revision ||= page.resourceVersion;
        next = page.continue ?? '';
      } while (next);
      listed(uids);
      observe(of, revision);
      ready.resolve();
    } catch (error) {
      retry(of, error);
    }
  };
  const observe = (of: number, resourceVersion: string): void => {
    watch = client.watch<T>(
      ref,
      { resourceVersion },
      {
        event: (event) => {
          if (of !== round) return;
          failures = 0;
          if (event.type === 'BOOKMARK') return;
          if (event.type === 'DELETED') removed(event.object);
          else changed(event.object);
        },
        closed: (error) => retry(of, error ?? new Error('the watch has ended')),
      },
    );
  };
  relist();
  return { ready: ready.promise, relist, stop };
}
