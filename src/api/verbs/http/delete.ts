import { apiError } from '../../../kernel/status.ts';
import type { KubeObject } from '../../../schema/object.ts';
import type { Call, Core } from '../../core.ts';
import type { Exchange } from '../../exchange.ts';
import { decodeBody, mediaOfBody, sendObject, statusSource } from '../../negotiation/index.ts';
import { type DeleteOptions, deletionStatus, deleteObject } from '../delete.ts';
import { deleteCollection } from '../delete-collection.ts';
import { optionalBoolean, optionalInteger, parseListOptions } from '../options.ts';
import { offerOf, outcomeSource, outputOf, plainOffer, readBody } from './common.ts';
import { piecesOf, sendPieces } from './send-list.ts';

/** DeleteOptions from the body, else from the query. */
async function readDeleteOptions(core: Core, exchange: Exchange): Promise<DeleteOptions> {
  const body = await readBody(core, exchange);
  if (body.length === 0) return optionsFromQuery(exchange.query);
  const media = mediaOfBody(exchange.request.header('content-type'), plainOffer);
  const decoded = await decodeBody<KubeObject & DeleteOptions>(core, body, media, {
    message: 'meta/v1.DeleteOptions',
    gvk: { apiVersion: 'meta.k8s.io/v1', kind: 'DeleteOptions' },
    fieldValidation: 'Ignore',
    warn: exchange.warn,
    options: true,
  });
  const { gracePeriodSeconds, preconditions, orphanDependents, propagationPolicy, dryRun } = decoded;
  return {
    ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
    ...(preconditions && { preconditions }),
    ...(orphanDependents !== undefined && { orphanDependents }),
    ...(propagationPolicy !== undefined && { propagationPolicy }),
    ...(dryRun && { dryRun }),
  };
}

function optionsFromQuery(query: URLSearchParams): DeleteOptions {
  const gracePeriodSeconds = optionalInteger(query, 'gracePeriodSeconds');
  const orphanDependents = optionalBoolean(query, 'orphanDependents');
  const propagationPolicy = query.get('propagationPolicy') || undefined;
  const dryRun = query.getAll('dryRun');
  return {
    ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
    ...(orphanDependents !== undefined && { orphanDependents }),
    ...(propagationPolicy !== undefined && { propagationPolicy }),
    ...(dryRun.length > 0 && { dryRun }),
  };
}

/** DELETE of one object. */
export async function serveDelete(core: Core, exchange: Exchange, call: Call): Promise<void> {
  const output = outputOf(exchange, offerOf(call.resource));
  const options = await readDeleteOptions(core, exchange);
  const outcome = await deleteObject(core, call, options);
  const status = !outcome.deleted && options.orphanDependents === false ? 202 : 200;
  const { entry, object } = outcome;
  const source = entry
    ? outcomeSource(core, call.resource, { created: false, entry })
    : object
      ? outcomeSource(core, call.resource, { created: false, object })
      : statusSource(core, deletionStatus(call, outcome.uid));
  sendObject(core, exchange, status, call.resource, source, output);
}

/** DELETE of a collection; answers with what was there. */
export async function serveDeleteCollection(core: Core, exchange: Exchange, call: Call): Promise<void> {
  const output = outputOf(exchange, offerOf(call.resource));
  const selection = parseListOptions(exchange.query);
  if (selection.watch) throw apiError.methodNotAllowed();
  const options = await readDeleteOptions(core, exchange);
  await deleteCollection(core, call, selection, options, async (page) => {
    using pieces = await piecesOf(core, exchange, call.resource, page, output);
    await sendPieces(core, exchange, pieces, output);
  });
}
