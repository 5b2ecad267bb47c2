/** From a parsed request to the verb that serves it. */
import { apiError } from '../../kernel/status.ts';
import type { ConnectSubresource, Verb } from '../../resources/define.ts';
import type { Call, Core } from '../core.ts';
import type { Exchange } from '../exchange.ts';
import { serveAction, serveConnect, serveReview, serveScale } from '../subresources/index.ts';
import { serveCreate } from '../verbs/http/create.ts';
import { serveDelete, serveDeleteCollection } from '../verbs/http/delete.ts';
import { serveGet } from '../verbs/http/get.ts';
import { serveList } from '../verbs/http/list.ts';
import { servePatch } from '../verbs/http/patch.ts';
import { serveUpdate } from '../verbs/http/update.ts';
import { sendNotFound } from './plain-text.ts';
import type { Resource } from './registry.ts';
import type { RequestInfo } from './request-info.ts';

type Face = (core: Core, exchange: Exchange, call: Call) => Promise<void> | void;

const faces: Readonly<Record<Verb, Face>> = {
  get: serveGet,
  list: serveList,
  watch: serveList,
  create: serveCreate,
  update: serveUpdate,
  patch: servePatch,
  delete: serveDelete,
  deletecollection: serveDeleteCollection,
};

const isVerb = (verb: string): verb is Verb => verb in faces;

/** Verbs of the path of one object, of a collection, and of a collection over all namespaces. */
const objectVerbs = new Set<Verb>(['get', 'update', 'patch', 'delete']);
const collectionVerbs = new Set<Verb>(['list', 'watch', 'create', 'deletecollection']);
const everywhereVerbs = new Set<Verb>(['list', 'watch']);
/** Collection verbs that may carry a name, out of a field selector. */
const selectingVerbs = new Set(['list', 'watch', 'deletecollection']);

/** Serves a resource request. Throws StatusError. */
export function dispatch(core: Core, exchange: Exchange): Promise<void> | void {
  const { info, request } = exchange;
  const resource = core.registry.find(info.group, info.version, info.resource);
  if (!resource) {
    if (core.registry.hasGroup(info.group)) throw apiError.unknownPath();
    return sendNotFound(exchange);
  }
  const ownNamespace = info.resource === 'namespaces' && info.group === '';
  if (!resource.namespaced && info.namespace !== '' && !ownNamespace) throw apiError.unknownPath();
  const call = callOf(exchange, resource);
  const subresource = resource.subresources.get(info.subresource);
  if (subresource?.type === 'connect') return connect(core, exchange, call, subresource);
  if (info.subresource !== '') return dispatchSubresource(core, exchange, call);

  const verbs = routeVerbs(resource, info);
  if (verbs.length === 0) throw apiError.unknownPath();
  const isMisused = request.method === 'HEAD' || (info.watchPrefix && request.method !== 'GET');
  if (isMisused || !isVerb(info.verb) || !verbs.includes(info.verb)) throw apiError.methodNotAllowed();
  if (resource.definition.deprecation) exchange.warn(resource.definition.deprecation);
  checkPathName(info);
  if (resource.base.review) return serveReview(core, exchange, call);
  return faces[info.verb](core, exchange, call);
}

/** What the resource serves on the request's path; nothing = there is no such path. */
function routeVerbs(resource: Resource, info: RequestInfo): Verb[] {
  const isObject = info.name !== '' && !selectingVerbs.has(info.verb);
  const isEverywhere = resource.namespaced && info.namespace === '';
  if (isObject && isEverywhere) return [];
  const routed = isObject ? objectVerbs : isEverywhere ? everywhereVerbs : collectionVerbs;
  return resource.definition.verbs.filter((verb) => routed.has(verb));
}

/** Refuses names that could never be one segment of a path. */
function checkPathName({ name }: RequestInfo): void {
  if (name.includes('/')) throw apiError.unknownPath();
  const problem = name === '.' || name === '..' ? `may not be '${name}'` : name.includes('%') && "may not contain '%'";
  if (problem) throw apiError.badRequest(`Name parameter invalid: ${JSON.stringify(name)}: ${problem}`);
}

function callOf(exchange: Exchange, resource: Resource): Call {
  const { info } = exchange;
  return {
    user: exchange.user,
    resource,
    subresource: info.subresource,
    namespace: resource.namespaced ? info.namespace : '',
    name: info.name,
    userAgent: exchange.userAgent,
    warn: exchange.warn,
  };
}

function dispatchSubresource(core: Core, exchange: Exchange, call: Call): Promise<void> | void {
  const { verb } = exchange.info;
  const subresource = call.resource.subresources.get(call.subresource);
  if (!subresource || (call.resource.namespaced && call.namespace === '')) throw apiError.unknownPath();
  if (exchange.info.subpath.length > 0) throw apiError.unknownPath();
  const verbs: readonly Verb[] = subresource.verbs;
  if (!isVerb(verb) || exchange.request.method === 'HEAD' || !verbs.includes(verb)) throw apiError.methodNotAllowed();
  switch (subresource.type) {
    case 'scale':
      return serveScale(core, exchange, call, subresource, verb);
    case 'action':
      return serveAction(core, exchange, call, subresource);
    default:
      return faces[verb](core, exchange, call);
  }
}

/** Streams and proxies take HEAD and OPTIONS too: they hand the request on. */
function connect(core: Core, exchange: Exchange, call: Call, subresource: ConnectSubresource): Promise<void> {
  const { info, request } = exchange;
  if (call.resource.namespaced && call.namespace === '') throw apiError.unknownPath();
  const handsOn = call.subresource === 'proxy' && (request.method === 'HEAD' || request.method === 'OPTIONS');
  if (!handsOn && !(subresource.verbs as readonly string[]).includes(info.verb)) throw apiError.methodNotAllowed();
  return serveConnect(core, exchange, call, subresource);
}
