/** Writes lists item by item, in slices. */
import type { Entry } from '../../../store/types.ts';
import type { Core } from '../../core.ts';
import type { Exchange } from '../../exchange.ts';
import {
  checkShape,
  contentTypeOf,
  entrySource,
  fromUtf8,
  type ListMeta,
  type Output,
  prettyJson,
  type Projection,
  projectionFor,
  protobufItemHead,
  varintLength,
  yamlText,
} from '../../negotiation/index.ts';
import type { Resource } from '../../routing/index.ts';
import { breathe } from '../slices.ts';
import { ListWriter } from './list-writer.ts';

interface Page {
  resource: Resource;
  entries: readonly Entry[];
  meta: ListMeta;
}

/** Answers with a page. */
export async function sendList(core: Core, exchange: Exchange, page: Page, output: Output): Promise<void> {
  checkShape(page.resource, output, 'list');
  const projection = projectionFor(core, page.resource, output, exchange.query);
  const writer = new ListWriter(exchange, contentTypeOf[output.media]);
  const whole = output.media === 'yaml' || output.pretty;
  try {
    await writeItems(core, exchange, page, projection, writer, whole);
    if (exchange.response.closed) return;
    if (!whole) return await writer.end();
    const text = fromUtf8(writer.bytes);
    const body = output.media === 'yaml' ? await yamlText(text) : prettyJson(text.trimEnd());
    exchange.send(200, contentTypeOf[output.media], body);
  } finally {
    writer.release();
  }
}

/** `whole`: the text is needed in one piece. */
async function writeItems(
  core: Core,
  exchange: Exchange,
  page: Page,
  projection: Projection,
  writer: ListWriter,
  whole: boolean,
): Promise<void> {
  const { resource, entries, meta } = page;
  const isProtobuf = projection.media === 'protobuf';
  const itemsLength = isProtobuf ? await measure(core, page, projection) : 0;
  const frame = projection.list(meta, itemsLength);
  const slice = breathe(core.clock);
  writer.add(frame.head);
  for (let index = 0; index < entries.length; index++) {
    if (exchange.response.closed) return;
    const item = projection.item(entrySource(core, resource, entries[index]!));
    if (isProtobuf) writer.add(protobufItemHead(item.length));
    else if (index > 0) writer.add(frame.separator);
    writer.add(item);
    if (writer.full && !whole) await writer.flush();
    if (slice.due()) await slice.rest();
  }
  writer.add(frame.tail);
}

/** Total length of the items: the head of a protobuf list needs it. */
async function measure(core: Core, { resource, entries }: Page, projection: Projection): Promise<number> {
  const slice = breathe(core.clock);
  let total = 0;
  for (const entry of entries) {
    const { length } = projection.item(entrySource(core, resource, entry));
    total += 1 + varintLength(length) + length;
    if (slice.due()) await slice.rest();
  }
  return total;
}
