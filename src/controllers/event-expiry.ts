/** Events live an hour after they were last written (upstream: --event-ttl). */
import { events } from '../client/index.ts';
import type { Client } from '../client/types.ts';
import { isReason, type Timer } from '../kernel/index.ts';
import type { Event } from '../schema/generated/index.ts';
import { type Controller, type ControllerEnv, follow } from './runtime/index.ts';

const name = 'event-expiry';
/** The API server's own work, as upstream's. */
const user = 'apiserver';

export const eventLifeMs = 3_600_000;
const minuteMs = 60_000;
/** Events that are read at a time. */
const pageEvents = 200;
/** Deletions that are under way at the same time. */
const atOnce = 20;

/**
 * When an event is to go. Times that lie ahead are not believed: the clock that gave them was wrong. Without any that
 * can be, the event begins a new life.
 */
export function expiryOf({ metadata, lastTimestamp, eventTime, series }: Event, nowMs: number): number {
  const written = (metadata.managedFields ?? []).map(({ time }) => time);
  const times = [metadata.creationTimestamp, lastTimestamp, eventTime, series?.lastObservedTime, ...written]
    .map((time) => Date.parse(time ?? ''))
    .filter((ms) => ms <= nowMs);
  return (times.length ? Math.max(...times) : nowMs) + eventLifeMs;
}

export function eventExpiry({ clientFor, clock, log }: ControllerEnv): Controller {
  const client = clientFor(user);
  let timer: Timer | undefined;
  let dueMs = Number.POSITIVE_INFINITY;
  let running = Promise.resolve();
  let stopped = false;

  /** Looks at full minutes only, and once for all that falls due until then. */
  const lookAt = (wantedMs: number): void => {
    const nowMs = clock.nowMs();
    const nextMs = Math.ceil(Math.max(wantedMs, nowMs + 1) / minuteMs) * minuteMs;
    if (stopped || nextMs >= dueMs) return;
    timer?.cancel();
    dueMs = nextMs;
    timer = clock.after(nextMs - nowMs, () => {
      dueMs = Number.POSITIVE_INFINITY;
      running = running.then(look);
    });
  };

  const look = async (): Promise<void> => {
    let nextMs = clock.nowMs();
    try {
      nextMs = await removeExpired(client, clock.nowMs(), () => stopped);
    } catch (error) {
      log.debug('looking again in a minute', { controller: name, error: String(error) });
    }
    if (Number.isFinite(nextMs)) lookAt(nextMs);
  };

  // One event is enough to know that there are any; the look finds out when the first one is due.
  const followed = follow<Event>(
    events,
    { client, clock, log, selection: { limit: 1 } },
    {
      changed: (event, deleted) => {
        if (!deleted) lookAt(expiryOf(event, clock.nowMs()));
      },
      relisted: () => lookAt(clock.nowMs()),
    },
  );
  lookAt(clock.nowMs());

  return {
    name,
    async stop() {
      stopped = true;
      followed.stop();
      timer?.cancel();
      await running;
    },
  };
}

/** Returns when the first of the others is due; Infinity when there are none. */
async function removeExpired(client: Client, nowMs: number, stopped: () => boolean): Promise<number> {
  let firstMs = Number.POSITIVE_INFINITY;
  let next: string | undefined;
  do {
    const page = await client.list<Event>(events, { limit: pageEvents, ...(next && { continue: next }) });
    const expired: Event[] = [];
    for (const event of page.items) {
      const expiryMs = expiryOf(event, nowMs);
      if (expiryMs <= nowMs) expired.push(event);
      else firstMs = Math.min(firstMs, expiryMs);
    }
    for (let from = 0; from < expired.length && !stopped(); from += atOnce) {
      await Promise.all(expired.slice(from, from + atOnce).map((event) => remove(client, event)));
    }
    next = page.continue;
  } while (next && !stopped());
  return firstMs;
}

/** Unless it was written again meanwhile. */
async function remove(client: Client, { metadata }: Event): Promise<void> {
  const { name: event = '', namespace = '', uid = '', resourceVersion = '' } = metadata;
  try {
    await client.delete(events, event, { namespace, preconditions: { uid, resourceVersion } });
  } catch (error) {
    if (!isReason(error, 'NotFound') && !isReason(error, 'Conflict')) throw error;
  }
}
