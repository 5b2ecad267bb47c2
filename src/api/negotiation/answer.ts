/** Writes one object or one error. */
import { StatusError } from '../../kernel/status.ts';
import type { Core } from '../core.ts';
import type { Exchange } from '../exchange.ts';
import type { Headers } from '../http/types.ts';
import type { Resource } from '../routing/index.ts';
import { contentTypeOf, negotiateError, type Output } from './accept.ts';
import { prettyJson } from './pretty.ts';
import { checkShape, projectionFor } from './projection.ts';
import { type Source, statusSource } from './source.ts';
import { concat, envelope, fromUtf8 } from './wire.ts';
import { yamlText } from './yaml.ts';

const newline = new Uint8Array([0x0a]);

/** Sends `source` in the form that was negotiated. */
export function sendObject(
  core: Core,
  exchange: Exchange,
  status: number,
  resource: Resource,
  source: Source,
  output: Output,
): void {
  if (source.message === 'meta/v1.Status') {
    sendPlain(exchange, status, source, output);
    return;
  }
  checkShape(resource, output, 'object');
  send(exchange, status, projectionFor(core, resource, output, exchange.query).one(source), output);
}

/** Sends an object that has no projections: Scale, reviews, action results. */
export function sendPlain(exchange: Exchange, status: number, source: Source, output: Output): void {
  send(exchange, status, plain(source, output), output);
}

const plain = (source: Source, output: Output): Uint8Array =>
  output.media === 'protobuf' ? envelope(source.gvk, source.record()) : source.json();

function send(exchange: Exchange, status: number, body: Uint8Array, output: Output, extra: Headers = []): void {
  const type = contentTypeOf[output.media];
  if (output.media === 'yaml') {
    sendYaml(exchange, status, fromUtf8(body), extra).catch(() => exchange.response.abort());
  } else if (output.media === 'protobuf') {
    exchange.send(status, type, body, extra);
  } else if (output.pretty) {
    exchange.send(status, type, prettyJson(fromUtf8(body)), extra);
  } else {
    exchange.send(status, type, concat([body, newline]), extra);
  }
}

async function sendYaml(exchange: Exchange, status: number, json: string, extra: Headers): Promise<void> {
  exchange.send(status, contentTypeOf.yaml, await yamlText(json), extra);
}

/** The Status that a client sees for `error`. What is not a StatusError is a fault of ours: 500, with its text. */
export function statusOf(error: unknown): { code: number; [member: string]: unknown } {
  if (error instanceof StatusError) return { ...error.status };
  const message = error instanceof Error ? error.message : String(error);
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code: 500 };
}

/** Answers with an error's Status, in the client's encoding. */
export function sendError(core: Core, exchange: Exchange, error: unknown): void {
  if (exchange.response.closed) return;
  const status = statusOf(error);
  if (!(error instanceof StatusError)) {
    core.log.error('request failed', { path: exchange.info.path, auditId: exchange.auditId, error: String(error) });
  }
  const accept = exchange.request.header('accept');
  const output = negotiateError(accept, exchange.query, exchange.userAgent);
  const retryAfter = (status['details'] as { retryAfterSeconds?: number } | undefined)?.retryAfterSeconds;
  const extra: Headers = [
    ...(retryAfter ? ([['Retry-After', String(retryAfter)]] as const) : []),
    ...(exchange.admitted ? [] : ([['X-Content-Type-Options', 'nosniff']] as const)),
  ];
  send(exchange, status.code, plain(statusSource(core, status), output), output, extra);
}
