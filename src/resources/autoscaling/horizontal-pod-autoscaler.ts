import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import type { HorizontalPodAutoscaler, HPAScalingRules } from '../typings/autoscaling-v2.ts';
import { targetsCell } from './targets-cell.ts';
import { validateAutoscaler, validateAutoscalerStatus, validateTargetGroup } from './validation.ts';

/** Cells of both versions; v1 converts before it prints. */
export const autoscalerColumns = [
  nameColumn,
  {
    name: 'Reference',
    type: 'string',
    value: (o: HorizontalPodAutoscaler) =>
      `${o.spec?.scaleTargetRef?.kind ?? ''}/${o.spec?.scaleTargetRef?.name ?? ''}`,
  },
  { name: 'Targets', type: 'string', value: targetsCell },
  {
    name: 'MinPods',
    type: 'string',
    value: (o: HorizontalPodAutoscaler) => (o.spec?.minReplicas === undefined ? '<unset>' : String(o.spec.minReplicas)),
  },
  { name: 'MaxPods', type: 'string', value: (o: HorizontalPodAutoscaler) => o.spec?.maxReplicas ?? 0 },
  { name: 'Replicas', type: 'string', value: (o: HorizontalPodAutoscaler) => o.status?.currentReplicas ?? 0 },
  ageColumn,
] as const;

/** autoscaling/v2 HorizontalPodAutoscaler. */
export const horizontalPodAutoscaler = resource<HorizontalPodAutoscaler>('autoscaling/v2/horizontalpodautoscalers', {
  columns: autoscalerColumns,
  default: defaultAutoscaler,
  validate: validateAutoscaler,
  validateCreate: (o) => validateTargetGroup(o),
  validateUpdate: validateTargetGroup,
  subresources: { status: statusSubresource<HorizontalPodAutoscaler>({ validateUpdate: validateAutoscalerStatus }) },
});

export function defaultAutoscaler(o: HorizontalPodAutoscaler): void {
  o.spec ??= {};
  const spec = o.spec;
  spec.minReplicas ??= 1;
  if ((spec.metrics ?? []).length === 0) {
    spec.metrics = [
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
    ];
  }
  if (!spec.behavior) return;
  spec.behavior.scaleUp = withRules(spec.behavior.scaleUp, {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Pods', value: 4, periodSeconds: 15 },
      { type: 'Percent', value: 100, periodSeconds: 15 },
    ],
  });
  spec.behavior.scaleDown = withRules(spec.behavior.scaleDown, {
    selectPolicy: 'Max',
    policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
  });
}

function withRules(rules: HPAScalingRules | undefined, fallback: HPAScalingRules): HPAScalingRules {
  const given = Object.fromEntries(
    Object.entries(rules ?? {}).filter(([, value]) => value !== undefined && value !== null),
  );
  return { ...fallback, ...given };
}
