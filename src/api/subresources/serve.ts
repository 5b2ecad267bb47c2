/** HTTP faces of subresources and of create-only reviews. */
import { apiError } from '../../kernel/status.ts';
import type { ActionSubresource, ConnectSubresource, ScaleSubresource } from '../../resources/define.ts';
import type { MessageName } from '../../schema/codec.ts';
import type { KubeObject } from '../../schema/object.ts';
import { fromScaleEntries, toScaleEntries } from '../apply/index.ts';
import type { Call, Core } from '../core.ts';
import type { Exchange } from '../exchange.ts';
import { trackUpdate } from '../fields.ts';
import { decodeBody, mediaOfBody, objectSource, sendPlain, type Source, statusSource } from '../negotiation/index.ts';
import { copyOf, type Gvk } from '../objects.ts';
import { toServed } from '../views.ts';
import { resourceKey } from '../routing/index.ts';
import { admit, optionsObject, validateAdmission } from '../verbs/admission.ts';
import { authorize } from '../verbs/authorize.ts';
import type { Outcome } from '../verbs/commit.ts';
import { getEntry } from '../verbs/get.ts';
import { outputOf, plainOffer, readBody } from '../verbs/http/common.ts';
import { readPatch } from '../verbs/http/patch.ts';
import { checkName, ensureNamespace } from '../verbs/meta.ts';
import { managerName, parseWriteOptions, type WriteOptions } from '../verbs/options.ts';
import { patchObject, type PatchTarget } from '../verbs/patch.ts';
import { applyUpdate } from '../verbs/update.ts';
import { trackScale } from './scale-fields.ts';
import { type Scale, scaleGvk, scaleMessage, scaleOf, withScale } from './scale.ts';

const keyOf = (call: Call): string => {
  const { group, version, resource } = call.resource.definition;
  return resourceKey(group, version, resource);
};

async function readBodyAs(
  core: Core,
  exchange: Exchange,
  call: Call,
  message: MessageName,
  gvk: Gvk,
  options: WriteOptions,
): Promise<KubeObject> {
  const media = mediaOfBody(exchange.request.header('content-type'), plainOffer);
  const body = await readBody(core, exchange);
  return decodeBody(core, body, media, { message, gvk, fieldValidation: options.fieldValidation, warn: call.warn });
}

/** The served form of the parent after a write. */
function servedObject(core: Core, call: Call, outcome: Outcome): KubeObject {
  const object = 'entry' in outcome ? core.store.object(outcome.entry) : outcome.object;
  return toServed(core, call.resource, object);
}

/** GET, PUT and PATCH of /scale. */
export async function serveScale(
  core: Core,
  exchange: Exchange,
  call: Call,
  subresource: ScaleSubresource,
  verb: string,
): Promise<void> {
  const output = outputOf(exchange, plainOffer);
  let object: KubeObject;
  if (verb === 'get') {
    const entry = await getEntry(core, call, exchange.query.get('resourceVersion') ?? '');
    object = servedObject(core, call, { created: false, entry });
  } else if (verb === 'update') {
    const options = parseWriteOptions(exchange.query, 'UpdateOptions');
    const scale = (await readBodyAs(core, exchange, call, scaleMessage, scaleGvk, options)) as Scale;
    scale.metadata ??= {};
    ensureNamespace(call, scale);
    checkName(call, scale);
    object = servedObject(core, call, await updateScale(core, call, subresource, scale, options));
  } else {
    const { patch, options } = await readPatch(core, exchange);
    const target = scaleTarget(core, call, subresource);
    object = servedObject(core, call, await patchObject(core, call, patch, options, target));
  }
  sendPlain(exchange, 200, objectSource(core, scaleMessage, scaleGvk, scaleOf(subresource, object)), output);
}

/** PUT of a Scale onto its object. */
export function updateScale(
  core: Core,
  call: Call,
  subresource: ScaleSubresource,
  scale: Scale,
  options: WriteOptions,
): Promise<Outcome> {
  const manager = managerName(options, call.userAgent);
  return applyUpdate(core, call, options, {
    kind: 'UpdateOptions',
    uid: '',
    createMissing: false,
    next: (current) =>
      trackScale(
        core,
        call,
        withScale(call, subresource, current!, scale),
        scaleOf(subresource, current!),
        scale,
        manager,
      ),
  });
}

/** Patches meet the Scale, not the object. */
export const scaleTarget = (core: Core, call: Call, subresource: ScaleSubresource): PatchTarget => ({
  message: scaleMessage,
  gvk: scaleGvk,
  read: (current) => current && scaleOf(subresource, current),
  write: (current, patched) => withScale(call, subresource, current!, patched as Scale),
  track: (next, current, patched, manager) =>
    trackScale(core, call, next, scaleOf(subresource, current), patched as Scale, manager),
  fields: (parent) => toScaleEntries(parent, call.resource.gvk.apiVersion),
  parentFields: (parent, own) => fromScaleEntries(parent, call.resource.gvk.apiVersion, own),
});

