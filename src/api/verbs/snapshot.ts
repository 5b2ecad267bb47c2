/** The entries that a selection can concern, by the shortest way: one object, an index, a namespace, all. */
import type { Selection, SnapshotList } from '../../store/types.ts';
import type { Call, Core } from '../core.ts';
import type { Predicate } from '../selectors/index.ts';

/** Namespace that a call is limited to by its path or its fields; '' = none. */
export const scopeOf = (call: Call, predicate: Predicate): string =>
  call.namespace || (call.resource.namespaced ? (predicate.namespace ?? '') : '');

/** Published entries, or those of a past revision. What comes back still has to match the predicate. */
export function snapshotOf(core: Core, call: Call, predicate: Predicate, at?: number): SnapshotList {
  const kind = call.resource.stored!;
  const namespace = scopeOf(call, predicate);
  const isNow = at === undefined || at === core.store.revision;
  if (isNow && predicate.name !== undefined && (namespace !== '' || !call.resource.namespaced)) {
    return single(core, call, namespace, predicate.name);
  }
  const selection: Selection = {
    ...(namespace !== '' && { namespace }),
    ...(predicate.index && { index: predicate.index }),
  };
  return core.store.list(kind, selection, isNow ? undefined : at);
}

function single(core: Core, call: Call, namespace: string, name: string): SnapshotList {
  const entry = core.store.get(call.resource.stored!, namespace, name);
  if (entry) core.store.retain(entry);
  return {
    entries: entry ? [entry] : [],
    revision: core.store.revision,
    [Symbol.dispose]: () => entry && core.store.release(entry),
  };
}
