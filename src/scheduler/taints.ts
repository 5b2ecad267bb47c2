import type { Taint, Toleration } from '../schema/generated/index.ts';

type Tolerations = readonly Toleration[];

const tolerates = (toleration: Toleration, taint: Taint): boolean => {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  switch (toleration.operator ?? 'Equal') {
    case 'Equal':
      return (toleration.value ?? '') === (taint.value ?? '');
    case 'Exists':
      return true;
    default:
      return false;
  }
};

export const isTolerated = (tolerations: Tolerations, taint: Taint): boolean =>
  tolerations.some((toleration) => tolerates(toleration, taint));

/** Whether one of the taints keeps pods off that do not tolerate it. */
export const isKeptOff = (tolerations: Tolerations, taints: readonly Taint[]): boolean =>
  taints.some((taint) => taint.effect !== 'PreferNoSchedule' && !isTolerated(tolerations, taint));

/** How many of the taints would rather not have the pod. */
export const unwelcome = (tolerations: Tolerations, taints: readonly Taint[]): number =>
  taints.filter((taint) => taint.effect === 'PreferNoSchedule' && !isTolerated(tolerations, taint)).length;

const unschedulableTaint: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** Whether the pod may go to nodes that are marked unschedulable. */
export const toleratesUnschedulable = (tolerations: Tolerations): boolean =>
  isTolerated(tolerations, unschedulableTaint);
