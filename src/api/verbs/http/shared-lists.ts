/**
 * One encoding for clients that read the same list at about the same time, as all of them do after a restart. The first
 * is served alone; when another comes, pieces are kept until nobody has read the list for a moment.
 */
import type { Clock } from '../../../kernel/clock.ts';
import type { ListPieces } from './list-pieces.ts';

/** What a reader opens: pieces, and how many bytes they will have, roughly. */
export interface OpenedList {
  pieces: ListPieces;
  bytes: number;
}

/** Pieces that are kept, all lists together. */
const keptBytesLimit = 4 << 20;
/** Keys that are remembered. */
const seenLimit = 64;
const lingerMs = 250;

export class SharedLists {
  readonly #clock: Clock;
  /** Lists that were read a moment ago, or still are. */
  #seen = new Set<string>();
  #isForgetting = false;
  readonly #shared = new Map<string, SharedList>();
  #keptBytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Pieces of the list that `key` names. Equal keys mean equal bytes. */
  async open(key: string, make: () => Promise<OpenedList>): Promise<ListPieces> {
    const known = this.#shared.get(key);
    if (known) return known.reader();
    const isFirst = !this.#seen.has(key);
    this.#remember(key);
    const { pieces, bytes } = await make();
    if (isFirst || this.#keptBytes + bytes > keptBytesLimit) return pieces;
    const meanwhile = this.#shared.get(key);
    if (!meanwhile) return this.#share(key, pieces, bytes).reader();
    pieces[Symbol.dispose]();
    return meanwhile.reader();
  }

  /** Everything is forgotten together, so that reading costs no timer each time. */
  #remember(key: string): void {
    if (this.#seen.size < seenLimit) this.#seen.add(key);
    if (this.#isForgetting) return;
    this.#isForgetting = true;
    this.#clock.after(lingerMs, () => {
      this.#isForgetting = false;
      this.#seen = new Set();
    });
  }

  #share(key: string, pieces: ListPieces, bytes: number): SharedList {
    this.#keptBytes += bytes;
    const shared = new SharedList(pieces, this.#clock, () => {
      this.#shared.delete(key);
      this.#keptBytes -= bytes;
    });
    this.#shared.set(key, shared);
    return shared;
  }
}

class SharedList {
  readonly #source: ListPieces;
  readonly #clock: Clock;
  readonly #onUnused: () => void;
  readonly #pieces: Uint8Array[] = [];
  #making: Promise<void> | undefined;
  #readers = 0;
  #reads = 0;

  constructor(source: ListPieces, clock: Clock, onUnused: () => void) {
    this.#source = source;
    this.#clock = clock;
    this.#onUnused = onUnused;
    this.#lookLater();
  }

  reader(): ListPieces {
    this.#readers++;
    this.#reads++;
    let index = 0;
    let isOpen = true;
    const isDone = (): boolean => this.#source.done && !this.#making && index === this.#pieces.length;
    return {
      isGzip: this.#source.isGzip,
      get done() {
        return isDone();
      },
      next: () => this.#piece(index++),
      [Symbol.dispose]: () => {
        if (isOpen) this.#readers--;
        isOpen = false;
      },
    };
  }

  #piece(index: number): Uint8Array | Promise<Uint8Array> {
    const known = this.#pieces[index];
    if (known) return known;
    if (this.#making) return this.#making.then(() => this.#piece(index));
    const made = this.#source.next();
    if (!(made instanceof Promise)) return this.#keep(made.slice());
    // Kept and no longer in the making at once: between the two, a reader would take the list to go on.
    this.#making = made.then(
      (piece) => {
        this.#making = undefined;
        this.#keep(piece);
      },
      (error: unknown) => {
        this.#making = undefined;
        throw error;
      },
    );
    return this.#making.then(() => this.#piece(index));
  }

  #keep(piece: Uint8Array): Uint8Array {
    this.#pieces.push(piece);
    return piece;
  }

  /** Ends when nobody reads and nobody has begun to since the last look. */
  #lookLater(): void {
    const reads = this.#reads;
    this.#clock.after(lingerMs, () => {
      if (this.#readers > 0 || this.#reads > reads) return this.#lookLater();
      this.#onUnused();
      this.#source[Symbol.dispose]();
    });
  }
}
