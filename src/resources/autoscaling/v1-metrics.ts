// Metrics as autoscaling/v1 writes them into annotations (pkg/apis/autoscaling/v1/conversion.go).
import type {
  HorizontalPodAutoscalerBehavior,
  MetricIdentifier,
  MetricSpec,
  MetricStatus,
  MetricTarget,
} from '../typings/autoscaling-v2.ts';

/** A metric of v1: one field named after the type. Its keys have v1's names. */
export interface V1Metric {
  type?: string;
  object?: V1Source;
  pods?: V1Source;
  resource?: V1Source;
  containerResource?: V1Source;
  external?: V1Source;
}

interface V1Source {
  target?: { kind?: string; name?: string; apiVersion?: string };
  name?: string;
  container?: string;
  metricName?: string;
  selector?: object;
  metricSelector?: object;
  targetValue?: string;
  averageValue?: string;
  targetAverageValue?: string;
  targetAverageUtilization?: number;
  currentValue?: string;
  currentAverageValue?: string;
  currentAverageUtilization?: number;
}

type V2Metric = Partial<Record<Field, V2Source>> & { type?: string };
interface V2Source {
  describedObject?: { kind?: string; name?: string; apiVersion?: string };
  metric?: MetricIdentifier;
  name?: string;
  container?: string;
  target?: MetricTarget;
  current?: Omit<MetricTarget, 'type'>;
}

const fields = ['object', 'pods', 'resource', 'containerResource', 'external'] as const;
type Field = (typeof fields)[number];

export const specToV1 = (metric: MetricSpec): V1Metric => toV1(metric as V2Metric, 'target');
export const statusToV1 = (metric: MetricStatus): V1Metric => toV1(metric as V2Metric, 'current');
export const specFromV1 = (metric: V1Metric): MetricSpec => fromV1(metric, 'target') as MetricSpec;
export const statusFromV1 = (metric: V1Metric): MetricStatus => fromV1(metric, 'current') as MetricStatus;

function toV1(metric: V2Metric, side: 'target' | 'current'): V1Metric {
  const result: V1Metric = { type: metric.type ?? '' };
  for (const field of fields) {
    const source = metric[field];
    if (source) result[field] = sourceToV1(source, field, side);
  }
  return result;
}

/** Amounts that v1 always writes are `0` when v2 has none. */
function sourceToV1(source: V2Source, field: Field, side: 'target' | 'current'): V1Source {
  const { value, averageValue, averageUtilization } = source[side] ?? {};
  const { name = '', selector } = source.metric ?? {};
  const isStatus = side === 'current';
  const chosen = selector && { selector };
  switch (field) {
    case 'object': {
      const amount = { [`${side}Value`]: value ?? '0' };
      const target = source.describedObject ?? {};
      return { target, metricName: name, ...amount, ...chosen, ...(averageValue && { averageValue }) };
    }
    case 'pods':
      return { metricName: name, [`${side}AverageValue`]: averageValue ?? '0', ...chosen };
    case 'external': {
      const amount = value ?? (isStatus ? '0' : undefined);
      return {
        metricName: name,
        ...(selector && { metricSelector: selector }),
        ...(amount && { [`${side}Value`]: amount }),
        ...(averageValue && { [`${side}AverageValue`]: averageValue }),
      };
    }
    default: {
      const average = averageValue ?? (isStatus ? '0' : undefined);
      return {
        name: source.name ?? '',
        ...(averageUtilization !== undefined && { [`${side}AverageUtilization`]: averageUtilization }),
        ...(average && { [`${side}AverageValue`]: average }),
        ...(field === 'containerResource' && { container: source.container ?? '' }),
      };
    }
  }
}

function fromV1(metric: V1Metric, side: 'target' | 'current'): V2Metric {
  const result: V2Metric = { type: metric.type ?? '' };
  for (const field of fields) {
    const source = metric[field];
    if (source) result[field] = sourceFromV1(source, field, side);
  }
  return result;
}

function sourceFromV1(source: V1Source, field: Field, side: 'target' | 'current'): V2Source {
  const value = source[`${side}Value`];
  const averageValue = field === 'object' ? source.averageValue : source[`${side}AverageValue`];
  const averageUtilization = source[`${side}AverageUtilization`];
  const amounts = {
    ...(value !== undefined && { value }),
    ...(averageValue !== undefined && { averageValue }),
    ...(averageUtilization !== undefined && { averageUtilization }),
  };
  const withType = side === 'target' ? { type: targetType(field, amounts), ...amounts } : amounts;
  const selector = source.selector ?? source.metricSelector;
  const metric = { name: source.metricName ?? '', ...(selector && { selector }) };
  if (field === 'object') return { describedObject: source.target ?? {}, metric, [side]: withType };
  if (field === 'pods' || field === 'external') return { metric, [side]: withType };
  const name = source.name ?? '';
  return { name, ...(field === 'containerResource' && { container: source.container ?? '' }), [side]: withType };
}

function targetType(field: Field, amounts: Omit<MetricTarget, 'type'>): string {
  if (field === 'resource' || field === 'containerResource') {
    return amounts.averageUtilization === undefined ? 'AverageValue' : 'Utilization';
  }
  if (field === 'object') return amounts.averageValue === undefined ? 'Value' : 'AverageValue';
  return field === 'external' && amounts.value !== undefined ? 'Value' : 'AverageValue';
}

type Rules = NonNullable<HorizontalPodAutoscalerBehavior['scaleUp']>;

/** Upstream writes its internal type here: Go's names, and null for what is missing. */
export function behaviorToV1(behavior: HorizontalPodAutoscalerBehavior): object {
  const rules = (one: Rules | undefined): object | null =>
    one
      ? {
          StabilizationWindowSeconds: one.stabilizationWindowSeconds ?? null,
          SelectPolicy: one.selectPolicy ?? null,
          Policies: one.policies
            ? one.policies.map(({ type, value, periodSeconds }) => ({
                Type: type,
                Value: value,
                PeriodSeconds: periodSeconds,
              }))
            : null,
          Tolerance: one.tolerance ?? null,
        }
      : null;
  return { ScaleUp: rules(behavior.scaleUp), ScaleDown: rules(behavior.scaleDown) };
}

/** Go reads names in any case, so this does too. */
export function behaviorFromV1(value: unknown): HorizontalPodAutoscalerBehavior {
  return lowerKeys(value) as HorizontalPodAutoscalerBehavior;
}

function lowerKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lowerKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== null);
  return Object.fromEntries(
    entries.map(([key, one]) => [`${key[0]?.toLowerCase() ?? ''}${key.slice(1)}`, lowerKeys(one)]),
  );
}
