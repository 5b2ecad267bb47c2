/**
 * One encoding for clients that read the same list at the same time, as all of them do after a restart. The first reader
 * is served alone; from the second on the pieces are kept until the last of them is done.
 */
import type { ListPieces } from './list-pieces.ts';

/** What a reader opens: pieces, and how many bytes they will have, roughly. */
export interface OpenedList {
  pieces: ListPieces;
  bytes: number;
}

const keptBytesLimit = 4 << 20;

export class SharedLists {
  /** Lists that one client reads. */
  readonly #single = new Set<string>();
  readonly #shared = new Map<string, SharedList>();
  #keptBytes = 0;

  /** Pieces of the list that `key` names. Equal keys mean equal bytes. */
  async open(key: string, make: () => Promise<OpenedList>): Promise<ListPieces> {
    const known = this.#shared.get(key);
    if (known) return known.reader();
    if (!this.#single.has(key)) return this.#openSingle(key, make);
    const { pieces, bytes } = await make();
    const meanwhile = this.#shared.get(key);
    if (meanwhile) {
      pieces[Symbol.dispose]();
      return meanwhile.reader();
    }
    return this.#keptBytes + bytes > keptBytesLimit ? pieces : this.#share(key, pieces, bytes).reader();
  }

  async #openSingle(key: string, make: () => Promise<OpenedList>): Promise<ListPieces> {
    this.#single.add(key);
    try {
      const { pieces } = await make();
      return closing(pieces, () => this.#single.delete(key));
    } catch (error) {
      this.#single.delete(key);
      throw error;
    }
  }

  #share(key: string, pieces: ListPieces, bytes: number): SharedList {
    this.#keptBytes += bytes;
    const shared = new SharedList(pieces, () => {
      this.#shared.delete(key);
      this.#keptBytes -= bytes;
    });
    this.#shared.set(key, shared);
    return shared;
  }
}

/** `pieces`, with something to do when they are disposed. */
function closing(pieces: ListPieces, onClosed: () => void): ListPieces {
  return {
    get done() {
      return pieces.done;
    },
    next: () => pieces.next(),
    [Symbol.dispose]() {
      pieces[Symbol.dispose]();
      onClosed();
    },
  };
}

class SharedList {
  readonly #source: ListPieces;
  readonly #onUnused: () => void;
  readonly #pieces: Uint8Array[] = [];
  #making: Promise<void> | undefined;
  #readers = 0;

  constructor(source: ListPieces, onUnused: () => void) {
    this.#source = source;
    this.#onUnused = onUnused;
  }

  reader(): ListPieces {
    this.#readers++;
    let index = 0;
    let isOpen = true;
    const isDone = (): boolean => this.#source.done && !this.#making && index === this.#pieces.length;
    return {
      get done() {
        return isDone();
      },
      next: () => this.#piece(index++),
      [Symbol.dispose]: () => {
        if (isOpen && --this.#readers === 0) this.#end();
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
    this.#making = made
      .then((piece) => void this.#keep(piece))
      .finally(() => {
        this.#making = undefined;
      });
    return this.#making.then(() => this.#piece(index));
  }

  #keep(piece: Uint8Array): Uint8Array {
    this.#pieces.push(piece);
    return piece;
  }

  #end(): void {
    this.#onUnused();
    this.#source[Symbol.dispose]();
  }
}
