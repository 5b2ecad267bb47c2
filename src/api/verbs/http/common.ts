/** What the HTTP faces of the verbs share. */
import { apiError } from '../../../kernel/status.ts';
import type { KubeObject } from '../../../schema/object.ts';
import type { Call, Core } from '../../core.ts';
import type { Exchange } from '../../exchange.ts';
import { AbortedError, BodyTooLargeError } from '../../http/types.ts';
import {
  decodeBody,
  entrySource,
  mediaOfBody,
  negotiate,
  objectSource,
  type Offer,
  type Output,
  sendObject,
  type Source,
} from '../../negotiation/index.ts';
import type { Resource } from '../../routing/index.ts';
import type { Outcome } from '../commit.ts';
import type { WriteOptions } from '../options.ts';

/** What a resource can be answered as. */
export const offerOf = (resource: Resource): Offer => ({
  table: resource.stored !== undefined && resource.base.columns.length > 0,
  partial: resource.stored !== undefined,
  protobuf: true,
});

export const plainOffer: Offer = { table: false, partial: false, protobuf: true };

export const outputOf = (exchange: Exchange, offer: Offer): Output =>
  negotiate(exchange.request.header('accept'), exchange.query, exchange.userAgent, offer);

/** The whole request body. Throws RequestEntityTooLarge. */
export async function readBody(core: Core, exchange: Exchange): Promise<Uint8Array> {
  try {
    return await exchange.request.body();
  } catch (error) {
    if (error instanceof BodyTooLargeError) {
      throw apiError.requestEntityTooLarge(`limit is ${core.budget.requestBodyBytes}`);
    }
    if (error instanceof AbortedError) throw apiError.badRequest('the client closed the request');
    throw error;
  }
}

/** Decodes the body as the resource's kind. */
export async function readObject(
  core: Core,
  exchange: Exchange,
  call: Call,
  options: WriteOptions,
  offer: Offer,
): Promise<KubeObject> {
  const media = mediaOfBody(exchange.request.header('content-type'), offer);
  const body = await readBody(core, exchange);
  return decodeBody(core, body, media, {
    message: call.resource.definition.message,
    gvk: call.resource.gvk,
    fieldValidation: options.fieldValidation,
    warn: call.warn,
  });
}

/** The served form of what a write left. */
export function outcomeSource(core: Core, resource: Resource, outcome: Outcome): Source {
  if ('entry' in outcome) return entrySource(core, resource, outcome.entry);
  const { definition, gvk } = resource;
  const object = definition.view ? definition.view.fromStorage(outcome.object) : outcome.object;
  return objectSource(core, definition.message, gvk, object);
}

export function sendOutcome(core: Core, exchange: Exchange, call: Call, outcome: Outcome, output: Output): void {
  const status = outcome.created ? 201 : 200;
  sendObject(core, exchange, status, call.resource, outcomeSource(core, call.resource, outcome), output);
}
