/** One watcher of the API: a bounded queue in front of a socket. */
import type { Core } from '../core.ts';
import { concat, type Projection } from '../negotiation/index.ts';
import type { Resource } from '../routing/index.ts';
import type { Predicate } from '../selectors/index.ts';
import { breathe } from '../verbs/slices.ts';
import { bookmarkFrame, type EventType, type SharedEvent } from './frames.ts';

/** Where frames go: a chunked HTTP answer, or a WebSocket. */
export interface FrameSink {
  readonly closed: boolean;
  /** Frames may be written joined: a stream of bytes, not of messages. */
  readonly joins: boolean;
  /** False = buffered: write no more until the next drain. */
  write(frame: Uint8Array): boolean;
  onDrain(callback: () => void): void;
  end(): void;
  /** Cuts the connection. */
  abort(): void;
}

/** An event and what it is to one watcher. */
export interface Change {
  shared: SharedEvent;
  type: EventType;
}

export interface StreamOptions {
  resource: Resource;
  projection: Projection;
  predicate: Predicate;
  /** '' = all. */
  namespace: string;
  name: string;
  bookmarks: boolean;
}

export class StreamWatcher {
  readonly options: StreamOptions;
  /** Events up to here have been sent, queued or found irrelevant. */
  revision: number;
  readonly #core: Core;
  readonly #sink: FrameSink;
  /** While the initial events go out, live ones wait. */
  #starting = true;
  #blocked = false;
  #first = true;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #waiting: (() => void) | undefined;
  /** Called once, when the watch is over. */
  onEnd: () => void = () => {};
  #over = false;

  constructor(core: Core, sink: FrameSink, options: StreamOptions, revision: number) {
    this.#core = core;
    this.#sink = sink;
    this.options = options;
    this.revision = revision;
    sink.onDrain(() => this.#drained());
  }

  get over(): boolean {
    return this.#over;
  }

  /** Live events that concern this watcher, in order. */
  deliver(changes: readonly Change[]): void {
    const { resource, projection } = this.options;
    const frames = changes.map(({ shared, type }) => shared.frame(resource, projection, type, this.#takeFirst()));
    if (frames.length > 1 && this.#sink.joins && !this.#starting && !this.#blocked) this.#write(concat(frames));
    else for (const frame of frames) this.#push(frame);
  }

  /** Tells how far this watch has come. Skipped while older frames wait. */
  bookmark(revision: number): void {
    if (!this.options.bookmarks || this.#starting || this.#blocked) return;
    this.#push(this.#bookmarkFrame(Math.max(revision, this.revision), false));
  }

  /**
   * Sends initial frames in slices, each as soon as the socket takes it, then the events that came meanwhile.
   * `frames` are made one at a time: entries of a snapshot stay bytes in the cache until their turn.
   */
  async begin(frames: Iterable<(first: boolean) => Uint8Array>, endRevision?: number): Promise<void> {
    const slice = breathe(this.#core.clock);
    for (const make of frames) {
      if (this.#over) return;
      if (!this.#write(make(this.#takeFirst()))) await this.#writable();
      if (slice.due()) await slice.rest();
    }
    if (this.#over) return;
    if (endRevision !== undefined && this.options.bookmarks) this.#write(this.#bookmarkFrame(endRevision, true));
    this.#starting = false;
    this.#flush();
  }

  /** A last frame, after what is queued, and the end. */
  finish(frame?: Uint8Array): void {
    if (this.#over) return;
    // What waits for the initial events must not overtake those that were not sent: a client resumes after the last.
    if (!this.#starting) for (const queued of this.#queue) this.#sink.write(queued);
    if (frame) this.#sink.write(frame);
    this.#sink.end();
    this.stop();
  }

  /** The client has gone, or the watcher has been cut. */
  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#queue = [];
    this.#waiting?.();
    this.onEnd();
  }

  #takeFirst(): boolean {
    const first = this.#first && this.options.projection.headed;
    this.#first = false;
    return first;
  }

  #bookmarkFrame(revision: number, end: boolean): Uint8Array {
    return bookmarkFrame(this.#core, this.options.resource, this.options.projection, revision, end);
  }

  #push(frame: Uint8Array): void {
    if (this.#over) return;
    if (!this.#starting && !this.#blocked) {
      this.#write(frame);
      return;
    }
    const { watcherQueueBytes, watcherQueueEvents } = this.#core.budget;
    if (this.#queue.length >= watcherQueueEvents || this.#queuedBytes + frame.length > watcherQueueBytes) {
      this.#cut();
      return;
    }
    this.#queue.push(frame);
    this.#queuedBytes += frame.length;
  }

  #cut(): void {
    this.#core.log.info('watcher fell behind and was cut off', {
      resource: this.options.resource.qualified.resource,
      queuedEvents: this.#queue.length,
      queuedBytes: this.#queuedBytes,
    });
    this.#sink.abort();
    this.stop();
  }

  #write(frame: Uint8Array): boolean {
    if (!this.#sink.write(frame)) this.#blocked = true;
    return !this.#blocked;
  }

  #writable(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting = () => {
        this.#waiting = undefined;
        resolve();
      };
    });
  }

  #drained(): void {
    this.#blocked = false;
    this.#waiting?.();
    if (!this.#starting) this.#flush();
  }

  #flush(): void {
    let sent = 0;
    while (sent < this.#queue.length && !this.#blocked) {
      const frame = this.#queue[sent++]!;
      this.#queuedBytes -= frame.length;
      this.#write(frame);
    }
    this.#queue.splice(0, sent);
  }
}
