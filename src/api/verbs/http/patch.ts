import type { Call, Core } from '../../core.ts';
import type { Exchange } from '../../exchange.ts';
import { parseWriteOptions, type WriteOptions } from '../options.ts';
import { type Patch, parsePatch, patchObject } from '../patch.ts';
import { offerOf, outputOf, readBody, sendOutcome } from './common.ts';

const applyType = 'application/apply-patch+yaml';

/** Body and options of a PATCH. */
export async function readPatch(core: Core, exchange: Exchange): Promise<{ patch: Patch; options: WriteOptions }> {
  const contentType = exchange.request.header('content-type');
  const body = await readBody(core, exchange);
  const options = parseWriteOptions(exchange.query, 'PatchOptions', contentType?.startsWith(applyType) ?? false);
  return { patch: await parsePatch(contentType, body), options };
}

/** PATCH of an object or of one of its object-shaped subresources. */
export async function servePatch(core: Core, exchange: Exchange, call: Call): Promise<void> {
  const output = outputOf(exchange, offerOf(call.resource));
  const { patch, options } = await readPatch(core, exchange);
  const outcome = await patchObject(core, call, patch, options);
  sendOutcome(core, exchange, call, outcome, output);
}
