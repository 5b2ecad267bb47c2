import type { Call, Core } from '../../core.ts';
import type { Exchange } from '../../exchange.ts';
import { serveWatch } from '../../watch/index.ts';
import { listEntries } from '../list.ts';
import { parseListOptions } from '../options.ts';
import { offerOf, outputOf } from './common.ts';
import { sendList } from './send-list.ts';

/** GET of a collection: a list, or a watch when the query or the path says so. */
export async function serveList(core: Core, exchange: Exchange, call: Call): Promise<void> {
  const offer = { ...offerOf(call.resource), list: true };
  const output = outputOf(exchange, offer);
  const options = parseListOptions(exchange.query, exchange.info.watchPrefix);
  if (options.watch) return serveWatch(core, exchange, call, options, offer);
  using list = await listEntries(core, call, options);
  await sendList(core, exchange, { resource: call.resource, entries: list.entries, meta: list.meta }, output);
}
