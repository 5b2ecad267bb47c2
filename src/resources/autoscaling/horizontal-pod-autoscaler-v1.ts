// autoscaling/v1 shows CPU utilisation only; metrics, conditions and behaviour of v2 travel in annotations.
import type { KubeObject } from '../../schema/object.ts';
import type { Column } from '../define.ts';
import { resource, statusSubresource } from '../shared/resource.ts';
import type { HorizontalPodAutoscaler as V1 } from '../typings/autoscaling-v1.ts';
import type { HorizontalPodAutoscaler as V2, MetricSpec } from '../typings/autoscaling-v2.ts';
import { autoscalerColumns, defaultAutoscaler } from './horizontal-pod-autoscaler.ts';
import {
  behaviorFromV1,
  behaviorToV1,
  specFromV1,
  specToV1,
  statusFromV1,
  statusToV1,
  type V1Metric,
} from './v1-metrics.ts';
import { validateAutoscaler, validateAutoscalerStatus, validateTargetGroup } from './validation.ts';

const metricsKey = 'autoscaling.alpha.kubernetes.io/metrics';
const currentMetricsKey = 'autoscaling.alpha.kubernetes.io/current-metrics';
const conditionsKey = 'autoscaling.alpha.kubernetes.io/conditions';
const behaviorKey = 'autoscaling.alpha.kubernetes.io/behavior';

/** autoscaling/v1 HorizontalPodAutoscaler: a view of v2. */
export const horizontalPodAutoscalerV1 = resource<V1>('autoscaling/v1/horizontalpodautoscalers', {
  view: {
    of: { group: 'autoscaling', version: 'v2', resource: 'horizontalpodautoscalers' },
    toStorage: toV2,
    fromStorage: (object) => toV1(object as V2),
  },
  columns: autoscalerColumns.map(
    (column): Column<V1> => ({ ...column, value: (o, nowMs) => column.value(toV2(o), nowMs) }),
  ),
  default(o) {
    o.spec ??= {};
    o.spec.minReplicas ??= 1;
  },
  validate: (o) => validateAutoscaler(toV2(o)),
  validateCreate: (o) => validateTargetGroup(toV2(o)),
  validateUpdate: (next, previous) => validateTargetGroup(toV2(next), toV2(previous)),
  subresources: { status: statusSubresource<V1>({ validateUpdate: (next) => validateAutoscalerStatus(toV2(next)) }) },
});

const isCpu = (metric: MetricSpec): boolean =>
  metric.type === 'Resource' &&
  metric.resource?.name === 'cpu' &&
  metric.resource.target?.averageUtilization !== undefined;

function toV1(o: V2): V1 {
  const { metrics, behavior, ...spec } = o.spec ?? {};
  const { currentMetrics: metricStatuses, conditions, ...status } = o.status ?? {};
  const currentMetrics = metricStatuses ?? [];
  const cpu = (metrics ?? []).find(isCpu);
  const target = cpu?.resource?.target?.averageUtilization;
  const current = currentMetrics.find((one) => one.type === 'Resource' && one.resource?.name === 'cpu');
  const utilization = current?.resource?.current?.averageUtilization;
  const rest = (metrics ?? []).filter((one) => !isCpu(one));
  const annotations = { ...o.metadata.annotations };
  if (rest.length > 0) annotations[metricsKey] = JSON.stringify(rest.map(specToV1));
  if (currentMetrics.length > 0) annotations[currentMetricsKey] = JSON.stringify(currentMetrics.map(statusToV1));
  if (conditions && conditions.length > 0) annotations[conditionsKey] = JSON.stringify(conditions);
  if (behavior) annotations[behaviorKey] = JSON.stringify(behaviorToV1(behavior));
  const { annotations: _, ...metadata } = o.metadata;
  return {
    ...o,
    apiVersion: 'autoscaling/v1',
    metadata: { ...metadata, ...(Object.keys(annotations).length > 0 && { annotations }) },
    spec: { ...spec, ...(target !== undefined && { targetCPUUtilizationPercentage: target }) },
    status: { ...status, ...(utilization !== undefined && { currentCPUUtilizationPercentage: utilization }) },
  };
}

function toV2(o: V1): V2 {
  const { targetCPUUtilizationPercentage: target, ...spec } = o.spec ?? {};
  const { currentCPUUtilizationPercentage: utilization, ...status } = o.status ?? {};
  const annotations = { ...o.metadata.annotations };
  const take = (key: string): unknown => {
    const text = annotations[key];
    delete annotations[key];
    return parse(text);
  };
  const takeList = <T>(key: string): T[] | undefined => {
    const list = take(key);
    return Array.isArray(list) && list.every(isObject) ? (list as T[]) : undefined;
  };
  const metrics = (takeList<V1Metric>(metricsKey) ?? []).map(specFromV1);
  if (target !== undefined) {
    metrics.push({
      type: 'Resource',
      resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: target } },
    });
  }
  const currentMetrics = (takeList<V1Metric>(currentMetricsKey) ?? []).map(statusFromV1);
  if (utilization !== undefined && currentMetrics.length === 0) {
    currentMetrics.push({ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: utilization } } });
  }
  const conditions = takeList<NonNullable<NonNullable<V2['status']>['conditions']>[number]>(conditionsKey);
  const shown = take(behaviorKey);
  const read = isObject(shown) ? behaviorFromV1(shown) : undefined;
  const behavior = read && [read.scaleUp, read.scaleDown].every(areRules) ? read : undefined;
  const { annotations: _, ...metadata } = o.metadata;
  const result: V2 & KubeObject = {
    ...o,
    apiVersion: 'autoscaling/v2',
    metadata: { ...metadata, ...(Object.keys(annotations).length > 0 && { annotations }) },
    spec: { ...spec, metrics, ...(behavior && { behavior }) },
    status: { ...status, ...(currentMetrics.length > 0 && { currentMetrics }), ...(conditions && { conditions }) },
  };
  defaultAutoscaler(result);
  return result;
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const areRules = (value: unknown): boolean => {
  if (value === undefined) return true;
  const policies = isObject(value) ? ((value as { policies?: unknown }).policies ?? []) : undefined;
  return Array.isArray(policies) && policies.every(isObject);
};

/** Users may write anything there: what does not read is left out, as upstream does. */
function parse(text: string | undefined): unknown {
  if (!text) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
