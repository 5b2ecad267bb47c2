/** Writes lists item by item: small ones whole, large ones as a stream, compressed if the client can read that. */
import type { Entry } from '../../../store/types.ts';
import type { Core } from '../../core.ts';
import type { Exchange } from '../../exchange.ts';
import {
  checkShape,
  concat,
  contentTypeOf,
  entrySource,
  fromUtf8,
  type ListMeta,
  type Output,
  prettyJson,
  type Projection,
  projectionFor,
  yamlText,
} from '../../negotiation/index.ts';
import type { Resource } from '../../routing/index.ts';
import { breathe } from '../slices.ts';
import { type ByteSink, gzipSink, plainSink } from './byte-sink.ts';

/** Below this a list is sent whole, with its length; from here on gzip pays (upstream's threshold). */
const streamFromBytes = 128 << 10;
/** Items are gathered to pieces of about this size before they are written. */
const pieceBytes = 64 << 10;

export async function sendList(
  core: Core,
  exchange: Exchange,
  resource: Resource,
  entries: readonly Entry[],
  meta: ListMeta,
  output: Output,
): Promise<void> {
  checkShape(resource, output, 'list');
  const projection = projectionFor(core, resource, output, exchange.query);
  const whole = output.media === 'yaml' || output.pretty;
  const writer = new ListWriter(exchange, contentTypeOf[output.media], whole);
  const itemsLength = projection.sized ? await measure(core, resource, entries, projection) : 0;
  const frame = projection.list(meta, itemsLength);
  const slice = breathe(core.clock);
  writer.add(frame.head);
  for (let index = 0; index < entries.length; index++) {
    if (exchange.response.closed) return;
    if (index > 0) writer.add(frame.separator);
    writer.add(projection.item(entrySource(core, resource, entries[index]!)));
    if (writer.full) await writer.flush();
    if (slice.due()) await slice.rest();
  }
  writer.add(frame.tail);
  if (!whole) return writer.end();
  const text = fromUtf8(writer.take());
  const body = output.media === 'yaml' ? await yamlText(text) : `${prettyJson(text.trimEnd())}\n`;
  exchange.send(200, contentTypeOf[output.media], body);
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
    total += projection.item(entrySource(core, resource, entry)).length;
    if (slice.due()) await slice.rest();
  }
  return total;
}

class ListWriter {
  readonly #exchange: Exchange;
  readonly #contentType: string;
  readonly #keepAll: boolean;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  /** The piece being filled. */
  #piece = new Uint8Array(pieceBytes);
  #filled = 0;
  #sink: ByteSink | undefined;

  constructor(exchange: Exchange, contentType: string, keepAll: boolean) {
    this.#exchange = exchange;
    this.#contentType = contentType;
    this.#keepAll = keepAll;
  }

  get full(): boolean {
    return !this.#keepAll && this.#bytes >= (this.#sink ? pieceBytes : streamFromBytes);
  }

  /** Copies `bytes`: they may be a view of the codec's scratch memory. */
  add(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    if (this.#filled + bytes.length > this.#piece.length) {
      this.#closePiece();
      if (bytes.length > pieceBytes) {
        this.#pieces.push(bytes.slice());
        return;
      }
    }
    this.#piece.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }

  take(): Uint8Array {
    this.#closePiece();
    const all = concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    return all;
  }

  async flush(): Promise<void> {
    this.#sink ??= this.#open();
    await this.#sink.write(this.take());
  }

  async end(): Promise<void> {
    if (!this.#sink && this.#bytes < streamFromBytes) {
      return this.#exchange.send(200, this.#contentType, this.take());
    }
    await this.flush();
    await this.#sink!.end();
  }

  #open(): ByteSink {
    return this.#exchange.acceptsGzip
      ? gzipSink(this.#exchange, this.#contentType)
      : plainSink(this.#exchange, this.#contentType);
  }

  #closePiece(): void {
    if (this.#filled === 0) return;
    this.#pieces.push(this.#piece.subarray(0, this.#filled));
    this.#piece = new Uint8Array(pieceBytes);
    this.#filled = 0;
  }
}
