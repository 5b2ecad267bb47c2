/** What becomes of an event in the light of those before it: client-go's EventCorrelator with its default figures. */
import type { Event } from '../schema/generated/index.ts';

/** An event to be written. */
export interface Occurrence {
  /** The same for events that are counted as one. */
  key: string;
  event: Event;
  /** Seen for the first time; else the event of this name is to be patched. */
  isCreate: boolean;
}

/** Events of one kind, with as many messages, that are told one by one; more are combined. */
const similarLimit = 10;
const similarMs = 600_000;
/** Events about one object that are told at once, and how long it takes until one more is. */
const burst = 25;
const refillMs = 300_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

export class EventCorrelator {
  /** Messages of similar events. */
  readonly #similar: Recent<{ messages: Set<string>; atMs: number }>;
  readonly #observed: Recent<{ count: number; firstTimestamp: string; name: string }>;
  readonly #buckets: Recent<Bucket>;

  /** As many keys as `limit` are remembered: those seen most recently. */
  constructor(limit: number) {
    this.#similar = new Recent(limit);
    this.#observed = new Recent(limit);
    this.#buckets = new Recent(limit);
  }

  /** Returns what is to be written; undefined when there was too much about this object. */
  observe(event: Event, monotonicMs: number): Occurrence | undefined {
    const combined = this.#combine(event, monotonicMs);
    const counted = this.#count(combined.key, combined.event);
    return this.#isSpam(event, monotonicMs) ? undefined : counted;
  }

  #combine(event: Event, nowMs: number): { key: string; event: Event } {
    const key = similarKey(event);
    const known = this.#similar.get(key);
    const record = known && nowMs - known.atMs <= similarMs ? known : { messages: new Set<string>(), atMs: nowMs };
    record.messages.add(event.message ?? '');
    record.atMs = nowMs;
    this.#similar.set(key, record);
    if (record.messages.size < similarLimit) return { key: eventKey(event), event };
    for (const oldest of record.messages) {
      record.messages.delete(oldest);
      break;
    }
    return { key, event: { ...event, message: `(combined from similar events): ${event.message}` } };
  }

  #count(key: string, event: Event): Occurrence {
    const last = this.#observed.get(key);
    const { name = '' } = event.metadata;
    const next = last
      ? { ...last, count: last.count + 1 }
      : { count: 1, firstTimestamp: event.firstTimestamp ?? '', name };
    this.#observed.set(key, next);
    const { count, firstTimestamp } = next;
    const counted: Event = { ...event, metadata: { ...event.metadata, name: next.name }, count, firstTimestamp };
    return { key, event: counted, isCreate: !last };
  }

  #isSpam(event: Event, nowMs: number): boolean {
    const key = objectKey(event);
    const last = this.#buckets.get(key) ?? { tokens: burst, atMs: nowMs };
    const tokens = Math.min(burst, last.tokens + (nowMs - last.atMs) / refillMs);
    const isSpam = tokens < 1;
    this.#buckets.set(key, { tokens: isSpam ? tokens : tokens - 1, atMs: nowMs });
    return isSpam;
  }
}

const objectKey = ({ involvedObject, type = '' }: Event): string => {
  const { kind = '', namespace = '', name = '', uid = '', apiVersion = '' } = involvedObject;
  return [kind, namespace, name, uid, apiVersion, type].join('\n');
};

const similarKey = (event: Event): string => `${objectKey(event)}\n${event.reason}`;

const eventKey = (event: Event): string =>
  `${similarKey(event)}\n${event.involvedObject.fieldPath ?? ''}\n${event.message}`;

/** A map that forgets what was written longest ago. */
class Recent<T> {
  readonly #limit: number;
  readonly #entries = new Map<string, T>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): T | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: T): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#limit) this.#entries.delete(this.#entries.keys().next().value ?? '');
  }
}
