import { formatTime } from '../../kernel/clock.ts';
import { apiError, type FieldError, fieldError } from '../../kernel/status.ts';
import type { HookContext } from '../../resources/define.ts';
import type { KubeObject } from '../../schema/object.ts';
import { type Entry, HeadMovedError } from '../../store/types.ts';
import type { Call, Core } from '../core.ts';
import { copyOf } from '../objects.ts';
import { admit, hookContext, validateAdmission } from './admission.ts';
import { bytesOf, commit, unchangedHead } from './commit.ts';
import { finishDeletion, hasFinalizers } from './delete-now.ts';
import { checkDryRun, refuseOptions } from './options.ts';

/** meta/v1 DeleteOptions. */
export interface DeleteOptions {
  gracePeriodSeconds?: number;
  preconditions?: { uid?: string; resourceVersion?: string };
  orphanDependents?: boolean;
  propagationPolicy?: string;
  dryRun?: readonly string[];
}

/** `entry` or `object` still exists or is to be shown; neither: a Status answers. */
export interface DeleteOutcome {
  entry?: Entry;
  object?: KubeObject;
  uid: string;
  /** False when it waits for finalizers or its grace period. */
  deleted: boolean;
}

const attemptLimit = 32;
const policies = ['Foreground', 'Background', 'Orphan'];

/** Throws Invalid for contradictory or unknown options. */
export function checkDeleteOptions(options: DeleteOptions): void {
  const errors: FieldError[] = [];
  const policy = options.propagationPolicy;
  if (policy !== undefined && options.orphanDependents !== undefined) {
    errors.push(
      fieldError.invalid(['propagationPolicy'], policy, 'orphanDependents and deletionPropagation cannot be both set'),
    );
  }
  if (policy !== undefined && !policies.includes(policy)) {
    errors.push(fieldError.notSupported(['propagationPolicy'], policy, [...policies, 'nil']));
  }
  errors.push(...checkDryRun(options.dryRun ?? []));
  refuseOptions('DeleteOptions', errors);
}

export const isDryRun = (options: DeleteOptions): boolean => (options.dryRun?.length ?? 0) > 0;

/** DELETE of one object: at once, or gracefully, or when its finalizers are gone. */
export async function deleteObject(core: Core, call: Call, options: DeleteOptions): Promise<DeleteOutcome> {
  checkDeleteOptions(options);
  const { deleteWarning } = call.resource.base;
  const saysNothing = options.propagationPolicy === undefined && options.orphanDependents === undefined;
  if (deleteWarning && saysNothing) call.warn(deleteWarning);
  for (let attempt = 0; attempt < attemptLimit; attempt++) {
    try {
      return await attemptDelete(core, call, options);
    } catch (error) {
      if (!(error instanceof HeadMovedError)) throw error;
    }
  }
  throw apiError.modified(call.resource.qualified, call.name);
}

async function attemptDelete(core: Core, call: Call, options: DeleteOptions): Promise<DeleteOutcome> {
  const { resource } = call;
  const head = core.store.head(resource.stored!, call.namespace, call.name);
  if (!head) throw apiError.notFound(resource.qualified, call.name);
  const previous = core.store.object(head);
  checkPreconditions(call, previous, options);
  const dryRun = isDryRun(options);
  const context = hookContext(core, call, dryRun);
  const object = copyOf(previous);
  const grace = planGrace(call, object, options, context);
  if (grace === 'pending') return { ...shown(call, { entry: head }), uid: object.metadata.uid ?? '', deleted: false };

  await admitDelete(core, call, previous, options, dryRun);
  setGarbageFinalizers(call, object, options);
  const waits = hasFinalizers(object);
  if (waits && grace === 'none') markDeleting(call, object, context.nowMs);
  const stays = waits || (grace !== 'none' && grace > 0);
  const uid = object.metadata.uid ?? '';
  if (dryRun) return { ...(stays ? { object } : shown(call, { object })), uid, deleted: !stays };
  if (stays) {
    const bytes = bytesOf(core, call, object);
    const unchanged = await unchangedHead(core, head, bytes);
    if (unchanged) return { entry: unchanged, uid, deleted: false };
    const entry = await commit(core, call, call.name, {
      operation: 'put',
      expectedRevision: head.revision,
      bytes,
      durability: 'hard',
      essential: true,
    });
    return { entry, uid, deleted: false };
  }
  const last = await finishDeletion(core, call, head, context, grace === 'none' ? undefined : object);
  return { ...shown(call, last), uid, deleted: true };
}

/** What a finished DELETE answers with: the object for kinds that return it, else a Status. */
const shown = (call: Call, result: { entry?: Entry; object?: KubeObject }): { entry?: Entry; object?: KubeObject } =>
  call.resource.base.returnsDeletedObject ? result : {};

