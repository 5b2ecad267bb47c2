/** The way of a request: identity, authorization, limits, then the verb or the path handler. */
import { apiError, StatusError } from '../kernel/status.ts';
import type { Core } from './core.ts';
import { Exchange } from './exchange.ts';
import { Flows } from './flow.ts';
import type { HttpHandler, HttpRequest, HttpResponse } from './http/types.ts';
import { InFlight } from './in-flight.ts';
import { sendError } from './negotiation/index.ts';
import { dispatch } from './routing/dispatch.ts';
import { parseRequestInfo, sendNotFound, sendText } from './routing/index.ts';
import type { PathRouter } from './routing/index.ts';
import type { AccessAttributes, Authenticator, UserInfo } from './types.ts';
import { requireAccess } from './verbs/authorize.ts';

/**
 * Who a request acts as. Returns `user` unless the request asks for another; throws StatusError when that is refused.
 * `headers` are the request's, names in lower case; `request` is what is asked for.
 */
export type Impersonation = (
  user: UserInfo,
  headers: Iterable<readonly [string, string]>,
  request: AccessAttributes,
) => UserInfo;

export interface PipelineParts {
  core: Core;
  authenticator: Authenticator;
  impersonate: Impersonation;
  paths: PathRouter;
}

const tooManyRequests = 'Too many requests, please try again later.';

/** Makes the handler that an HTTP server calls. */
export function createPipeline(parts: PipelineParts): HttpHandler {
  const { core } = parts;
  const inFlight = new InFlight(core.budget);
  const flows = new Flows(core);

  const serve = async (exchange: Exchange): Promise<void> => {
    const { info } = exchange;
    exchange.user = await identify(parts, exchange);
    exchange.flow = flows.headersFor(exchange.user);
    const leave = inFlight.enter(info, exchange.user.groups);
    if (!leave) return sendText(exchange, 429, tooManyRequests, [['Retry-After', '1']]);
    try {
      requireAccess(core.authorizer, attributesOf(exchange, exchange.user));
      exchange.admitted = true;
      await (info.isResource ? dispatch(core, exchange) : servePath(parts.paths, exchange));
    } finally {
      leave();
    }
  };

  return (request, response) => {
    const exchange = exchangeOf(request, response);
    serve(exchange).catch((error: unknown) => fail(core, exchange, error));
  };
}

function exchangeOf(request: HttpRequest, response: HttpResponse): Exchange {
  const query = new URLSearchParams(request.query);
  return new Exchange(request, response, query, parseRequestInfo(request.method, request.path, query));
}

async function identify(parts: PipelineParts, exchange: Exchange): Promise<UserInfo> {
  const { request } = exchange;
  const found = parts.authenticator.authenticate(request);
  const user = found instanceof Promise ? await found : found;
  if (!user) throw apiError.unauthorized();
  return parts.impersonate(user, request.headers(), attributesOf(exchange, user));
}

function attributesOf({ info }: Exchange, user: UserInfo): AccessAttributes {
  if (!info.isResource) return { user, verb: info.verb, path: info.path };
  return {
    user,
    verb: info.verb,
    group: info.group,
    version: info.version,
    resource: info.resource,
    subresource: info.subresource,
    namespace: info.namespace,
    name: info.name,
  };
}

async function servePath(paths: PathRouter, exchange: Exchange): Promise<void> {
  const { request, info, user, query } = exchange;
  const handler = paths.find(info.path);
  if (!handler) return sendNotFound(exchange);
  if (handler.methods && !handler.methods.includes(request.method)) throw apiError.methodNotAllowed();
  const answer = await handler.handle({
    method: request.method,
    path: info.path,
    query,
    header: (name) => request.header(name),
    user,
  });
  exchange.send(answer.status, answer.contentType, answer.body, answer.headers ?? []);
}

function fail(core: Core, exchange: Exchange, error: unknown): void {
  try {
    if (exchange.begun) {
      if (!(error instanceof StatusError))
        core.log.error('stream failed', { path: exchange.info.path, error: String(error) });
      exchange.response.abort();
    } else {
      sendError(core, exchange, error);
    }
  } catch (failure) {
    core.log.error('error could not be answered', { path: exchange.info.path, error: String(failure) });
    exchange.response.abort();
  }
}
