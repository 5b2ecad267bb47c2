/** A list as bytes, in pieces: made one at a time, when the client can take more. */
import type { Entry } from '../../../store/types.ts';
import type { Core } from '../../core.ts';
import {
  concat,
  entrySource,
  type ListFrame,
  type Projection,
  protobufItemHead,
  varintLength,
} from '../../negotiation/index.ts';
import type { Resource } from '../../routing/index.ts';
import type { EntryList } from '../list.ts';
import { breathe } from '../slices.ts';

export interface ListPieces extends Disposable {
  readonly isGzip: boolean;
  /** Nothing is left. */
  readonly done: boolean;
  /** The next piece, never empty. May be a view: use or copy it before the next call and the next await. */
  next(): Uint8Array | Promise<Uint8Array>;
}

/** A piece made item by item ends with the item that fills this many bytes. */
const pieceBytes = 128 << 10;
const nothing = new Uint8Array();

/** The pieces of a page, which is disposed with them. */
export async function openPieces(
  core: Core,
  resource: Resource,
  page: EntryList,
  projection: Projection,
): Promise<ListPieces> {
  const itemsLength = projection.media === 'protobuf' ? await measure(core, resource, page.entries, projection) : 0;
  return new EntryPieces(core, resource, page, projection, projection.list(page.meta, itemsLength));
}

class EntryPieces implements ListPieces {
  readonly #core: Core;
  readonly #resource: Resource;
  readonly #page: EntryList;
  readonly #projection: Projection;
  readonly #tail: Uint8Array;
  readonly #separator: Uint8Array;
  /** What comes before the next item. */
  #lead: Uint8Array;
  #index = 0;
  readonly isGzip = false;
  done = false;

  constructor(core: Core, resource: Resource, page: EntryList, projection: Projection, frame: ListFrame) {
    this.#core = core;
    this.#resource = resource;
    this.#page = page;
    this.#projection = projection;
    this.#lead = frame.head;
    this.#separator = frame.separator;
    this.#tail = frame.tail;
  }

  next(): Uint8Array | Promise<Uint8Array> {
    const { entries } = this.#page;
    if (entries.length === 0) return this.#ended(this.#lead);
    if (this.#index === entries.length) return this.#ended(nothing);
    const run = this.#projection.items?.(entries, this.#index, this.#lead);
    if (!run) return this.#gather(pieceBytes);
    if (run.count === 0) return this.#gather(1);
    return this.#passed(run.count, run.bytes);
  }

  [Symbol.dispose](): void {
    this.#page[Symbol.dispose]();
  }

  /** Items one by one, until they have `enoughBytes`. */
  async #gather(enoughBytes: number): Promise<Uint8Array> {
    const { entries } = this.#page;
    const isProtobuf = this.#projection.media === 'protobuf';
    const slice = breathe(this.#core.clock);
    const parts: Uint8Array[] = [this.#lead];
    let bytes = 0;
    let count = 0;
    while (bytes < enoughBytes && this.#index + count < entries.length) {
      const item = this.#projection.item(entrySource(this.#core, this.#resource, entries[this.#index + count]!));
      if (count > 0) parts.push(this.#separator);
      if (isProtobuf) parts.push(protobufItemHead(item.length));
      parts.push(item.slice());
      bytes += item.length;
      count++;
      if (slice.due()) await slice.rest();
    }
    return this.#passed(count, concat(parts));
  }

  /** A list of one piece is kept in one; behind others, the tail comes cheaper alone than copied together. */
  #passed(count: number, bytes: Uint8Array): Uint8Array {
    const isFirst = this.#index === 0;
    this.#index += count;
    this.#lead = this.#separator;
    return isFirst && this.#index === this.#page.entries.length ? this.#ended(bytes) : bytes;
  }

  #ended(bytes: Uint8Array): Uint8Array {
    this.done = true;
    return concat([bytes, this.#tail]);
  }
}

/** Total length of the items: the head of a protobuf list needs it. */
async function measure(
  core: Core,
  resource: Resource,
  entries: readonly Entry[],
  projection: Projection,
): Promise<number> {
  const slice = breathe(core.clock);
  let total = 0;
  for (const entry of entries) {
    const length = projection.itemLength?.(entry) ?? projection.item(entrySource(core, resource, entry)).length;
    total += 1 + varintLength(length) + length;
    if (slice.due()) await slice.rest();
  }
  return total;
}