function checkPreconditions(call: Call, object: KubeObject, options: DeleteOptions): void {
  const wanted = options.preconditions;
  const { uid, resourceVersion, name } = object.metadata;
  if (wanted?.uid !== undefined && wanted.uid !== uid) {
    throw apiError.conflict(
      call.resource.qualifiedKind,
      name ?? '',
      `the UID in the precondition (${wanted.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
  }
  if (wanted?.resourceVersion !== undefined && wanted.resourceVersion !== resourceVersion) {
    throw apiError.conflict(
      call.resource.qualifiedKind,
      name ?? '',
      `the ResourceVersion in the precondition (${wanted.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    );
  }
}

/** Seconds of grace that were set on `object`; 'none' = the kind knows no grace; 'pending' = nothing to change. */
function planGrace(
  call: Call,
  object: KubeObject,
  options: DeleteOptions,
  context: HookContext,
): number | 'none' | 'pending' {
  const rule = call.resource.base.gracePeriodSeconds;
  if (!rule) return 'none';
  const asked = options.gracePeriodSeconds;
  const requested = asked !== undefined && asked < 0 ? 1 : asked;
  const meta = object.metadata;
  if (meta.deletionTimestamp) return shortenGrace(object, requested, context.nowMs);
  const grace = rule(object, requested);
  if (grace === undefined) return 'none';
  meta.deletionTimestamp = formatTime(context.nowMs + grace * 1000);
  meta.deletionGracePeriodSeconds = grace;
  if (meta.generation) meta.generation++;
  return grace;
}

/** A deletion that has begun may only be hastened. */
function shortenGrace(object: KubeObject, requested: number | undefined, nowMs: number): number | 'none' | 'pending' {
  const meta = object.metadata;
  const current = meta.deletionGracePeriodSeconds ?? 0;
  if (current === 0) return 'none';
  if (requested === undefined || requested >= current) return 'pending';
  const begunMs = Date.parse(meta.deletionTimestamp!) - current * 1000;
  const dueMs = begunMs + requested * 1000;
  const late = dueMs < nowMs;
  const grace = late && requested !== 0 ? 1 : requested;
  meta.deletionTimestamp = formatTime(late ? nowMs : dueMs);
  meta.deletionGracePeriodSeconds = grace;
  return grace;
}

async function admitDelete(
  core: Core,
  call: Call,
  oldObject: KubeObject,
  options: DeleteOptions,
  dryRun: boolean,
): Promise<void> {
  const subject = {
    operation: 'DELETE',
    name: call.name,
    oldObject,
    options: { apiVersion: 'meta.k8s.io/v1', kind: 'DeleteOptions', ...options } as unknown as KubeObject,
    dryRun,
  } as const;
  await admit(core, call, subject);
  await validateAdmission(core, call, subject);
}

const orphan = 'orphan';
const foreground = 'foregroundDeletion';

/** Adds or removes the garbage collector's finalizers as the options ask. */
function setGarbageFinalizers(call: Call, object: KubeObject, options: DeleteOptions): void {
  if (call.resource.base.defaultPropagation === 'None') return;
  const current = object.metadata.finalizers ?? [];
  const policy = policyOf(call, current, options);
  const next = current.filter((name) => name !== orphan && name !== foreground);
  if (policy === 'Orphan') next.push(orphan);
  if (policy === 'Foreground') next.push(foreground);
  if (next.length === current.length && next.every((name) => current.includes(name))) return;
  if (next.length > 0) object.metadata.finalizers = next;
  else delete object.metadata.finalizers;
}

function policyOf(call: Call, finalizers: readonly string[], options: DeleteOptions): string | undefined {
  if (options.orphanDependents !== undefined) return options.orphanDependents ? 'Orphan' : 'Background';
  if (options.propagationPolicy !== undefined) return options.propagationPolicy;
  const own = finalizers.find((name) => name === orphan || name === foreground);
  if (own) return own === orphan ? 'Orphan' : 'Foreground';
  return call.resource.base.defaultPropagation;
}

/** The object has to wait: its deletion begins now. */
function markDeleting(call: Call, object: KubeObject, nowMs: number): void {
  const meta = object.metadata;
  if (!meta.deletionTimestamp && meta.generation) meta.generation++;
  if (!meta.deletionTimestamp || Date.parse(meta.deletionTimestamp) > nowMs) meta.deletionTimestamp = formatTime(nowMs);
  if (meta.finalizers?.length) meta.deletionGracePeriodSeconds = 0;
  call.resource.base.markDeleting?.(object);
}

/** The Status of a deletion that shows no object. */
export function deletionStatus(call: Call, uid: string): object {
  const { group, resource } = call.resource.qualified;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name: call.name, ...(group && { group }), kind: resource, ...(uid && { uid }) },
  };
}
