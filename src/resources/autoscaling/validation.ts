import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { matches, nonNegative, oneOf, requiredMatch } from '../shared/check.ts';
import { dnsLabel, pathSegment } from '../shared/names.ts';
import { compareQuantities } from '../shared/quantity.ts';
import type { HorizontalPodAutoscaler, HPAScalingRules, MetricSpec, MetricTarget } from '../typings/autoscaling-v2.ts';

export function* validateAutoscaler(o: HorizontalPodAutoscaler): Iterable<FieldError> {
  const spec = o.spec ?? {};
  const min = spec.minReplicas;
  const max = spec.maxReplicas ?? 0;
  if (min !== undefined && min < 1) {
    yield e.invalid(['spec', 'minReplicas'], min, 'must be greater than or equal to 1');
  }
  if (max === 0) yield e.required(['spec', 'maxReplicas'], 'must be set and greater than 0');
  else if (max < 0) yield e.invalid(['spec', 'maxReplicas'], max, 'must be greater than or equal to 1');
  if (min !== undefined && max < min) {
    yield e.invalid(['spec', 'maxReplicas'], max, 'must be greater than or equal to `minReplicas`');
  }
  yield* validateTargetReference(spec.scaleTargetRef ?? {}, ['spec', 'scaleTargetRef']);
  for (const [i, metric] of (spec.metrics ?? []).entries()) yield* validateMetric(metric, ['spec', 'metrics', i]);
  yield* validateRules(spec.behavior?.scaleUp, 3600, ['spec', 'behavior', 'scaleUp']);
  yield* validateRules(spec.behavior?.scaleDown, 3600, ['spec', 'behavior', 'scaleDown']);
}

function* validateTargetReference(
  reference: { kind?: string; name?: string; apiVersion?: string },
  path: FieldPath,
): Iterable<FieldError> {
  for (const field of ['kind', 'name'] as const) yield* requiredMatch(pathSegment, reference[field], [...path, field]);
  const version = reference.apiVersion ?? '';
  if (version.split('/').length > 2) {
    yield e.invalid([...path, 'apiVersion'], version, `unexpected GroupVersion string: ${version}`);
  }
}

/** What can be scaled has a group, except ReplicationControllers. What an older server let pass stays. */
export function* validateTargetGroup(
  next: HorizontalPodAutoscaler,
  previous?: HorizontalPodAutoscaler,
): Iterable<FieldError> {
  const { kind, apiVersion = '' } = next.spec?.scaleTargetRef ?? {};
  const before = previous?.spec?.scaleTargetRef;
  if (previous && before?.kind === kind && (before?.apiVersion ?? '') === apiVersion) return;
  if (kind === 'ReplicationController' || apiVersion.lastIndexOf('/') > 0) return;
  yield e.invalid(['spec', 'scaleTargetRef', 'apiVersion'], apiVersion, 'apiVersion must specify API group');
}

export function* validateAutoscalerStatus(next: HorizontalPodAutoscaler): Iterable<FieldError> {
  for (const field of ['currentReplicas', 'desiredReplicas'] as const) {
    yield* nonNegative(next.status?.[field], ['status', field]);
  }
}

const fieldOfType: Record<string, string> = {
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
  External: 'external',
  ContainerResource: 'containerResource',
};
const types = Object.keys(fieldOfType).sort();

function* validateMetric(metric: MetricSpec, path: FieldPath): Iterable<FieldError> {
  const type = metric.type ?? '';
  if (!type) yield e.required([...path, 'type'], 'must specify a metric source type');
  if (!types.includes(type)) yield e.notSupported([...path, 'type'], type, types);
  const present = (['object', 'external', 'pods', 'resource', 'containerResource'] as const).filter(
    (field) => metric[field] !== undefined,
  );
  const first = present[0];
  if (first) yield* validateSource(first, metric, [...path, first]);
  const expected = fieldOfType[type];
  if (!expected) yield e.notSupported([...path, 'type'], type, types);
  else if (!present.some((field) => field === expected)) {
    yield e.required([...path, expected], 'must populate information for the given metric source');
  }
  if (present.length === 1) return;
  for (const field of present) {
    if (field !== expected) yield e.forbidden([...path, field], 'must populate the given metric source only');
  }
}

