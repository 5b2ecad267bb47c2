import { apiError, type FieldError } from '../../kernel/status.ts';
import type { KubeObject } from '../../schema/object.ts';
import { HeadMovedError } from '../../store/types.ts';
import type { Call, Core } from '../core.ts';
import { trackUpdate } from '../fields.ts';
import { copyOf } from '../objects.ts';
import { toServed, toStored } from '../views.ts';
import { unknownServerError } from '../patch/index.ts';
import { admit, hookContext, optionsObject, validateAdmission } from './admission.ts';
import { bytesOf, commit, type Outcome, withAllocation } from './commit.ts';
import { dedupOwners, ensureNamespace, fillSystemFields, generateName, wipeSystemFields } from './meta.ts';
import { validateFinalizerDomains, validateMeta } from './object-meta.ts';
import { managerName, revisionProblem, type WriteOptions } from './options.ts';

const generateAttempts = 8;

/** POST of a new object. `body` is in its served form with the table's defaults, and is changed. */
export async function createObject(core: Core, call: Call, body: KubeObject, options: WriteOptions): Promise<Outcome> {
  call.resource.definition.default?.(body);
  wipeSystemFields(body.metadata);
  ensureNamespace(call, body);
  dedupOwners(call, body.metadata, false);
  const object = trackUpdate(core, call, undefined, body, managerName(options, call.userAgent));
  const optionsBody = optionsObject('CreateOptions', options);
  const name = body.metadata.name ?? '';
  await admit(core, call, { operation: 'CREATE', name, object, options: optionsBody, dryRun: options.dryRun });
  dedupOwners(call, object.metadata, true);
  return insertWithName(core, call, object, options);
}

/** Tries other names while generateName meets taken ones. */
async function insertWithName(core: Core, call: Call, object: KubeObject, options: WriteOptions): Promise<Outcome> {
  const base = object.metadata.generateName;
  const attempts = base && !object.metadata.name ? generateAttempts : 1;
  for (let attempt = 1; ; attempt++) {
    const named = attempts > 1 ? copyOf(object) : object;
    if (base && attempts > 1) named.metadata.name = generateName(base);
    try {
      return await insertObject(core, call, named, options);
    } catch (error) {
      if (!(error instanceof HeadMovedError)) throw error;
      const taken = named.metadata.name!;
      if (!base) throw alreadyExists(core, call, taken);
      if (attempt === attempts) throw apiError.generateNameConflict(call.resource.qualified, taken);
    }
  }
}

/** Prepares, checks and stores a new object that has been through mutating admission. Throws HeadMovedError. */
export async function insertObject(
  core: Core,
  call: Call,
  served: KubeObject,
  options: WriteOptions,
): Promise<Outcome> {
  const { base } = call.resource;
  const object = toStored(core, call.resource, served);
  const context = hookContext(core, call, options.dryRun);
  fillSystemFields(object.metadata, context.nowMs);
  clearServerFields(call, object);
  base.prepareForCreate?.(object, context);
  checkNew(core, call, object);
  for (const text of base.warnings?.(object, undefined) ?? []) call.warn(text);

  const name = object.metadata.name!;
  await validateAdmission(core, call, {
    operation: 'CREATE',
    name,
    object,
    options: optionsObject('CreateOptions', options),
    dryRun: options.dryRun,
  });
  // What is no number passes, as upstream.
  const revision = object.metadata.resourceVersion ?? '';
  if (!options.dryRun && !revisionProblem(revision) && Number(revision) > 0) {
    throw unknownServerError('resourceVersion should not be set on objects to be created');
  }
  const other = core.store.head(call.resource.stored!, call.namespace, name);
  if (other) throw new HeadMovedError(other.revision);
  const allocation = await base.allocate?.(object, undefined, context);
  return withAllocation(core, allocation, () => write(core, call, object, options));
}

function clearServerFields(call: Call, object: KubeObject): void {
  const fields = object as unknown as Record<string, unknown>;
  if (!call.resource.base.keepsStatusOnCreate) for (const name of call.resource.statusFields) delete fields[name];
  if (call.resource.base.generation) object.metadata.generation = 1;
}

function checkNew(core: Core, call: Call, object: KubeObject): void {
  const { base, definition, namespaced, qualifiedKind } = call.resource;
  const served = toServed(core, call.resource, object);
  const errors: FieldError[] = [
    ...validateMeta(object.metadata, namespaced, base.validateName),
    ...(base.anyFinalizer ? [] : validateFinalizerDomains(object.metadata.finalizers)),
    ...(definition.validate?.(served) ?? base.validate?.(object) ?? []),
    ...(definition.validateCreate?.(served) ?? base.validateCreate?.(object) ?? []),
  ];
  if (errors.length > 0) throw apiError.invalid(qualifiedKind, object.metadata.name ?? '', errors);
}

async function write(core: Core, call: Call, object: KubeObject, options: WriteOptions): Promise<Outcome> {
  if (options.dryRun) return { created: true, object };
  const entry = await commit(core, call, object.metadata.name!, {
    operation: 'put',
    expectedRevision: 0,
    bytes: bytesOf(core, call, object),
    durability: call.resource.base.isSoft?.(object, undefined) ? 'soft' : 'hard',
  });
  return { created: true, entry };
}

function alreadyExists(core: Core, call: Call, name: string): Error {
  const error = apiError.alreadyExists(call.resource.qualified, name);
  const head = core.store.head(call.resource.stored!, call.namespace, name);
  if (head && core.store.object(head).metadata.deletionTimestamp) {
    error.status.message = `object is being deleted: ${error.status.message}`;
  }
  return error;
}
