/** managedFields of create, update and patch: what changed now belongs to whoever changed it. */
import type { KubeObject, ManagedFieldsEntry, MessageName } from '../../schema/index.ts';
import { formatTime } from '../../kernel/index.ts';
import { compareObjects, TypedError } from './compare.ts';
import { difference, emptySet, type FieldSet, isEmpty, union } from './field-set.ts';
import { deepEqual, isMap, type JsonMap } from '../patch/index.ts';
import {
  capManagers,
  identifierOf,
  isReset,
  type Manager,
  type Managers,
  noManagers,
  readManagers,
  withFields,
  writeManagers,
} from './managers.ts';
import { deducedType, emptyObject, type MergeType, mergeTypeOf } from './merge-type.ts';
import { reconcileManagers } from './reconcile.ts';
import type { FieldFilter } from './reset-fields.ts';

/** How a kind merges: its message, or a type of its own, or (neither) a deduced one. */
export interface MergedKind {
  /** Group and version of the request: entries are written with it. */
  apiVersion: string;
  message?: MessageName | undefined;
  type?: MergeType | undefined;
  /** The same object in another version that a manager wrote with; undefined = no such version, its entry goes. */
  inVersion?: ((object: KubeObject, apiVersion: string) => VersionedObject | undefined) | undefined;
}

export interface VersionedObject {
  object: KubeObject;
  type: MergeType;
}

export interface ManagedUpdate extends MergedKind {
  /** The stored object; undefined on creation. */
  live: KubeObject | undefined;
  /** The object to be stored, in canonical JSON form (as the codec prints it). Not changed. */
  next: KubeObject;
  /** Field manager; '' counts as `unknown`. */
  manager: string;
  subresource?: string;
  timeMs: number;
  /** Drops fields that this request cannot change. See `resetFields`. */
  filter?: FieldFilter | undefined;
}

export const typeOfKind = (kind: MergedKind): MergeType =>
  kind.type ?? (kind.message === undefined ? deducedType : mergeTypeOf(kind.message));

/** What a new object is compared with. */
export const emptyOfKind = (kind: MergedKind): JsonMap => (kind.message === undefined ? {} : emptyObject(kind.message));

/**
 * The managedFields to store with `next`; undefined = none. A list that cannot be brought up to date is dropped, never
 * an error: ownership must not stand in the way of a write.
 */
export function updateManagedFields(request: ManagedUpdate): ManagedFieldsEntry[] | undefined {
  const live = request.live?.metadata.managedFields;
  const managers = startingManagers(request, live);
  if (managers.size === 0 && request.live) return undefined;
  try {
    const updated = trackUpdate(request, managers, request.manager || 'unknown');
    if (updated === managers && live && managers === trustedManagers(live)) return live;
    return writeManagers(updated);
  } catch (error) {
    if (error instanceof TypedError) return undefined;
    throw error;
  }
}

/** What the client sent, unless it sent nothing usable; a subresource cannot touch it. */
function startingManagers(request: ManagedUpdate, live: ManagedFieldsEntry[] | undefined): Managers {
  const sent = request.next.metadata.managedFields;
  if (!request.subresource) {
    if (isReset(sent)) return noManagers;
    if (sent && sent !== live && !deepEqual(sent, live)) {
      const managers = readOrNothing(sent, false);
      if (managers.size > 0) return managers;
    }
  }
  return live ? trustedManagers(live) : noManagers;
}

const readCache = new WeakMap<readonly ManagedFieldsEntry[], Managers>();

/** Entries of a stored object, read once per object. */
function trustedManagers(live: readonly ManagedFieldsEntry[]): Managers {
  let managers = readCache.get(live);
  if (!managers) {
    managers = readOrNothing(live, true);
    readCache.set(live, managers);
  }
  return managers;
}

function readOrNothing(entries: readonly ManagedFieldsEntry[], trusted: boolean): Managers {
  try {
    return readManagers(entries, trusted);
  } catch {
    return noManagers;
  }
}

/** Takes what changed from everyone else and gives it to `name`. */
export function trackUpdate(request: ManagedUpdate, managers: Managers, name: string): Managers {
  const { apiVersion, subresource = '', timeMs, filter } = request;
  const live = request.live ?? emptyOfKind(request);
  const type = typeOfKind(request);
  const { changed, removed } = changesOf(type, live as JsonMap, request.next, filter);
  if (isEmpty(changed) && isEmpty(removed)) return managers;

  const result = reconcileManagers(type, apiVersion, managers);
  takeAway(request, result, live, changed, removed);

  const mine = difference(changed, strippedFields);
  if (!isEmpty(mine)) {
    const base = { name, operation: 'Update', apiVersion, subresource } as const;
    const id = identifierOf(base);
    const fields = union(mine, result.get(id)?.fields ?? emptySet);
    result.delete(id);
    result.set(id, { ...base, time: formatTime(timeMs), fields });
  }
  return capManagers(result);
}

export interface Changes {
  changed: FieldSet;
  removed: FieldSet;
}

export function changesOf(type: MergeType, left: JsonMap, right: KubeObject, filter: FieldFilter | undefined): Changes {
  const delta = compareObjects(type, left, right as unknown as JsonMap);
  const changed = delta.changed ?? emptySet;
  const removed = delta.removed ?? emptySet;
  return filter ? { changed: filter(changed), removed: filter(removed) } : { changed, removed };
}

function takeAway(
  request: ManagedUpdate,
  managers: Map<string, Manager>,
  live: unknown,
  changed: FieldSet,
  removed: FieldSet,
): void {
  const versions = new Map<string, Changes | undefined>([[request.apiVersion, { changed, removed }]]);
  for (const [id, manager] of [...managers]) {
    const { apiVersion } = manager;
    if (!versions.has(apiVersion)) versions.set(apiVersion, changesInVersion(request, live as KubeObject, apiVersion));
    const changes = versions.get(apiVersion);
    if (!changes) managers.delete(id);
    else withFields(managers, id, manager, difference(difference(manager.fields, changes.changed), changes.removed));
  }
}

function changesInVersion(request: ManagedUpdate, live: KubeObject, apiVersion: string): Changes | undefined {
  const after = request.inVersion?.(request.next, apiVersion);
  if (!after) return undefined;
  const before = request.live ? request.inVersion?.(live, apiVersion)?.object : {};
  return changesOf(after.type, (before ?? {}) as JsonMap, after.object, request.filter);
}

const strippedMetadata = [
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'clusterName',
  'generation',
  'managedFields',
  'resourceVersion',
];

/** Fields that nobody can own. */
export const strippedFields: FieldSet = {
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': { '.': {}, ...Object.fromEntries(strippedMetadata.map((name) => [`f:${name}`, {}])) },
};

/** Puts back into `object` what no codec keeps of it as it was `sent`: an empty list of managedFields, which resets it. */
export function keepReset<T extends KubeObject>(object: T, sent: unknown): T {
  const metadata = isMap(sent) ? sent['metadata'] : undefined;
  const entries = isMap(metadata) ? metadata['managedFields'] : undefined;
  if (Array.isArray(entries) && entries.length === 0) object.metadata = { ...object.metadata, managedFields: [] };
  return object;
}

/** A shallow copy of `object` without metadata.managedFields. */
export function withoutManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields: _, ...metadata } = object.metadata ?? {};
  return { ...object, metadata };
}
