/** The way of a request: identity, authorization, limits, then the verb or the path handler. */
import { apiError, StatusError } from '../kernel/status.ts';
import { HttpTrail } from './audit/index.ts';
import type { Core } from './core.ts';
import { deadlineExceeded, deadlineOf } from './deadline.ts';
import { Exchange } from './exchange.ts';
import { Flows } from './flow.ts';
import type { HttpHandler, HttpRequest, HttpResponse } from './http/types.ts';
import { InFlight, isLongRunning } from './in-flight.ts';
import { sendError } from './negotiation/index.ts';
import { dispatch } from './routing/dispatch.ts';
import { parseRequestInfo, sendNotFound, sendText } from './routing/index.ts';
import type { PathRouter } from './routing/index.ts';
import type { AccessAttributes, Authenticator, UserInfo } from './types.ts';
import { forbidden } from './verbs/authorize.ts';

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

  const serve = async (exchange: Exchange, trail: HttpTrail | undefined): Promise<void> => {
    const { info } = exchange;
    const limitMs = isLongRunning(info) ? undefined : deadlineOf(exchange.query);
    exchange.user = await identify(parts, exchange, trail);
    exchange.flow = flows.headersFor(exchange.user);
    const leave = inFlight.enter(info, exchange.user.groups);
    if (!leave) return sendText(exchange, 429, tooManyRequests, [['Retry-After', '1']]);
    try {
      authorize(core, exchange, trail);
      exchange.admitted = true;
      const work = info.isResource ? dispatch(core, exchange) : servePath(parts.paths, exchange);
      if (work) await (limitMs === undefined ? work : within(limitMs, work, exchange, trail));
    } finally {
      leave();
    }
  };

  /** What takes too long is answered without it, and counts as in flight until it has ended. */
  const within = async (
    limitMs: number,
    work: Promise<void>,
    exchange: Exchange,
    trail: HttpTrail | undefined,
  ): Promise<void> => {
    const timer = core.clock.after(limitMs, () => fail(core, exchange, deadlineExceeded(), trail));
    try {
      await work;
    } finally {
      timer.cancel();
    }
  };

  return (request, response) => {
    const trail = core.audit && new HttpTrail(core.audit, core.clock, request, response);
    const exchange = exchangeOf(request, trail ?? response);
    trail?.parsed(exchange, targetOf(exchange));
    const served = serve(exchange, trail).catch((error: unknown) => fail(core, exchange, error, trail));
    if (trail) void served.then(() => trail.settled());
  };
}

function exchangeOf(request: HttpRequest, response: HttpResponse): Exchange {
  const query = new URLSearchParams(request.query);
  return new Exchange(request, response, query, parseRequestInfo(request.method, request.path, query));
}

function authorize(core: Core, exchange: Exchange, trail: HttpTrail | undefined): void {
  const attributes = attributesOf(exchange, exchange.user);
  const decision = core.authorizer.authorize(attributes);
  trail?.decided(decision);
  if (!decision.allowed) throw forbidden(attributes, decision.reason);
}

async function identify(parts: PipelineParts, exchange: Exchange, trail: HttpTrail | undefined): Promise<UserInfo> {
  const { request } = exchange;
  const found = parts.authenticator.authenticate(request);
  const user = found instanceof Promise ? await found : found;
  if (!user) throw apiError.unauthorized();
  trail?.authenticated(user);
  const acting = parts.impersonate(user, request.headers(), attributesOf(exchange, user));
  trail?.actsAs(acting);
  return acting;
}

const attributesOf = (exchange: Exchange, user: UserInfo): AccessAttributes => ({ user, ...targetOf(exchange) });

function targetOf({ info }: Exchange): Omit<AccessAttributes, 'user'> {
  if (!info.isResource) return { verb: info.verb, path: info.path };
  return {
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

function fail(core: Core, exchange: Exchange, error: unknown, trail: HttpTrail | undefined): void {
  try {
    trail?.failed(error);
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
