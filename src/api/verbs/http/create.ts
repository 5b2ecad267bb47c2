import type { Call, Core } from '../../core.ts';
import type { Exchange } from '../../exchange.ts';
import { createObject } from '../create.ts';
import { parseWriteOptions } from '../options.ts';
import { offerOf, outputOf, readObject, sendOutcome } from './common.ts';

/** POST to a collection. */
export async function serveCreate(core: Core, exchange: Exchange, call: Call): Promise<void> {
  const offer = offerOf(call.resource);
  const output = outputOf(exchange, offer);
  const options = parseWriteOptions(exchange.query, 'CreateOptions');
  const object = await readObject(core, exchange, call, options, offer);
  const outcome = await createObject(core, call, object, options);
  sendOutcome(core, exchange, call, outcome, output);
}