/** POST of a body that acts on its parent: token, binding, eviction. */
export async function serveAction(
  core: Core,
  exchange: Exchange,
  call: Call,
  subresource: ActionSubresource,
): Promise<void> {
  const output = outputOf(exchange, plainOffer);
  const options = parseWriteOptions(exchange.query, 'CreateOptions');
  const body = await readBodyAs(core, exchange, call, subresource.message, subresource.gvk, options);
  const result = await runAction(core, call, subresource, body, options);
  sendPlain(exchange, 201, resultSource(core, subresource, result), output);
}

/** Some answer with a Status, some with what was posted, filled in. */
function resultSource(core: Core, posted: { message: MessageName; gvk: Gvk }, result: KubeObject): Source {
  return result.kind === 'Status'
    ? statusSource(core, { ...result, code: 201 })
    : objectSource(core, posted.message, posted.gvk, result);
}

/** Admission and the handler that `cli` wired. Throws NotFound when there is none. */
export async function runAction(
  core: Core,
  call: Call,
  subresource: ActionSubresource,
  body: KubeObject,
  options: WriteOptions,
): Promise<KubeObject> {
  if (!core.store.head(call.resource.stored!, call.namespace, call.name)) {
    throw apiError.notFound(call.resource.qualified, call.name);
  }
  const handler = core.actions.get(`${keyOf(call)}/${call.subresource}`);
  if (!handler) throw apiError.unknownPath();
  const object = copyOf(body);
  object.metadata ??= {};
  ensureNamespace(call, object);
  const subject = {
    operation: 'CREATE',
    name: call.name,
    object,
    options: optionsObject('CreateOptions', options),
    dryRun: options.dryRun,
  } as const;
  await admit(core, call, subject);
  await validateAdmission(core, call, subject);
  const parent = { namespace: call.namespace, name: call.name };
  const result = await handler.act(parent, object, {
    user: call.user,
    dryRun: options.dryRun,
    client: core.systemClient,
  });
  return { ...subresource.gvk, ...result };
}

/** POST of a review: evaluated, answered, not stored. */
export async function serveReview(core: Core, exchange: Exchange, call: Call): Promise<void> {
  const output = outputOf(exchange, plainOffer);
  const options = parseWriteOptions(exchange.query, 'CreateOptions');
  const { message } = call.resource.definition;
  const { gvk } = call.resource;
  const body = await readBodyAs(core, exchange, call, message, gvk, options);
  const result = await runReview(core, call, body, options);
  sendPlain(exchange, 201, resultSource(core, { message, gvk }, result), output);
}

export async function runReview(core: Core, call: Call, body: KubeObject, options: WriteOptions): Promise<KubeObject> {
  const handler = core.reviews.get(keyOf(call));
  if (!handler) throw apiError.unknownPath();
  const object = copyOf(body);
  object.metadata ??= {};
  call.resource.definition.default?.(object);
  ensureNamespace(call, object);
  trackUpdate(core, call, undefined, object, managerName(options, call.userAgent));
  const subject = {
    operation: 'CREATE',
    name: object.metadata.name ?? '',
    object,
    options: optionsObject('CreateOptions', options),
    dryRun: options.dryRun,
  } as const;
  await admit(core, call, subject);
  await validateAdmission(core, call, subject);
  return handler.review(object, call.namespace, call.user);
}

/** Who may open these with GET (WebSockets) must be allowed to create them too, as with POST (KEP-4006, since 1.35). */
const createdByGet = new Set(['attach', 'exec', 'portforward']);

/** Streams and proxies: the handler answers by itself. What it throws is answered for it. */
export async function serveConnect(
  core: Core,
  exchange: Exchange,
  call: Call,
  subresource: ConnectSubresource,
): Promise<void> {
  if (exchange.query.has('dryRun')) throw apiError.badRequest('dryRun is not supported');
  const isProxy = call.subresource === 'proxy';
  const entry = core.store.get(call.resource.stored!, call.namespace, call.name);
  if (createdByGet.has(call.subresource) && exchange.info.verb !== 'create') authorize(core, call, 'create');
  if (!entry && !isProxy) throw apiError.notFound(call.resource.qualified, call.name);
  if (call.subresource !== 'log') await admitConnect(core, call, subresource);
  const handler = core.connects.get(`${keyOf(call)}/${call.subresource}`);
  if (!handler) throw apiError.serviceUnavailable('the server is currently unable to handle the request');
  await handler.connect({
    request: exchange.request,
    response: exchange.response,
    parent: entry && core.store.object(entry),
    namespace: call.namespace,
    name: call.name,
    path: subpathOf(exchange),
    query: exchange.query,
    user: call.user,
    headers: (contentType) => exchange.headers(contentType),
  });
}

async function admitConnect(core: Core, call: Call, { kind }: ConnectSubresource): Promise<void> {
  const subject = {
    operation: 'CONNECT',
    name: call.name,
    object: { apiVersion: 'v1', kind, metadata: {} },
    options: undefined,
    dryRun: false,
  } as const;
  await admit(core, call, subject);
  await validateAdmission(core, call, subject);
}

function subpathOf(exchange: Exchange): string {
  const { subpath } = exchange.info;
  const path = subpath.length > 0 ? `/${subpath.join('/')}` : '';
  return exchange.request.path.endsWith('/') && !path.endsWith('/') ? `${path}/` : path;
}
