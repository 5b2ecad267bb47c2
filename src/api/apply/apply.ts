/** Server-side apply: merges what an applier wants into the live object and settles who owns which field. */
import { apiError, formatTime } from '../../kernel/index.ts';
import type { KubeObject, ManagedFieldsEntry } from '../../schema/index.ts';
import { deepEqual, type JsonMap, unknownServerError } from '../patch/index.ts';
import { compareObjects, TypedError } from './compare.ts';
import { type Conflict, conflictError, conflictsOf, conflictsOutside } from './conflict.ts';
import { difference, emptySet, type FieldSet, intersection, isEmpty, union } from './field-set.ts';
import { allowedByLastApplied, syncLastApplied } from './last-applied.ts';
import { identifierOf, type Manager, type Managers, readManagers, withFields, writeManagers } from './managers.ts';
import { mergeValues } from './merge.ts';
import type { MergeType } from './merge-type.ts';
import { reconcileManagers } from './reconcile.ts';
import { removeItems } from './remove.ts';
import type { FieldFilter } from './reset-fields.ts';
import { toFieldSet, withNamedFields } from './to-field-set.ts';
import {
  type Changes,
  changesOf,
  emptyOfKind,
  type MergedKind,
  strippedFields,
  trackUpdate,
  typeOfKind,
  withoutManagedFields,
} from './update.ts';
import { validate } from './validate.ts';

export interface ApplyRequest extends MergedKind {
  kind: string;
  /** The stored object; undefined when the apply creates it. */
  live: KubeObject | undefined;
  /** The body, parsed but not decoded: any JSON value. Not changed. */
  applied: unknown;
  manager: string;
  force: boolean;
  subresource?: string;
  timeMs: number;
  filter?: FieldFilter | undefined;
}

export interface ApplyResult {
  /** The merged object without managedFields; defaults are not applied yet. */
  object: KubeObject;
  managedFields: ManagedFieldsEntry[] | undefined;
}

/**
 * Applies a configuration. Throws StatusError: 400 for a body that cannot be applied, 409 when fields belong to others
 * and `force` is not set, 500 (without reason, as upstream) for a body that does not fit the schema.
 */
export function applyPatch(request: ApplyRequest): ApplyResult {
  const applied = checkBody(request);
  const type = typeOfKind(request);
  const who = describe(request, applied);
  asServerError(() => validate(type, applied), `failed to create typed patch object (${who}): `);

  const stored = (request.live ?? emptyOfKind(request)) as unknown as KubeObject;
  const live = { kind: request.kind, apiVersion: request.apiVersion, ...withoutManagedFields(stored) } as KubeObject;
  const operation = new ApplyOperation(request, type, live, applied);
  const { object, managers } = asServerError(() => operation.run(managersOf(request, live)));
  syncLastApplied(request.manager, object, applied);
  return { object, managedFields: writeManagers(managers) };
}

function checkBody({ applied, kind, apiVersion }: ApplyRequest): JsonMap {
  const body = (typeof applied === 'object' && !Array.isArray(applied) ? applied : undefined) as
    | JsonMap
    | null
    | undefined;
  if (!body) {
    const found = Array.isArray(applied) ? 'array' : typeof applied;
    throw apiError.badRequest(
      `error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${found} into Go value of type map[string]interface {}`,
    );
  }
  if (body['kind'] !== kind || body['apiVersion'] !== apiVersion) {
    throw apiError.badRequest(`invalid object type: ${printKind(body['apiVersion'], body['kind'])}`);
  }
  const metadata = body['metadata'] as JsonMap | undefined;
  if (metadata && typeof metadata === 'object' && (metadata['managedFields'] ?? undefined) !== undefined) {
    throw apiError.badRequest('metadata.managedFields must be nil');
  }
  return body;
}

function asServerError<T>(work: () => T, prefix = ''): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TypedError) throw unknownServerError(`${prefix}${error.message}`);
    throw error;
  }
}

function describe({ apiVersion, kind }: ApplyRequest, applied: JsonMap): string {
  const metadata = (applied['metadata'] ?? {}) as { namespace?: string; name?: string };
  return `${metadata.namespace ?? ''}/${metadata.name ?? ''}; ${printKind(apiVersion, kind)}`;
}

/** As Go prints a GroupVersionKind: `apps/v1, Kind=Deployment`, `/v1, Kind=Pod`. */
function printKind(apiVersion: unknown, kind: unknown): string {
  const version = typeof apiVersion === 'string' ? apiVersion : '';
  return `${version.includes('/') ? '' : '/'}${version}, Kind=${typeof kind === 'string' ? kind : ''}`;
}

/** What is stored; fields of an object that nobody tracked so far belong to `before-first-apply`. */
function managersOf(request: ApplyRequest, live: KubeObject): Managers {
  let managers: Managers;
  try {
    managers = readManagers(request.live?.metadata.managedFields, true);
  } catch (error) {
    throw unknownServerError(`failed to decode managed fields: ${(error as Error).message}`);
  }
  if (managers.size > 0 || !request.live) return managers;
  return trackUpdate({ ...request, live: undefined, next: live, manager: '' }, managers, 'before-first-apply');
}

