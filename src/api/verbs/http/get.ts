import type { Call, Core } from '../../core.ts';
import type { Exchange } from '../../exchange.ts';
import { entrySource, sendObject } from '../../negotiation/index.ts';
import { getEntry } from '../get.ts';
import { offerOf, outputOf } from './common.ts';

/** GET of one object. Synchronous unless a newer revision is waited for. */
export function serveGet(core: Core, exchange: Exchange, call: Call): Promise<void> | void {
  const output = outputOf(exchange, offerOf(call.resource));
  const found = getEntry(core, call, exchange.query.get('resourceVersion') ?? '');
  if (found instanceof Promise) {
    return found.then((entry) =>
      sendObject(core, exchange, 200, call.resource, entrySource(core, call.resource, entry), output),
    );
  }
  sendObject(core, exchange, 200, call.resource, entrySource(core, call.resource, found), output);
}
