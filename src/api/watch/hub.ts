/**
 * Fan-out of store events to the watchers of the API. One subscription a kind; watchers are found by namespace and
 * name; an event reaches them in slices, so that none holds the loop.
 */
import type { Timer } from '../../kernel/clock.ts';
import { nextTurn } from '../../kernel/index.ts';
import type { StoredKind, StoreEvent, Subscription } from '../../store/types.ts';
import type { Core } from '../core.ts';
import { classify, errorFrame, SharedEvent } from './frames.ts';
import type { Change, StreamWatcher } from './stream.ts';

/** Time before the loop gets a turn; grows with the backlog of events, so that fan-out cannot fall behind for ever. */
const sliceMs = 1;
const backlogStep = 32;
/** Events of one kind that a round takes at most. */
const roundEvents = 32;
export const bookmarkEveryMs = 60_000;

class Channel {
  readonly everything = new Set<StreamWatcher>();
  readonly byNamespace = new Map<string, Set<StreamWatcher>>();
  readonly byName = new Map<string, Set<StreamWatcher>>();
  subscription: Subscription | undefined;
  size = 0;

  #slot(watcher: StreamWatcher): { map: Map<string, Set<StreamWatcher>>; key: string } | undefined {
    const { namespace, name } = watcher.options;
    if (name !== '') return { map: this.byName, key: `${namespace}/${name}` };
    if (namespace !== '') return { map: this.byNamespace, key: namespace };
    return undefined;
  }

  add(watcher: StreamWatcher): void {
    this.size++;
    const slot = this.#slot(watcher);
    if (!slot) {
      this.everything.add(watcher);
      return;
    }
    const set = slot.map.get(slot.key) ?? new Set();
    slot.map.set(slot.key, set);
    set.add(watcher);
  }

  delete(watcher: StreamWatcher): void {
    this.size--;
    const slot = this.#slot(watcher);
    if (!slot) {
      this.everything.delete(watcher);
      return;
    }
    const set = slot.map.get(slot.key);
    set?.delete(watcher);
    if (set?.size === 0) slot.map.delete(slot.key);
  }

  /** Those whom an event can concern. */
  *candidates(event: StoreEvent): Generator<StreamWatcher> {
    yield* this.everything;
    if (event.namespace !== '') {
      yield* this.byNamespace.get(event.namespace) ?? [];
      yield* this.byName.get(`/${event.name}`) ?? [];
    }
    yield* this.byName.get(`${event.namespace}/${event.name}`) ?? [];
  }

  *all(): Iterable<StreamWatcher> {
    yield* this.everything;
    for (const set of this.byNamespace.values()) yield* set;
    for (const set of this.byName.values()) yield* set;
  }
}

/** Events that have piled up go out together: one write a watcher. */
interface Round {
  events: readonly SharedEvent[];
  deliveries: Iterator<readonly [StreamWatcher, readonly SharedEvent[]]>;
}

/** Who gets which of `events`, in order. */
function deliveriesOf(channel: Channel, events: readonly SharedEvent[]): Round['deliveries'] {
  const only = events.length === 1 ? events[0] : undefined;
  if (only)
    return channel
      .candidates(only.event)
      [Symbol.iterator]()
      .map((watcher) => [watcher, events] as const);
  const byWatcher = new Map<StreamWatcher, SharedEvent[]>();
  for (const shared of events) {
    for (const watcher of channel.candidates(shared.event)) {
      const list = byWatcher.get(watcher);
      if (list) list.push(shared);
      else byWatcher.set(watcher, [shared]);
    }
  }
  return byWatcher.entries();
}

export class WatchHub {
  readonly #core: Core;
  readonly #channels = new Map<StoredKind, Channel>();
  readonly #queue: SharedEvent[] = [];
  #round: Round | undefined;
  #scheduled = false;
  #watchers = 0;
  #bookmarks: Timer | undefined;
  #closed = false;

  constructor(core: Core) {
    this.#core = core;
  }

  get size(): number {
    return this.#watchers;
  }

  /** Delivers events after `watcher.revision` that are not published yet. */
  join(watcher: StreamWatcher): void {
    const kind = watcher.options.resource.stored!;
    let channel = this.#channels.get(kind);
    if (!channel) {
      channel = new Channel();
      this.#subscribe(kind, channel);
      this.#channels.set(kind, channel);
    }
    channel.add(watcher);
    this.#watchers++;
    watcher.onEnd = () => this.#leave(kind, watcher);
    this.#bookmarks ??= this.#core.clock.after(bookmarkEveryMs, () => this.#sendBookmarks());
  }

