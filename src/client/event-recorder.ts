/**
 * Writes core/v1 Events. What repeats is counted in one Event, what differs by its message only is combined, and what
 * is told too often about one object is left out: the rules of client-go's event correlator.
 */
import { randomUUID } from 'node:crypto';
import { type Clock, formatTime, isReason, type Logger, StatusError, type Timer } from '../kernel/index.ts';
import type { Event } from '../schema/generated/index.ts';
import { EventCorrelator, type Occurrence } from './event-correlator.ts';
import { events } from './refs.ts';
import type { Client, EventRecorder, EventSubject } from './types.ts';

export interface EventRecorderOptions {
  /** Acts as the component. */
  client: Client;
  clock: Clock;
  log: Logger;
  /** Whom the events are from: `kubelet`, `replicaset-controller`. */
  component: string;
  host?: string;
  /** Events that may wait to be written; above: the oldest are dropped. */
  limit: number;
}

const retryMs = 10_000;
const maxTries = 12;

/** A recorder that writes one event after the other. Holds no timer while there is nothing to write. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder & { stop(): Promise<void> } {
  return new QueueingRecorder(options);
}

class QueueingRecorder implements EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #correlator: EventCorrelator;
  /** By key, in order of arrival: what occurs again before it was written is counted, not queued. */
  readonly #waiting = new Map<string, Occurrence>();
  #writing: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #timer: Timer | undefined;
  #stopped = false;
  #lastNanos = 0n;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#correlator = new EventCorrelator(options.limit);
  }

  event(subject: EventSubject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    if (this.#stopped) return;
    const { clock, limit } = this.#options;
    const occurrence = this.#correlator.observe(this.#make(subject, type, reason, message), clock.monotonicMs());
    if (!occurrence) return;
    const { key } = occurrence;
    const isNew = !this.#waiting.has(key);
    // What waits was never written, so it is still to be created.
    const isCreate = occurrence.isCreate || this.#waiting.get(key)?.isCreate === true;
    this.#waiting.set(key, { ...occurrence, isCreate });
    if (isNew && this.#waiting.size > limit) this.#waiting.delete(this.#waiting.keys().next().value ?? '');
    this.#writing ??= this.#writeAll();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#waiting.clear();
    this.#timer?.cancel();
    this.#wake?.();
    await this.#writing;
  }

  #make(subject: EventSubject, type: string, reason: string, message: string): Event {
    const { component, host, clock } = this.#options;
    const { name = '', namespace, uid, resourceVersion } = subject.metadata;
    const { apiVersion, kind, fieldPath } = subject;
    const time = formatTime(clock.nowMs());
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: this.#nameFor(name), namespace: namespace || 'default' },
      involvedObject: {
        ...(kind && { kind }),
        ...(namespace && { namespace }),
        name,
        ...(uid && { uid }),
        ...(apiVersion && { apiVersion }),
        ...(resourceVersion && { resourceVersion }),
        ...(fieldPath && { fieldPath }),
      },
      reason,
      message,
      source: { component, ...(host && { host }) },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      type,
      reportingComponent: component,
      reportingInstance: host ?? '',
    };
  }

  /** As upstream: the object's name and the time in nanoseconds; here a count goes on where the clock stands still. */
  #nameFor(name: string): string {
    const nanos = BigInt(Math.trunc(this.#options.clock.nowMs())) * 1_000_000n;
    this.#lastNanos = nanos > this.#lastNanos ? nanos : this.#lastNanos + 1n;
    const full = `${name}.${this.#lastNanos.toString(16)}`;
    const isSubdomain =
      full.length <= 253 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(full);
    return isSubdomain ? full : randomUUID();
  }

  async #writeAll(): Promise<void> {
    // Whoever tells of an event is in the middle of something.
    await Promise.resolve();
    for (const [key, occurrence] of this.#waiting) {
      this.#waiting.delete(key);
      await this.#write(occurrence);
    }
    this.#writing = undefined;
  }

  async #write(occurrence: Occurrence): Promise<void> {
    const { log } = this.#options;
    for (let tries = 1; ; tries++) {
      try {
        return await this.#send(occurrence);
      } catch (error) {
        const { reason = '', involvedObject } = occurrence.event;
        const facts = { reason, object: involvedObject.name, error: String(error) };
        if (isRefusal(error)) return log.debug('event refused', facts);
        if (tries === maxTries || this.#stopped) return log.warn('event not written', facts);
        await this.#pause();
      }
    }
  }

  async #send({ event, isCreate }: Occurrence): Promise<void> {
    const { client } = this.#options;
    const { name = '', namespace = '' } = event.metadata;
    if (!isCreate) {
      const { count, lastTimestamp, message } = event;
      const body = { count, lastTimestamp, message };
      try {
        await client.patch(events, name, 'application/strategic-merge-patch+json', body, { namespace });
        return;
      } catch (error) {
        // It has expired: the same event begins anew.
        if (!isReason(error, 'NotFound')) throw error;
      }
    }
    await client.create(events, event, { namespace });
  }

  async #pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    this.#timer = this.#options.clock.after(retryMs, resolve);
    await promise;
    this.#timer.cancel();
  }
}

/** The API has answered, and would answer the same again. */
const isRefusal = (error: unknown): boolean =>
  error instanceof StatusError && !isReason(error, 'TooManyRequests') && !isReason(error, 'ServiceUnavailable');
