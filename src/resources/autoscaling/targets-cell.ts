import { withMore } from '../shared/cells.ts';
import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
} from '../typings/autoscaling-v2.ts';

/** `cpu: 50%/80%`, two metrics, then ` + n more...`. */
export function targetsCell(o: HorizontalPodAutoscaler): string {
  const statuses = o.status?.currentMetrics ?? [];
  const cells = (o.spec?.metrics ?? []).map((spec, i) => metricCell(spec, statuses[i]));
  return withMore(cells, 2, ', ', '<none>');
}

function metricCell(spec: MetricSpec, status: MetricStatus | undefined): string {
  switch (spec.type) {
    case 'External':
      return valueCell(spec.external?.target, status?.external?.current);
    case 'Object':
      return valueCell(spec.object?.target, status?.object?.current);
    case 'Pods':
      return `${status?.pods?.current?.averageValue ?? '<unknown>'}/${spec.pods?.target?.averageValue ?? '0'}`;
    case 'Resource':
      return resourceCell(spec.resource, status?.resource?.current);
    case 'ContainerResource':
      return resourceCell(spec.containerResource, status?.containerResource?.current);
    default:
      return '<unknown type>';
  }
}

function valueCell(target: MetricTarget | undefined, current: MetricValueStatus | undefined): string {
  if (target?.averageValue !== undefined) return `${current?.averageValue ?? '<unknown>'}/${target.averageValue} (avg)`;
  return `${current?.value ?? '<unknown>'}/${target?.value ?? '0'}`;
}

function resourceCell(
  source: { name?: string; target?: MetricTarget } | undefined,
  current: MetricValueStatus | undefined,
): string {
  const target = source?.target;
  if (target?.averageValue !== undefined) {
    return `${source?.name}: ${current?.averageValue ?? '<unknown>'}/${target.averageValue}`;
  }
  const percent = (value: number | undefined, none: string): string => (value === undefined ? none : `${value}%`);
  const now = percent(current?.averageUtilization, '<unknown>');
  return `${source?.name}: ${now}/${percent(target?.averageUtilization, '<auto>')}`;
}
