import type { Call, Core } from '../../core.ts';
import type { Exchange } from '../../exchange.ts';
import { parseWriteOptions } from '../options.ts';
import { updateObject } from '../update.ts';
import { offerOf, outputOf, readObject, sendOutcome } from './common.ts';

/** PUT of an object or of one of its object-shaped subresources. */
export async function serveUpdate(core: Core, exchange: Exchange, call: Call): Promise<void> {
  const offer = offerOf(call.resource);
  const output = outputOf(exchange, offer);
  const options = parseWriteOptions(exchange.query, 'UpdateOptions');
  const object = await readObject(core, exchange, call, options, offer);
  const outcome = await updateObject(core, call, object, options);
  sendOutcome(core, exchange, call, outcome, output);
}
