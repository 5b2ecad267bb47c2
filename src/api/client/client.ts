/** The in-process Client: below TLS and authentication, above everything else. Reads hand out the cache's objects. */
import type {
  Client,
  DeleteOptions,
  ListOptions,
  ListResult,
  PatchType,
  ResourceRef,
  Watch,
  WatchHandler,
  WatchOptions,
  WriteOptions,
} from '../../client/types.ts';
import { apiError } from '../../kernel/status.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { Entry } from '../../store/types.ts';
import { keepReset } from '../apply/index.ts';
import type { Call, Core } from '../core.ts';
import { utf8 } from '../negotiation/index.ts';
import { copyOf, decodeObject } from '../objects.ts';
import { nameOf, type Resource } from '../routing/index.ts';
import { runAction, runReview, type Scale, scaleOf, scaleTarget, updateScale } from '../subresources/index.ts';
import type { UserInfo } from '../types.ts';
import { toServed } from '../views.ts';
import { requireAccess } from '../verbs/authorize.ts';
import type { Outcome } from '../verbs/commit.ts';
import { createObject } from '../verbs/create.ts';
import { deleteObject } from '../verbs/delete.ts';
import { deleteCollection } from '../verbs/delete-collection.ts';
import { getEntry } from '../verbs/get.ts';
import { listEntries } from '../verbs/list.ts';
import {
  checkListOptions,
  type ListOptions as ParsedListOptions,
  type WriteOptions as ParsedWriteOptions,
} from '../verbs/options.ts';
import { patchObject, type Patch } from '../verbs/patch.ts';
import { updateObject } from '../verbs/update.ts';
import { raced } from './raced.ts';
import { startWatch } from './watch.ts';

export class InProcessClient implements Client {
  readonly #core: Core;
  readonly #user: UserInfo;
  /** Field manager when a write names none: the last part of the user's name. */
  readonly #manager: string;

  constructor(core: Core, user: UserInfo) {
    this.#core = core;
    this.#user = user;
    this.#manager = user.name.slice(user.name.lastIndexOf(':') + 1);
  }

  async get<T extends KubeObject>(ref: ResourceRef, name: string, namespace = ''): Promise<T> {
    const call = this.#call(ref, 'get', namespace, name);
    return this.#served(call.resource, await getEntry(this.#core, call, '')) as T;
  }

