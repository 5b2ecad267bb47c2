/** Conditions of a namespace that is going away, as upstream words them. */
import type { ResourceRef } from '../../client/types.ts';
import { formatTime } from '../../kernel/index.ts';
import type { NamespaceCondition } from '../../schema/generated/index.ts';

/** What is left of one resource. */
export interface Remainder {
  ref: ResourceRef;
  count: number;
  /** Objects that wait for each finalizer. */
  finalizers: ReadonlyMap<string, number>;
}

interface Wording {
  type: string;
  ok: { reason: string; message: string };
}

const wordings: readonly Wording[] = [
  {
    type: 'NamespaceDeletionDiscoveryFailure',
    ok: { reason: 'ResourcesDiscovered', message: 'All resources successfully discovered' },
  },
  {
    type: 'NamespaceDeletionGroupVersionParsingFailure',
    ok: { reason: 'ParsedGroupVersions', message: 'All legacy kube types successfully parsed' },
  },
  {
    type: 'NamespaceDeletionContentFailure',
    ok: {
      reason: 'ContentDeleted',
      message: 'All content successfully deleted, may be waiting on finalization',
    },
  },
  { type: 'NamespaceContentRemaining', ok: { reason: 'ContentRemoved', message: 'All content successfully removed' } },
  {
    type: 'NamespaceFinalizersRemaining',
    ok: { reason: 'ContentHasNoFinalizers', message: 'All content-preserving finalizers finished' },
  },
];

/** `previous` with the state of the deletion; the same array when nothing has changed. */
export function deletionConditions(
  previous: NamespaceCondition[],
  remainders: readonly Remainder[],
  errors: readonly string[],
  nowMs: number,
): NamespaceCondition[] {
  const problems = new Map([
    ['NamespaceDeletionContentFailure', contentFailure(errors)],
    ['NamespaceContentRemaining', contentRemaining(remainders)],
    ['NamespaceFinalizersRemaining', finalizersRemaining(remainders)],
  ]);
  const wanted = wordings.map(({ type, ok }) => {
    const problem = problems.get(type);
    return { type, status: problem ? 'True' : 'False', ...(problem ?? ok) };
  });
  const next = wanted.map((condition) => {
    const old = previous.find(({ type }) => type === condition.type);
    const lastTransitionTime =
      old?.status === condition.status && old.lastTransitionTime ? old.lastTransitionTime : formatTime(nowMs);
    return { ...condition, lastTransitionTime };
  });
  const same = next.every((condition) => {
    const old = previous.find(({ type }) => type === condition.type);
    return old?.status === condition.status && old.reason === condition.reason && old.message === condition.message;
  });
  if (same) return previous;
  const others = previous.filter(({ type }) => !wordings.some((wording) => wording.type === type));
  return [...others, ...next];
}

function contentFailure(errors: readonly string[]) {
  if (errors.length === 0) return undefined;
  return {
    reason: 'ContentDeletionFailed',
    message: `Failed to delete all resource types, ${errors.length} remaining: ${[...errors].sort().join(', ')}`,
  };
}

function contentRemaining(remainders: readonly Remainder[]) {
  if (remainders.length === 0) return undefined;
  const texts = remainders.map(({ ref, count }) => `${ref.resource}.${ref.group} has ${count} resource instances`);
  return { reason: 'SomeResourcesRemain', message: `Some resources are remaining: ${texts.sort().join(', ')}` };
}

function finalizersRemaining(remainders: readonly Remainder[]) {
  const totals = new Map<string, number>();
  for (const { finalizers } of remainders) {
    for (const [finalizer, count] of finalizers) totals.set(finalizer, (totals.get(finalizer) ?? 0) + count);
  }
  if (totals.size === 0) return undefined;
  const texts = [...totals].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`);
  return {
    reason: 'SomeFinalizersRemain',
    message: `Some content in the namespace has finalizers remaining: ${texts.sort().join(', ')}`,
  };
}