type SourceField = 'object' | 'external' | 'pods' | 'resource' | 'containerResource';

function* validateSource(field: SourceField, metric: MetricSpec, path: FieldPath): Iterable<FieldError> {
  switch (field) {
    case 'object': {
      const source = metric.object ?? {};
      yield* validateTargetReference(source.describedObject ?? {}, [...path, 'describedObject']);
      yield* validateMetricName(source.metric?.name, path);
      yield* validateTarget(source.target ?? {}, [...path, 'target']);
      yield* needsValue(source.target ?? {}, 'must set either a target value or averageValue', path);
      break;
    }
    case 'external': {
      const target = metric.external?.target ?? {};
      yield* validateMetricName(metric.external?.metric?.name, path);
      yield* validateTarget(target, [...path, 'target']);
      yield* needsValue(target, 'must set either a target value for metric or a per-pod target', path);
      if (target.value !== undefined && target.averageValue !== undefined) {
        const detail = 'may not set both a target value for metric and a per-pod target';
        yield e.forbidden([...path, 'target', 'value'], detail);
      }
      break;
    }
    case 'pods': {
      const target = metric.pods?.target ?? {};
      yield* validateMetricName(metric.pods?.metric?.name, path);
      yield* validateTarget(target, [...path, 'target']);
      if (target.averageValue === undefined) {
        yield e.required([...path, 'target', 'averageValue'], 'must specify a positive target averageValue');
      }
      break;
    }
    default:
      yield* validateResourceSource(field, metric, path);
  }
}

function* validateResourceSource(
  field: 'resource' | 'containerResource',
  metric: MetricSpec,
  path: FieldPath,
): Iterable<FieldError> {
  const source = metric[field] ?? {};
  if (!source.name) yield e.required([...path, 'name'], 'must specify a resource name');
  if (field === 'containerResource') {
    const name = metric.containerResource?.container;
    if (!name) yield e.required([...path, 'container'], 'must specify a container');
    else yield* matches(dnsLabel, name, [...path, 'container']);
  }
  const target = source.target ?? {};
  const at = [...path, 'target'];
  yield* validateTarget(target, at);
  if (target.averageUtilization === undefined && target.averageValue === undefined) {
    yield e.required([...at, 'averageUtilization'], 'must set either a target raw value or a target utilization');
  }
  if (target.averageUtilization !== undefined && target.averageValue !== undefined) {
    yield e.forbidden([...at, 'averageValue'], 'may not set both a target raw value and a target utilization');
  }
}

function* validateMetricName(name: string | undefined, path: FieldPath): Iterable<FieldError> {
  const at = [...path, 'metric', 'name'];
  if (!name) yield e.required(at, 'must specify a metric name');
  else yield* matches(pathSegment, name, at);
}

function* needsValue(target: MetricTarget, detail: string, path: FieldPath): Iterable<FieldError> {
  if (target.value === undefined && target.averageValue === undefined) {
    yield e.required([...path, 'target', 'averageValue'], detail);
  }
}

function* validateTarget(target: MetricTarget, path: FieldPath): Iterable<FieldError> {
  if (!target.type) yield e.required([...path, 'type'], 'must specify a metric target type');
  if (!['Utilization', 'Value', 'AverageValue'].includes(target.type ?? '')) {
    yield e.invalid([...path, 'type'], target.type ?? '', 'must be either Utilization, Value, or AverageValue');
  }
  for (const field of ['value', 'averageValue'] as const) {
    const value = target[field];
    if (value !== undefined && compareQuantities(value, '0') <= 0) {
      yield e.invalid([...path, field], value, 'must be positive');
    }
  }
  const utilization = target.averageUtilization;
  if (utilization !== undefined && utilization < 1) {
    yield e.invalid([...path, 'averageUtilization'], utilization, 'must be greater than 0');
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
