import type { FieldError } from '../../kernel/status.ts';
import { templateWarnings, workloadNameWarning } from '../core/pod/warnings.ts';
import { semanticEqual } from '../shared/equal.ts';
import { humanDuration } from '../shared/cells.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import { containersColumn, imagesColumn, selectorColumn } from '../shared/workload.ts';
import type { Job, JobSpec } from '../typings/batch.ts';
import { defaultPodTemplate } from '../core/pod/defaults.ts';
import { validateJobStatusUpdate } from './job-status.ts';
import { validateJobSpec, validateJobUpdate, validateOwnLabels } from './job-validation.ts';

/** batch/v1 Job. */
export const job = resource<Job>('batch/v1/jobs', {
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', value: statusCell },
    { name: 'Completions', type: 'string', value: completionsCell },
    { name: 'Duration', type: 'string', value: durationCell },
    ageColumn,
    containersColumn,
    imagesColumn,
    selectorColumn,
  ],
  selectableFields: { 'status.successful': (o) => String(o.status?.succeeded ?? 0) },
  defaultPropagation: 'Orphan',
  deleteWarning:
    'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning',
  generation: true,
  default(o) {
    o.spec ??= {};
    defaultJobSpec(o.spec);
    const labels = o.spec.template?.metadata?.labels;
    if (labels && Object.keys(o.metadata.labels ?? {}).length === 0) o.metadata.labels = { ...labels };
  },
  prepareForCreate: generateSelector,
  *validate(o): Iterable<FieldError> {
    yield* validateJobSpec(o.spec ?? {}, ['spec'], true);
    yield* validateOwnLabels(o);
  },
  validateUpdate: validateJobUpdate,
  *warnings(next, previous) {
    if (!previous) yield* workloadNameWarning(next.metadata.name ?? '');
    yield* templateWarnings(next, previous, next.spec?.template, ['spec', 'template']);
  },
  subresources: { status: statusSubresource<Job>({ validateUpdate: validateJobStatusUpdate }) },
});

function defaultJobSpec(spec: JobSpec): void {
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : 2147483647;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.manualSelector ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed';
  defaultJobParts(spec);
}

/** What a CronJob defaults of the Jobs it will make; the rest waits for the Job. */
export function defaultJobParts(spec: JobSpec): void {
  for (const rule of spec.podFailurePolicy?.rules ?? []) {
    for (const pattern of rule.onPodConditions ?? []) pattern.status ||= 'True';
  }
  spec.template ??= {};
  defaultPodTemplate(spec.template);
}

/** Unless the user asked to do it by hand, a Job selects its pods by its own UID. */
function generateSelector(o: Job): void {
  const spec = o.spec ?? {};
  if (spec.manualSelector) return;
  const uid = o.metadata.uid ?? '';
  const name = o.metadata.name ?? '';
  spec.template ??= {};
  const template = spec.template;
  template.metadata ??= {};
  // Labels taken over from the template get the generated ones too: upstream they are one map.
  const ownLabels = semanticEqual(o.metadata.labels, template.metadata.labels);
  const labels = { ...template.metadata.labels };
  labels['job-name'] ??= name;
  labels['batch.kubernetes.io/job-name'] ??= name;
  labels['controller-uid'] ??= uid;
  labels['batch.kubernetes.io/controller-uid'] ??= uid;
  template.metadata.labels = labels;
  if (ownLabels) o.metadata.labels = { ...labels };
  spec.selector ??= {};
  spec.selector.matchLabels = { ...spec.selector.matchLabels };
  spec.selector.matchLabels['batch.kubernetes.io/controller-uid'] ??= uid;
}

const statusOrder = [
  ['Complete', 'Complete'],
  ['Failed', 'Failed'],
  ['', 'Terminating'],
  ['Suspended', 'Suspended'],
  ['FailureTarget', 'FailureTarget'],
  ['SuccessCriteriaMet', 'SuccessCriteriaMet'],
] as const;

function statusCell(o: Job): string {
  const isTrue = (type: string): boolean => o.status?.conditions?.find((one) => one.type === type)?.status === 'True';
  const found = statusOrder.find(([type]) => (type ? isTrue(type) : o.metadata.deletionTimestamp !== undefined));
  return found?.[1] ?? 'Running';
}

function completionsCell(o: Job): string {
  const succeeded = o.status?.succeeded ?? 0;
  if (o.spec?.completions !== undefined) return `${succeeded}/${o.spec.completions}`;
  const parallelism = o.spec?.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationCell(o: Job, nowMs: number): string {
  if (!o.status?.startTime) return '';
  const endMs = o.status.completionTime ? Date.parse(o.status.completionTime) : nowMs;
  return humanDuration(endMs - Date.parse(o.status.startTime));
}
