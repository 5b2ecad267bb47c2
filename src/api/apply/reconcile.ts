/** Entries written under an older schema: what was granular then may be atomic now. */
import { type FieldSet, isEmpty, leaf } from './field-set.ts';
import type { Manager, Managers } from './managers.ts';
import { fieldType, type MergeType } from './merge-type.ts';
import type { PathElement } from './path-element.ts';

/** Sets that need no change; entries of one object stay the same objects from write to write. */
const reconciled = new WeakSet<FieldSet>();

/** A copy of `managers`, with the fields of those that wrote this version as today's schema has them. */
export function reconcileManagers(type: MergeType, apiVersion: string, managers: Managers): Map<string, Manager> {
  const result = new Map(managers);
  for (const [id, manager] of managers) {
    if (manager.apiVersion !== apiVersion) continue;
    const fields = reconcile(type, manager.fields);
    if (fields !== manager.fields) result.set(id, { ...manager, fields });
  }
  return result;
}

/** The set as today's schema would have it: fields below an atomic one become ownership of that one. */
export function reconcile(type: MergeType, set: FieldSet): FieldSet {
  if (reconciled.has(set)) return set;
  const result = reconcileChildren(type, set);
  reconciled.add(result);
  return result;
}

function reconcileChildren(type: MergeType, set: FieldSet): FieldSet {
  let changed: Record<PathElement, FieldSet> | undefined;
  for (const element in set) {
    const node = set[element]!;
    const below = isEmpty(node) ? undefined : typeBelow(type, element);
    if (!below) continue;
    const next = isAtomic(below) ? leaf : reconcileChildren(below, node);
    if (next === node) continue;
    changed ??= { ...set };
    changed[element] = next;
  }
  return changed ?? set;
}

/** undefined for what is not in the schema, and for values without one: these stay as they are. */
function typeBelow(type: MergeType, element: PathElement): MergeType | undefined {
  if (element[0] === 'k') return type.kind === 'list' ? type.item : undefined;
  const below = element[0] === 'f' ? fieldType(type, element.slice(2)) : undefined;
  return below?.kind === 'any' ? undefined : below;
}

const isAtomic = (type: MergeType): boolean =>
  type.kind === 'list' ? type.relation === 'atomic' : 'atomic' in type && type.atomic;