class ApplyOperation {
  readonly #request: ApplyRequest;
  readonly #type: MergeType;
  readonly #live: KubeObject;
  readonly #applied: JsonMap;
  readonly #self: Omit<Manager, 'fields' | 'time'>;
  readonly #id: string;

  constructor(request: ApplyRequest, type: MergeType, live: KubeObject, applied: JsonMap) {
    this.#request = request;
    this.#type = type;
    this.#live = live;
    this.#applied = applied;
    const { apiVersion, manager, subresource = '' } = request;
    this.#self = { name: manager || 'unknown', operation: 'Apply', apiVersion, subresource };
    this.#id = identifierOf(this.#self);
  }

  run(stored: Managers): { object: KubeObject; managers: Managers } {
    const owned = reconcileManagers(this.#type, this.#request.apiVersion, stored);
    const all = toFieldSet(this.#type, this.#applied);
    const fields = this.#request.filter ? this.#request.filter(all) : all;
    const last = owned.get(this.#id);
    owned.set(this.#id, { ...this.#self, time: last?.time, fields });

    const merged = mergeValues(this.#type, this.#live, this.#applied) as KubeObject;
    const object = last ? this.#prune(merged, last, owned) : merged;
    this.#settle(owned, object);

    const mine = difference(fields, strippedFields);
    const isNoop = deepEqual(this.#live, object);
    const time = isNoop ? last?.time : formatTime(this.#request.timeMs);
    if (isEmpty(mine)) owned.delete(this.#id);
    else owned.set(this.#id, { ...this.#self, time, fields: mine });
    return { object: isNoop ? this.#live : object, managers: owned };
  }

  /** Removes what this applier set last time, does not set now, and nobody else owns. */
  #prune(merged: KubeObject, last: Manager, managers: Managers): KubeObject {
    const now = managers.get(this.#id)!.fields;
    if (last.apiVersion !== this.#self.apiVersion || isEmpty(difference(last.fields, now))) return merged;
    const type = this.#type;
    const named = (set: FieldSet): FieldSet => withNamedFields(type, set);
    const fieldsOf = (object: KubeObject): FieldSet => named(toFieldSet(type, object as unknown as JsonMap));
    const remove = (set: FieldSet): KubeObject => (removeItems(type, merged, set) ?? {}) as KubeObject;

    const before = fieldsOf(merged);
    const dropped = named(last.fields);
    const owned = [...managers.values()].reduce((set, manager) => union(set, manager.fields), emptySet);
    const kept = union(fieldsOf(remove(dropped)), named(owned));
    const pruned = remove(difference(before, kept));
    return remove(intersection(difference(before, fieldsOf(pruned)), dropped));
  }

  /** Takes the fields that this apply changes from their owners, or refuses to. */
  #settle(managers: Map<string, Manager>, object: KubeObject): void {
    const changes = this.#changes(managers, object);
    if (!this.#mayForce(changes, managers)) return;
    for (const [id, manager] of [...managers]) {
      const change = id === this.#id ? undefined : changes.get(manager.apiVersion);
      if (change)
        withFields(managers, id, manager, difference(difference(manager.fields, change.changed), change.removed));
    }
  }

  /** What the apply changes, in each version that managers wrote with. Managers of unknown versions are dropped. */
  #changes(managers: Map<string, Manager>, object: KubeObject): Map<string, Changes> {
    const { apiVersion, filter, inVersion } = this.#request;
    const changes = new Map([[apiVersion, changesOf(this.#type, this.#live as unknown as JsonMap, object, filter)]]);
    for (const [id, manager] of [...managers]) {
      if (changes.has(manager.apiVersion)) continue;
      const before = inVersion?.(this.#live, manager.apiVersion);
      const after = inVersion?.(object, manager.apiVersion);
      if (!before || !after) managers.delete(id);
      else
        changes.set(
          manager.apiVersion,
          changesOf(after.type, before.object as unknown as JsonMap, after.object, filter),
        );
    }
    return changes;
  }

  /** True, or the conflict is thrown. */
  #mayForce(changes: ReadonlyMap<string, Changes>, managers: Managers): true {
    if (this.#request.force) return true;
    const conflicts: Conflict[] = [];
    for (const [id, manager] of managers) {
      const change = id === this.#id ? undefined : changes.get(manager.apiVersion);
      if (change) conflicts.push(...conflictsOf(id, manager, intersection(manager.fields, change.changed)));
    }
    if (conflicts.length === 0) return true;
    const allowed = this.#request.manager === 'kubectl' ? this.#lastApplied() : undefined;
    const remaining = allowed ? conflictsOutside(conflicts, allowed) : conflicts;
    if (remaining.length === 0) return true;
    throw conflictError(remaining);
  }

  #lastApplied(): FieldSet | undefined {
    const { apiVersion } = this.#request;
    return allowedByLastApplied({ type: this.#type, apiVersion, live: this.#live, compare: compareObjects });
  }
}
