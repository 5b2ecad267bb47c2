// What the server decides about a pod (pkg/registry/core/pod): first status, merged selectors, grace of a deletion.
import { formatTime } from '../../../kernel/clock.ts';
import type { HookContext } from '../../define.ts';
import type { Pod, PodAffinityTerm } from '../../typings/core.ts';
import type { LabelSelector } from '../../typings/meta.ts';
import { syncPodIPs } from './defaults.ts';
import { qosClass } from './resources.ts';

export function prepareForCreate(pod: Pod, { nowMs }: HookContext): void {
  const spec = pod.spec ?? {};
  pod.status = { phase: 'Pending', qosClass: qosClass(spec) };
  if ((spec.schedulingGates ?? []).length > 0) {
    pod.status.conditions = [
      {
        type: 'PodScheduled',
        status: 'False',
        lastTransitionTime: formatTime(nowMs),
        reason: 'SchedulingGated',
        message: 'Scheduling is blocked due to non-empty scheduling gates',
      },
    ];
  }
  const labels = pod.metadata.labels ?? {};
  for (const affinity of [spec.affinity?.podAffinity, spec.affinity?.podAntiAffinity]) {
    for (const term of affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) mergeLabelKeys(term, labels);
    for (const weighted of affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []) {
      if (weighted.podAffinityTerm) mergeLabelKeys(weighted.podAffinityTerm, labels);
    }
  }
  for (const constraint of spec.topologySpreadConstraints ?? []) {
    requireLabels(constraint.labelSelector, constraint.matchLabelKeys, 'In', labels);
  }
}

function mergeLabelKeys(term: PodAffinityTerm, labels: Record<string, string>): void {
  requireLabels(term.labelSelector, term.matchLabelKeys, 'In', labels);
  requireLabels(term.labelSelector, term.mismatchLabelKeys, 'NotIn', labels);
}

function requireLabels(
  selector: LabelSelector | undefined,
  keys: readonly string[] | undefined,
  operator: string,
  labels: Record<string, string>,
): void {
  if (!selector) return;
  for (const key of keys ?? []) {
    const value = labels[key];
    if (value === undefined) continue;
    selector.matchExpressions = [...(selector.matchExpressions ?? []), { key, operator, values: [value] }];
  }
}

/** What a status update may not take from the request. */
export function finishStatus(merged: Pod, previous: Pod): void {
  const metadata = { ...merged.metadata };
  if (previous.metadata.deletionTimestamp === undefined) delete metadata.deletionTimestamp;
  else metadata.deletionTimestamp = previous.metadata.deletionTimestamp;
  if (previous.metadata.ownerReferences) metadata.ownerReferences = previous.metadata.ownerReferences;
  else delete metadata.ownerReferences;
  merged.metadata = metadata;
  const status = { ...merged.status };
  if (!status.qosClass && previous.status?.qosClass) status.qosClass = previous.status.qosClass;
  if (!status.observedGeneration && previous.status?.observedGeneration) {
    status.observedGeneration = previous.status.observedGeneration;
  }
  const known = new Map(previous.status?.conditions?.map((one) => [one.type, one.observedGeneration]));
  status.conditions = status.conditions?.map((one) => {
    const observed = one.observedGeneration || known.get(one.type);
    return observed ? { ...one, observedGeneration: observed } : one;
  }) as NonNullable<typeof status.conditions>;
  if (!status.conditions) delete (status as { conditions?: unknown }).conditions;
  merged.status = status;
  syncPodIPs(merged);
}

/** Pods that run nowhere, or no more, go at once. */
export function gracePeriodSeconds(pod: Pod, requested: number | undefined): number {
  if (!pod.spec?.nodeName) return 0;
  if (pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') return 0;
  const period = requested ?? pod.spec.terminationGracePeriodSeconds ?? 0;
  return period < 0 ? 1 : period;
}
