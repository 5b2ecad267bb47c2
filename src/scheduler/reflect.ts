import { follow } from '../client/index.ts';
import type { Client, ResourceRef } from '../client/types.ts';
import type { Clock, Logger } from '../kernel/index.ts';
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

/** Lists a resource page by page and watches it from there; lists again when the watch is lost. */
export function reflect<T extends KubeObject>(
  ref: ResourceRef,
  { client, clock, log }: { client: Client; clock: Clock; log: Logger },
  { listing, changed, removed, listed }: Reflected<T>,
): Reflection {
  const ready = Promise.withResolvers<void>();
  const following = follow<T>(
    ref,
    { client, clock, log, pageSize },
    {
      ...(listing && { listing }),
      changed: (object, deleted) => (deleted ? removed(object) : changed(object)),
      present: listed,
      listed: ready.resolve,
    },
  );
  return { ready: ready.promise, relist: () => following.relist(), stop: () => following.stop() };
}