  /** Ends every watch; clients begin new ones elsewhere or later. */
  close(): void {
    this.#closed = true;
    this.#bookmarks?.cancel();
    for (const channel of this.#channels.values()) for (const watcher of [...channel.all()]) watcher.finish();
    for (const shared of this.#queue.splice(0)) shared.release();
    for (const shared of this.#round?.events ?? []) shared.release();
    this.#round = undefined;
  }

  #subscribe(kind: StoredKind, channel: Channel): void {
    channel.subscription = this.#core.store.subscribe(kind, this.#core.store.revision, {
      event: (event) => this.#enqueue(event),
      progress: () => this.#begin(),
      closed: () => {
        for (const watcher of [...channel.all()]) this.#end(watcher);
      },
    });
  }

  #leave(kind: StoredKind, watcher: StreamWatcher): void {
    const channel = this.#channels.get(kind);
    if (!channel) return;
    channel.delete(watcher);
    this.#watchers--;
    if (channel.size === 0) {
      channel.subscription?.close();
      this.#channels.delete(kind);
    }
    if (this.#watchers === 0) {
      this.#bookmarks?.cancel();
      this.#bookmarks = undefined;
    }
  }

  #enqueue(event: StoreEvent): void {
    if (this.#closed) return;
    const shared = new SharedEvent(this.#core, event);
    shared.retain();
    this.#queue.push(shared);
  }

  /** A batch is published: its first slice goes out in the same turn, the rest, or what comes meanwhile, in turns of its own. */
  #begin(): void {
    if (this.#queue.length > 0 && !this.#scheduled) this.#slice();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    void nextTurn().then(() => {
      this.#scheduled = false;
      this.#slice();
    });
  }

  #slice(): void {
    const { clock } = this.#core;
    const endMs = clock.monotonicMs() + sliceMs * (1 + Math.floor(this.#queue.length / backlogStep));
    while (clock.monotonicMs() < endMs) {
      this.#round ??= this.#nextRound();
      const round = this.#round;
      if (!round) return;
      const next = round.deliveries.next();
      if (next.done) {
        for (const shared of round.events) shared.release();
        this.#round = undefined;
      } else {
        this.#offer(...next.value);
      }
    }
    this.#schedule();
  }

  #nextRound(): Round | undefined {
    for (;;) {
      const kind = this.#queue[0]?.event.kind;
      if (!kind) return undefined;
      let count = 1;
      while (count < roundEvents && this.#queue[count]?.event.kind === kind) count++;
      const events = this.#queue.splice(0, count);
      const channel = this.#channels.get(kind);
      if (channel) return { events, deliveries: deliveriesOf(channel, events) };
      for (const shared of events) shared.release();
    }
  }

  #offer(watcher: StreamWatcher, events: readonly SharedEvent[]): void {
    const { predicate, projection } = watcher.options;
    try {
      const changes: Change[] = [];
      for (const shared of events) {
        const { event } = shared;
        if (watcher.over || event.revision <= watcher.revision) continue;
        watcher.revision = event.revision;
        const type = classify(predicate, event);
        if (type) changes.push({ shared, type });
      }
      if (changes.length > 0) watcher.deliver(changes);
    } catch (error) {
      this.#core.log.error('watch event could not be encoded', { error: String(error) });
      this.#end(watcher, errorFrame(this.#core, projection, internalError(error)));
    }
  }

  /** A connection that cannot be written to any more keeps no other watcher from its events. */
  #end(watcher: StreamWatcher, frame?: Uint8Array): void {
    try {
      watcher.finish(frame);
    } catch (error) {
      this.#core.log.debug('watch could not be ended in order', { error: String(error) });
      watcher.stop();
    }
  }

  /** Everything published has been offered to everybody: bookmarks may say so. */
  #sendBookmarks(): void {
    this.#bookmarks = this.#core.clock.after(bookmarkEveryMs, () => this.#sendBookmarks());
    for (const channel of this.#channels.values()) {
      for (const watcher of channel.all()) watcher.bookmark(this.settledRevision);
    }
  }

  /** Revision up to which every event has been offered to its watchers. */
  get settledRevision(): number {
    const oldest = this.#round?.events[0] ?? this.#queue[0];
    return oldest ? oldest.event.revision - 1 : this.#core.store.revision;
  }
}

const internalError = (error: unknown): object => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: `Internal error occurred: ${String(error)}`,
  reason: 'InternalError',
  code: 500,
});
