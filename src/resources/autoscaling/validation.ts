import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { matches, oneOf, quantityPositive, required } from '../shared/check.ts';
import { pathSegment } from '../shared/names.ts';
import type { HorizontalPodAutoscaler, HPAScalingRules, MetricSpec, MetricTarget } from '../typings/autoscaling-v2.ts';

export function* validateAutoscaler(o: HorizontalPodAutoscaler): Iterable<FieldError> {
  const spec = o.spec ?? {};
  const min = spec.minReplicas;
  const max = spec.maxReplicas ?? 0;
  if (min !== undefined && min < 1) {
    yield e.invalid(['spec', 'minReplicas'], min, 'must be greater than or equal to 1');
  }
  if (max < 1) yield e.invalid(['spec', 'maxReplicas'], max, 'must be greater than 0');
  if (min !== undefined && max < min) {
    yield e.invalid(['spec', 'maxReplicas'], max, 'must be greater than or equal to `minReplicas`');
  }
  yield* validateTargetReference(spec.scaleTargetRef ?? {}, ['spec', 'scaleTargetRef']);
  for (const [i, metric] of (spec.metrics ?? []).entries()) yield* validateMetric(metric, ['spec', 'metrics', i]);
  yield* validateRules(spec.behavior?.scaleUp, 3600, ['spec', 'behavior', 'scaleUp']);
  yield* validateRules(spec.behavior?.scaleDown, 3600, ['spec', 'behavior', 'scaleDown']);
}

function* validateTargetReference(reference: { kind?: string; name?: string }, path: FieldPath): Iterable<FieldError> {
  for (const field of ['kind', 'name'] as const) {
    yield* required(reference[field], [...path, field]);
    yield* matches(pathSegment, reference[field], [...path, field]);
  }
}

const sources = {
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
  External: 'external',
  ContainerResource: 'containerResource',
} as const;

function* validateMetric(metric: MetricSpec, path: FieldPath): Iterable<FieldError> {
  if (!metric.type) {
    yield e.required([...path, 'type'], 'must specify a metric source type');
    return;
  }
  const field = sources[metric.type as keyof typeof sources];
  if (!field) {
    yield e.notSupported([...path, 'type'], metric.type, Object.keys(sources).sort());
    return;
  }
  const source = metric[field];
  if (!source) {
    yield e.required([...path, field], 'must populate information for the given metric source');
    return;
  }
  if (field === 'resource' || field === 'containerResource') {
    const one = metric[field];
    yield* required(one?.name, [...path, field, 'name'], 'must specify a resource name');
    yield* validateResourceTarget(one?.target ?? {}, [...path, field, 'target']);
  } else yield* validateValueTarget(source.target ?? {}, [...path, field, 'target']);
}

function* validateTargetType(target: MetricTarget, path: FieldPath): Iterable<FieldError> {
  if (!target.type) yield e.required([...path, 'type'], 'must specify a metric target type');
  else if (!['Utilization', 'Value', 'AverageValue'].includes(target.type)) {
    yield e.invalid([...path, 'type'], target.type, 'must be either Utilization, Value, or AverageValue');
  }
  for (const field of ['value', 'averageValue'] as const) {
    if (target[field] !== undefined) yield* quantityPositive(target[field], [...path, field]);
  }
  const utilization = target.averageUtilization;
  if (utilization !== undefined && utilization < 1) {
    yield e.invalid([...path, 'averageUtilization'], utilization, 'must be greater than 0');
  }
}

function* validateResourceTarget(target: MetricTarget, path: FieldPath): Iterable<FieldError> {
  yield* validateTargetType(target, path);
  if (target.averageUtilization === undefined && target.averageValue === undefined) {
    const detail = 'must set either a target raw value or a target utilization';
    yield e.required([...path, 'averageUtilization'], detail);
  }
  if (target.averageUtilization !== undefined && target.averageValue !== undefined) {
    yield e.forbidden([...path, 'averageValue'], 'may not set both a target raw value and a target utilization');
  }
}

function* validateValueTarget(target: MetricTarget, path: FieldPath): Iterable<FieldError> {
  yield* validateTargetType(target, path);
  if (target.value === undefined && target.averageValue === undefined) {
    yield e.required([...path, 'averageValue'], 'must specify either a target value or a target average value');
  }
}

function* validateRules(rules: HPAScalingRules | undefined, maxWindow: number, path: FieldPath): Iterable<FieldError> {
  if (!rules) return;
  const window = rules.stabilizationWindowSeconds;
  const at = [...path, 'stabilizationWindowSeconds'];
  if (window !== undefined && window < 0) yield e.invalid(at, window, 'must be greater than or equal to zero');
  if (window !== undefined && window > maxWindow) {
    yield e.invalid(at, window, `must be less than or equal to ${maxWindow}`);
  }
  if (rules.selectPolicy !== undefined) {
    yield* oneOf(rules.selectPolicy, ['Disabled', 'Max', 'Min'], [...path, 'selectPolicy'], false);
  }
  if ((rules.policies ?? []).length === 0) yield e.required([...path, 'policies'], 'must specify at least one Policy');
  for (const [i, policy] of (rules.policies ?? []).entries()) {
    const here = [...path, 'policies', i];
    yield* oneOf(policy.type, ['Percent', 'Pods'], [...here, 'type'], false);
    if ((policy.value ?? 0) <= 0) yield e.invalid([...here, 'value'], policy.value ?? 0, 'must be greater than zero');
    const period = policy.periodSeconds ?? 0;
    if (period <= 0) yield e.invalid([...here, 'periodSeconds'], period, 'must be greater than zero');
    if (period > 1800) yield e.invalid([...here, 'periodSeconds'], period, 'must be less than or equal to 1800');
  }
}
