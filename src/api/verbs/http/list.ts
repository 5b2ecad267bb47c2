import type { Call, Core } from '../../core.ts';
import type { Exchange } from '../../exchange.ts';
import type { Output } from '../../negotiation/index.ts';
import { serveWatch } from '../../watch/index.ts';
import { type EntryList, listEntries } from '../list.ts';
import { type ListOptions, parseListOptions } from '../options.ts';
import { offerOf, outputOf } from './common.ts';
import { compresses, piecesOf, sendPieces } from './send-list.ts';
import type { OpenedList } from './shared-lists.ts';

/** GET of a collection: a list, or a watch when the query or the path says so. */
export async function serveList(core: Core, exchange: Exchange, call: Call): Promise<void> {
  const offer = { ...offerOf(call.resource), list: true };
  const output = outputOf(exchange, offer);
  const options = parseListOptions(exchange.query, exchange.info.watchPrefix);
  if (options.watch) return serveWatch(core, exchange, call, options, offer);
  const open = (): Promise<OpenedList> => openList(core, exchange, call, options, output);
  const key = keyOf(core, exchange, call, options, output);
  using pieces = key === undefined ? (await open()).pieces : await core.lists.open(key, open);
  await sendPieces(core, exchange, pieces, output);
}

async function openList(
  core: Core,
  exchange: Exchange,
  call: Call,
  options: ListOptions,
  output: Output,
): Promise<OpenedList> {
  const page = await listEntries(core, call, options);
  try {
    return { pieces: await piecesOf(core, exchange, call.resource, page, output), bytes: keptBytes(core, page) };
  } catch (error) {
    page[Symbol.dispose]();
    throw error;
  }
}

/** About what the pieces of a list take: JSON is rarely twice as long as the record. */
function keptBytes(core: Core, page: EntryList): number {
  return page.entries.reduce((sum, entry) => sum + core.store.length(entry) * 2, 0);
}

/** What the bytes of a list of the newest state depend on. Rows of tables depend on the time, too. */
function keyOf(
  core: Core,
  exchange: Exchange,
  { resource, namespace, name }: Call,
  options: ListOptions,
  output: Output,
): string | undefined {
  const { media, convert } = output;
  const isNewest = options.resourceVersion === '' || options.resourceVersion === '0';
  if (!isNewest || convert?.kind === 'Table') return undefined;
  const { labelSelector, fieldSelector, limit } = options;
  return JSON.stringify([
    core.store.revision,
    resource.gvk.apiVersion,
    resource.qualified.resource,
    namespace,
    name,
    labelSelector,
    fieldSelector,
    limit,
    options.continue,
    media,
    convert,
    compresses(exchange, output),
  ]);
}
