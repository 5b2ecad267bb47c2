/** managedFields seen through /scale: only who owns the replicas counts there. */
import type { KubeObject, ManagedFieldsEntry } from '../../schema/index.ts';
import { updateManagedFields } from '../apply/index.ts';
import type { Call, Core } from '../core.ts';
import { type Scale, scaleGvk, scaleMessage } from './scale.ts';

type Fields = Readonly<Record<string, unknown>>;
type Entries = readonly ManagedFieldsEntry[] | undefined;

const replicasOnly = { 'f:spec': { 'f:replicas': {} } };

const specOf = (entry: ManagedFieldsEntry): Fields => ((entry.fieldsV1 as Fields)?.['f:spec'] ?? {}) as Fields;
const ownsReplicas = (entry: ManagedFieldsEntry): boolean => 'f:replicas' in specOf(entry);
const sameManager = (a: ManagedFieldsEntry, b: ManagedFieldsEntry): boolean =>
  a.manager === b.manager && a.operation === b.operation && (a.subresource ?? '') === (b.subresource ?? '');

/** The parent's entries as a Scale shows them. */
export const toScaleFields = (parent: Entries): ManagedFieldsEntry[] =>
  (parent ?? [])
    .filter(ownsReplicas)
    .map((entry) => ({ ...entry, apiVersion: scaleGvk.apiVersion, fieldsV1: replicasOnly }));

/** The parent's entries after a write to its Scale: who lost the replicas there loses them here; new owners have no time. */
export function toParentFields(parent: Entries, scale: Entries, apiVersion: string): ManagedFieldsEntry[] {
  const fresh = new Set(scale ?? []);
  const kept: ManagedFieldsEntry[] = [];
  for (const entry of parent ?? []) {
    const still = [...fresh].find((other) => sameManager(entry, other));
    if (still) fresh.delete(still);
    if (still || !ownsReplicas(entry)) kept.push(entry);
    else {
      const rest = withoutReplicas(entry);
      if (rest) kept.push(rest);
    }
  }
  const added = [...fresh].filter(ownsReplicas).map(({ time: _, ...entry }) => {
    return { ...entry, apiVersion, subresource: 'scale' };
  });
  const all = [...kept, ...added];
  return all.sort((a, b) => rank(a) - rank(b));
}

/** Appliers come first, then those without a time. */
const rank = ({ operation, time }: ManagedFieldsEntry): number => (operation === 'Apply' ? 0 : time ? 2 : 1);

function withoutReplicas(entry: ManagedFieldsEntry): ManagedFieldsEntry | undefined {
  const { 'f:replicas': _, ...spec } = specOf(entry);
  const { 'f:spec': __, ...others } = entry.fieldsV1 as Fields;
  const hasSpec = Object.keys(spec).some((name) => name !== '.');
  const fieldsV1 = hasSpec ? { ...others, 'f:spec': spec } : others;
  return Object.keys(fieldsV1).length > 0 ? { ...entry, fieldsV1 } : undefined;
}

/** Records in `next`, the parent, that `manager` changed its Scale from `before` to `after`. */
export function trackScale(
  core: Core,
  call: Call,
  next: KubeObject,
  before: Scale,
  after: Scale,
  manager: string,
): KubeObject {
  const { managedFields: parent } = next.metadata;
  const managedFields = toScaleFields(parent);
  const scale = updateManagedFields({
    apiVersion: scaleGvk.apiVersion,
    message: scaleMessage,
    live: { ...before, metadata: { ...before.metadata, managedFields } },
    next: { ...after, metadata: { ...after.metadata, managedFields } },
    manager,
    subresource: 'scale',
    timeMs: core.clock.nowMs(),
  });
  const updated = toParentFields(parent, scale, call.resource.gvk.apiVersion);
  if (updated.length > 0) next.metadata.managedFields = updated;
  else delete next.metadata.managedFields;
  return next;
}
