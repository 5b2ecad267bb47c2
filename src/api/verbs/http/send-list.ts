/** Answers with lists: small ones whole, large ones in pieces as the client takes them. */
import type { Core } from '../../core.ts';
import type { Exchange } from '../../exchange.ts';
import {
  checkShape,
  concat,
  contentTypeOf,
  fromUtf8,
  type Output,
  prettyJson,
  projectionFor,
  yamlText,
} from '../../negotiation/index.ts';
import type { Resource } from '../../routing/index.ts';
import type { EntryList } from '../list.ts';
import { breathe } from '../slices.ts';
import { compressed } from './gzip-pieces.ts';
import { type ListPieces, openPieces } from './list-pieces.ts';

/** YAML and indented JSON are made from the whole text. */
const isText = ({ media, pretty }: Output): boolean => media === 'yaml' || pretty;

/** Whether a large list goes out compressed. */
export const compresses = (exchange: Exchange, output: Output): boolean => exchange.acceptsGzip && !isText(output);

/** `page` in the form that was negotiated. Disposed with what is returned. Throws NotAcceptable. */
export async function piecesOf(
  core: Core,
  exchange: Exchange,
  resource: Resource,
  page: EntryList,
  output: Output,
): Promise<ListPieces> {
  checkShape(resource, output, 'list');
  const projection = projectionFor(core, resource, output, exchange.query);
  const pieces = await openPieces(core, resource, page, projection);
  return compresses(exchange, output) ? compressed(pieces) : pieces;
}

/** Answers with a list. */
export async function sendPieces(core: Core, exchange: Exchange, pieces: ListPieces, output: Output): Promise<void> {
  if (isText(output)) return sendText(core, exchange, pieces, output);
  const made = pieces.next();
  const first = made instanceof Promise ? await made : made;
  const contentType = contentTypeOf[output.media];
  const encoding = pieces.isGzip ? gzip : [];
  if (pieces.done) {
    exchange.send(200, contentType, first, encoding);
    return;
  }
  exchange.begin(contentType, encoding);
  await stream(core, exchange, pieces, first);
}

async function stream(core: Core, exchange: Exchange, pieces: ListPieces, first: Uint8Array): Promise<void> {
  const { response } = exchange;
  const drained = drains(exchange);
  const slice = breathe(core.clock);
  let taken = response.write(first);
  while (!pieces.done) {
    if (!taken) await drained();
    if (slice.over()) await slice.rest();
    if (response.closed) return;
    const made = pieces.next();
    taken = response.write(made instanceof Promise ? await made : made);
  }
  response.end();
}

async function sendText(core: Core, exchange: Exchange, pieces: ListPieces, output: Output): Promise<void> {
  const slice = breathe(core.clock);
  const all: Uint8Array[] = [];
  while (!pieces.done) {
    const made = pieces.next();
    all.push(made instanceof Promise ? await made : made.slice());
    if (slice.over()) await slice.rest();
    if (exchange.response.closed) return;
  }
  const text = fromUtf8(concat(all));
  const body = output.media === 'yaml' ? await yamlText(text) : prettyJson(text.trimEnd());
  exchange.send(200, contentTypeOf[output.media], body);
}

const gzip = [
  ['Content-Encoding', 'gzip'],
  ['Vary', 'Accept-Encoding'],
] as const;

/** A function that resolves at the next drain, or when the client has gone. */
function drains(exchange: Exchange): () => Promise<void> {
  let wake: () => void = () => {};
  exchange.response.onDrain(() => wake());
  exchange.response.onClosed(() => wake());
  return () =>
    exchange.response.closed
      ? Promise.resolve()
      : new Promise((resolve) => {
          wake = resolve;
        });
}
