import { apiError, type FieldError, fieldError, sameJson } from '../../kernel/index.ts';
import type { HookContext, ObjectSubresource } from '../../resources/define.ts';
import type { KubeObject } from '../../schema/object.ts';
import { type Entry, HeadMovedError } from '../../store/types.ts';
import type { Call, Core } from '../core.ts';
import { trackUpdate } from '../fields.ts';
import { copyOf } from '../objects.ts';
import { toServed, toStored } from '../views.ts';
import { admit, hookContext, optionsObject, validateAdmission } from './admission.ts';
import { authorize } from './authorize.ts';
import { bytesOf, commit, type Outcome, unchangedHead, withAllocation } from './commit.ts';
import { insertObject } from './create.ts';
import { finishDeletion, hasFinalizers } from './delete-now.ts';
import { checkName, dedupOwners, ensureNamespace } from './meta.ts';
import { validateFinalizerDomains, validateMeta, validateMetaUpdate } from './object-meta.ts';
import { managerName, revisionOf, type WriteOptions } from './options.ts';

/** Rounds of evaluate-and-write before a write that keeps losing the race is answered with a conflict. */
const attemptLimit = 32;

/** How one kind of update makes the next object. Everything after that is common. */
export interface UpdatePlan {
  kind: 'UpdateOptions' | 'PatchOptions';
  /** The next object in served form, fresh; `current` is frozen, undefined when the object does not exist. */
  next(current: KubeObject | undefined): KubeObject | Promise<KubeObject>;
  /** UID that the object must have; '' = any. */
  uid: string;
  /** Creates what does not exist, even if the kind's PUT does not. */
  createMissing: boolean;
}

/** PUT. `body` is in its served form with the table's defaults. */
export async function updateObject(core: Core, call: Call, body: KubeObject, options: WriteOptions): Promise<Outcome> {
  ensureNamespace(call, body);
  checkName(call, body);
  dedupOwners(call, body.metadata, false);
  const manager = managerName(options, call.userAgent);
  return applyUpdate(core, call, options, {
    kind: 'UpdateOptions',
    uid: body.metadata.uid ?? '',
    createMissing: call.subresource === '' && call.resource.definition.allowCreateOnUpdate === true,
    next: (current) => {
      const next = copyOf(body);
      call.resource.definition.default?.(next);
      return trackUpdate(core, call, current, next, manager);
    },
  });
}

/** Evaluates `plan` against the newest state until the write fits. */
export async function applyUpdate(core: Core, call: Call, options: WriteOptions, plan: UpdatePlan): Promise<Outcome> {
  for (let attempt = 0; attempt < attemptLimit; attempt++) {
    try {
      return await attemptUpdate(core, call, options, plan);
    } catch (error) {
      if (!(error instanceof HeadMovedError)) throw error;
    }
  }
  throw apiError.modified(call.resource.qualified, call.name);
}

async function attemptUpdate(core: Core, call: Call, options: WriteOptions, plan: UpdatePlan): Promise<Outcome> {
  const { qualified, stored } = call.resource;
  const head = core.store.head(stored!, call.namespace, call.name);
  if (!head && !plan.createMissing) throw apiError.notFound(qualified, call.name);
  const previous = head && core.store.object(head);
  checkUid(core, call, plan.uid, previous);
  const current = previous && toServed(core, call.resource, previous);
  const next = await plan.next(current);
  ensureNamespace(call, next);
  await admitUpdate(core, call, options, plan, next, current);
  dedupOwners(call, next.metadata, true);
  if (!head || !previous) {
    authorize(core, call, 'create');
    return insertObject(core, call, next, options);
  }
  const object = toStored(core, call.resource, next);
  checkRevision(call, object, head);
  return replace(core, call, options, plan, { head, previous, object });
}