  async list<T extends KubeObject>(ref: ResourceRef, options: ListOptions = {}): Promise<ListResult<T>> {
    const call = this.#collectionCall(ref, 'list', options);
    using list = await listEntries(this.#core, call, listOptions(options, false));
    const items = list.entries.map((entry) => this.#served(call.resource, entry) as T);
    const { resourceVersion, continue: next } = list.meta;
    return { items, resourceVersion, ...(next && { continue: next }) };
  }

  watch<T extends KubeObject>(ref: ResourceRef, options: WatchOptions, handler: WatchHandler<T>): Watch {
    const call = this.#collectionCall(ref, 'watch', options);
    const parsed = listOptions(options, true);
    return startWatch(this.#core, call, parsed, handler as WatchHandler<KubeObject>, (entry) =>
      this.#served(call.resource, entry),
    );
  }

  async create<T extends KubeObject, R = T>(
    ref: ResourceRef,
    object: T,
    options: WriteOptions & { namespace?: string; name?: string } = {},
  ): Promise<R> {
    const namespace = options.namespace ?? object.metadata?.namespace ?? '';
    const name = options.subresource ? (options.name ?? '') : '';
    const call = this.#call(ref, 'create', namespace, name, options.subresource);
    const write = this.#writeOptions(options);
    return raced(this.#core, call, name || (object.metadata?.name ?? ''), async () => {
      if (options.subresource) return (await this.#act(call, object, write)) as unknown as R;
      if (call.resource.base.review) return (await runReview(this.#core, call, copyOf(object), write)) as unknown as R;
      const outcome = await createObject(this.#core, call, this.#normal(call.resource, object), write);
      return this.#result(call.resource, outcome) as unknown as R;
    });
  }

  async update<T extends KubeObject>(ref: ResourceRef, object: T, options: WriteOptions = {}): Promise<T> {
    const { name = '', namespace = '' } = object.metadata;
    const call = this.#call(ref, 'update', namespace, name, options.subresource);
    const write = this.#writeOptions(options);
    const subresource = call.resource.subresources.get(call.subresource);
    return raced(this.#core, call, name, async () => {
      if (subresource?.type === 'scale') {
        const outcome = await updateScale(this.#core, call, subresource, copyOf(object) as Scale, write);
        return scaleOf(subresource, this.#result(call.resource, outcome)) as KubeObject as T;
      }
      const outcome = await updateObject(this.#core, call, this.#normal(call.resource, object), write);
      return this.#result(call.resource, outcome) as T;
    });
  }

  async patch<T extends KubeObject>(
    ref: ResourceRef,
    name: string,
    type: PatchType,
    body: unknown,
    options: WriteOptions & { namespace?: string } = {},
  ): Promise<T> {
    const call = this.#call(ref, 'patch', options.namespace ?? '', name, options.subresource);
    const patch: Patch = { type, body, problems: [] };
    const subresource = call.resource.subresources.get(call.subresource);
    const write = this.#writeOptions(options);
    return raced(this.#core, call, name, async () => {
      if (subresource?.type === 'scale') {
        const outcome = await patchObject(this.#core, call, patch, write, scaleTarget(this.#core, call, subresource));
        return scaleOf(subresource, this.#result(call.resource, outcome)) as KubeObject as T;
      }
      return this.#result(call.resource, await patchObject(this.#core, call, patch, write)) as T;
    });
  }

  async delete(ref: ResourceRef, name: string, options: DeleteOptions & { namespace?: string } = {}): Promise<void> {
    const { namespace = '', dryRun, ...rest } = options;
    const call = this.#call(ref, 'delete', namespace, name);
    await raced(this.#core, call, name, () =>
      deleteObject(this.#core, call, { ...rest, ...(dryRun && { dryRun: ['All'] }) }),
    );
  }

  async deleteCollection(ref: ResourceRef, selection: ListOptions, options: DeleteOptions = {}): Promise<void> {
    const { dryRun, ...rest } = options;
    const call = this.#collectionCall(ref, 'deletecollection', selection);
    const parsed = { ...rest, ...(dryRun && { dryRun: ['All'] }) };
    await deleteCollection(this.#core, call, listOptions(selection, false), parsed, () => {});
  }

  /** A selection of one name is a question of that name, as over HTTP. */
  #collectionCall(ref: ResourceRef, verb: string, { namespace = '', fieldSelector }: ListOptions): Call {
    const selected = fieldSelector ? nameOf(fieldSelector) : '';
    return { ...this.#call(ref, verb, namespace, selected), name: '' };
  }

  /** Finds the resource and asks for permission. */
  #call(ref: ResourceRef, verb: string, namespace: string, name: string, subresource = ''): Call {
    const resource = this.#core.registry.find(ref.group, ref.version, ref.resource);
    if (!resource) throw apiError.unknownPath();
    requireAccess(this.#core.authorizer, {
      user: this.#user,
      verb,
      group: ref.group,
      version: ref.version,
      resource: ref.resource,
      subresource,
      namespace: resource.namespaced ? namespace : '',
      name,
    });
    return {
      user: this.#user,
      resource,
      subresource,
      namespace: resource.namespaced ? namespace : '',
      name,
      userAgent: this.#manager,
      warn: (text) => this.#core.log.debug('warning for an in-process client', { user: this.#user.name, text }),
    };
  }

  #writeOptions(options: WriteOptions): ParsedWriteOptions {
    return {
      dryRun: options.dryRun ?? false,
      fieldManager: options.fieldManager ?? this.#manager,
      fieldValidation: 'Ignore',
      force: options.force,
    };
  }

  async #act(call: Call, body: KubeObject, options: ParsedWriteOptions): Promise<KubeObject> {
    const subresource = call.resource.subresources.get(call.subresource);
    if (subresource?.type !== 'action') throw apiError.methodNotSupported(call.resource.qualified, 'create');
    return runAction(this.#core, call, subresource, body, options);
  }

  /** A copy in canonical form with the table's defaults, as a decoded body has it. */
  #normal(resource: Resource, object: KubeObject): KubeObject {
    const { message } = resource.definition;
    const json = utf8(JSON.stringify(object));
    const { bytes } = this.#core.codec.fromJson(message, json, { defaults: true, gvk: resource.gvk });
    return keepReset(decodeObject(this.#core.codec, message, bytes, resource.gvk), object);
  }

  #served(resource: Resource, entry: Entry): KubeObject {
    return toServed(this.#core, resource, this.#core.store.object(entry));
  }

  #result(resource: Resource, outcome: Outcome): KubeObject {
    if ('entry' in outcome) return this.#served(resource, outcome.entry);
    return toServed(this.#core, resource, outcome.object);
  }
}

function listOptions(options: WatchOptions, watch: boolean): ParsedListOptions {
  const initial = watch && options.sendInitialEvents !== undefined;
  return checkListOptions({
    labelSelector: options.labelSelector ?? '',
    fieldSelector: options.fieldSelector ?? '',
    resourceVersion: options.resourceVersion ?? '',
    resourceVersionMatch: initial ? 'NotOlderThan' : '',
    limit: options.limit ?? 0,
    continue: options.continue ?? '',
    watch,
    allowWatchBookmarks: false,
    sendInitialEvents: watch ? options.sendInitialEvents : undefined,
    timeoutSeconds: undefined,
  });
}