function checkUid(core: Core, call: Call, uid: string, previous: KubeObject | undefined): void {
  const found = previous?.metadata.uid ?? '';
  if (uid === '' || uid === found) return;
  const key = `/registry/${call.resource.stored!.path}/${call.namespace ? `${call.namespace}/` : ''}${call.name}`;
  core.log.debug('update refused by its UID', { key });
  throw apiError.conflict(
    call.resource.qualified,
    call.name,
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${uid}, UID in object meta: ${found}`,
  );
}

async function admitUpdate(
  core: Core,
  call: Call,
  options: WriteOptions,
  plan: UpdatePlan,
  object: KubeObject,
  oldObject: KubeObject | undefined,
): Promise<void> {
  await admit(core, call, {
    operation: oldObject ? 'UPDATE' : 'CREATE',
    name: call.name,
    object,
    ...(oldObject && { oldObject }),
    options: optionsObject(oldObject ? plan.kind : 'CreateOptions', options),
    dryRun: options.dryRun,
  });
}

/** Optimistic concurrency: the object's resourceVersion must be the head's, or absent where that is allowed. */
function checkRevision(call: Call, object: KubeObject, head: Entry): void {
  const { qualified, base } = call.resource;
  const revision = revisionOf(object);
  if (revision === 0) {
    if (base.requiresResourceVersion) throw apiError.invalid(qualified, call.name, [revisionMissing]);
    object.metadata.resourceVersion = String(head.revision);
  } else if (revision !== head.revision) {
    throw apiError.modified(qualified, call.name);
  }
}

const revisionMissing = fieldError.invalid(['metadata', 'resourceVersion'], 0, 'must be specified for an update');

interface Change {
  head: Entry;
  previous: KubeObject;
  object: KubeObject;
}

async function replace(
  core: Core,
  call: Call,
  options: WriteOptions,
  plan: UpdatePlan,
  change: Change,
): Promise<Outcome> {
  const { base } = call.resource;
  const { head, previous } = change;
  const context = hookContext(core, call, options.dryRun);
  const object = prepare(call, change.object, previous, context);
  checkUpdate(core, call, object, previous);
  for (const text of base.warnings?.(object, previous) ?? []) call.warn(text);
  keepTimestamps(object, previous);
  await validateAdmission(core, call, {
    operation: 'UPDATE',
    name: call.name,
    object,
    oldObject: previous,
    options: optionsObject(plan.kind, options),
    dryRun: options.dryRun,
  });
  if (goesNow(object, previous)) {
    if (!options.dryRun) await finishDeletion(core, call, head, context);
    return { created: false, object };
  }
  // Only the main resource allocates: what a subresource leaves alone is shared with `previous`, which is frozen.
  const allocation = call.subresource === '' ? await base.allocate?.(object, previous, context) : undefined;
  return withAllocation(core, allocation, () => write(core, call, options, { head, previous, object }));
}

/** Strategy of an update: what this request may not change comes from `previous`. */
function prepare(call: Call, next: KubeObject, previous: KubeObject, context: HookContext): KubeObject {
  const { base } = call.resource;
  const subresource = objectSubresource(call);
  let object = next;
  object.metadata.generation = previous.metadata.generation!;
  if (previous.metadata.generation === undefined) delete object.metadata.generation;
  if (subresource) {
    const merged = subresource.merge(object, previous, context);
    object = { ...merged, metadata: { ...merged.metadata } };
  } else {
    keepStatus(call, object, previous);
    base.prepareForUpdate?.(object, previous, context);
  }
  keepSystemFields(object, previous);
  bumpGeneration(call, object, previous);
  return object;
}

const objectSubresource = (call: Call): ObjectSubresource | undefined => {
  const subresource = call.resource.subresources.get(call.subresource);
  return subresource?.type === 'object' ? subresource : undefined;
};

function keepStatus(call: Call, object: KubeObject, previous: KubeObject): void {
  const target = object as unknown as Record<string, unknown>;
  const source = previous as unknown as Record<string, unknown>;
  for (const name of call.resource.statusFields) {
    if (source[name] === undefined) delete target[name];
    else target[name] = copyOf(source[name]);
  }
}

function keepSystemFields(object: KubeObject, previous: KubeObject): void {
  const next = object.metadata;
  const old = previous.metadata;
  if (!next.uid && old.uid) next.uid = old.uid;
  if (old.creationTimestamp) next.creationTimestamp = old.creationTimestamp;
  if (old.deletionTimestamp) next.deletionTimestamp = old.deletionTimestamp;
  if (old.deletionGracePeriodSeconds !== undefined && next.deletionGracePeriodSeconds === undefined) {
    next.deletionGracePeriodSeconds = old.deletionGracePeriodSeconds;
  }
  delete next.selfLink;
}

function bumpGeneration(call: Call, object: KubeObject, previous: KubeObject): void {
  const rule = call.resource.base.generation;
  if (!rule || call.subresource === 'status') return;
  const changed = typeof rule === 'function' ? rule(object, previous) : !sameSpec(call, object, previous);
  if (changed) object.metadata.generation = (previous.metadata.generation ?? 0) + 1;
}

function sameSpec(call: Call, a: KubeObject, b: KubeObject): boolean {
  const ignored = new Set(['metadata', 'kind', 'apiVersion', ...call.resource.statusFields]);
  const left = a as unknown as Record<string, unknown>;
  const right = b as unknown as Record<string, unknown>;
  for (const name of new Set([...Object.keys(left), ...Object.keys(right)])) {
    if (!ignored.has(name) && !sameJson(left[name], right[name])) return false;
  }
  return true;
}

function checkUpdate(core: Core, call: Call, object: KubeObject, previous: KubeObject): void {
  const { base, namespaced, qualifiedKind } = call.resource;
  // Twice, as upstream: the registry looks and the kind's strategy looks again. Clients see it in the causes.
  const changes = [...validateMetaUpdate(object.metadata, previous.metadata)];
  const errors = [
    ...validateMeta(object.metadata, namespaced, base.validateName),
    ...(base.anyFinalizer ? [] : validateFinalizerDomains(object.metadata.finalizers)),
    ...changes,
    ...changes,
    ...ownErrors(core, call, object, previous),
  ];
  if (errors.length > 0) throw apiError.invalid(qualifiedKind, object.metadata.name ?? call.name, errors);
}

/** The kind's rules; a view has rules of its own, on its own form. */
function ownErrors(core: Core, call: Call, object: KubeObject, previous: KubeObject): Iterable<FieldError> {
  const { base, definition } = call.resource;
  const subresource = objectSubresource(call);
  if (subresource) return subresource.validateUpdate?.(object, previous) ?? [];
  const next = toServed(core, call.resource, object);
  return [
    ...(definition.validate?.(next) ?? base.validate?.(object) ?? []),
    ...(definition.validateUpdate?.(next, toServed(core, call.resource, previous)) ??
      base.validateUpdate?.(object, previous) ??
      []),
  ];
}

/** An update that only moves the times of managedFields is no change. */
function keepTimestamps(object: KubeObject, previous: KubeObject): void {
  const next = object.metadata.managedFields;
  const old = previous.metadata.managedFields;
  if (!next || !old || next.length !== old.length) return;
  const untimed = (fields: typeof next): unknown => fields.map((entry) => ({ ...entry, time: undefined }));
  if (!sameJson(untimed(next), untimed(old))) return;
  const bare = (of: KubeObject): unknown => ({
    ...of,
    metadata: { ...of.metadata, managedFields: undefined, resourceVersion: undefined },
  });
  if (sameJson(bare(object), bare(previous))) object.metadata.managedFields = copyOf(old);
}

/** True when this update takes the last finalizer off an object whose deletion waited for it. */
function goesNow(object: KubeObject, previous: KubeObject): boolean {
  if (hasFinalizers(object) || !previous.metadata.deletionTimestamp) return false;
  return !previous.metadata.deletionGracePeriodSeconds;
}

async function write(core: Core, call: Call, options: WriteOptions, change: Change): Promise<Outcome> {
  const { head, previous, object } = change;
  const bytes = bytesOf(core, call, object);
  const unchanged = await unchangedHead(core, head, bytes);
  if (unchanged) return { created: false, entry: unchanged };
  if (options.dryRun) return { created: false, object };
  const entry = await commit(core, call, call.name, {
    operation: 'put',
    expectedRevision: head.revision,
    bytes,
    durability: call.resource.base.isSoft?.(object, previous) ? 'soft' : 'hard',
    essential: call.subresource === 'status',
  });
  return { created: false, entry };
}
