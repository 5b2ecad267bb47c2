import { type FieldError, fieldError as e } from '../../kernel/status.ts';
import { templateWarnings, workloadNameWarning } from '../core/pod/warnings.ts';
import { containerImages, containerNames, goBool, since } from '../shared/cells.ts';
import { nonNegative, oneOf } from '../shared/check.ts';
import { formatSelector } from '../shared/labels.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import type { CronJob, CronJobSpec } from '../typings/batch.ts';
import { scheduleProblem } from './cron.ts';
import { defaultJobParts } from './job.ts';
import { validateJobSpec } from './job-validation.ts';

/** batch/v1 CronJob. */
export const cronJob = resource<CronJob>('batch/v1/cronjobs', {
  columns: [
    nameColumn,
    { name: 'Schedule', type: 'string', value: (o) => o.spec?.schedule ?? '' },
    { name: 'Timezone', type: 'string', value: (o) => o.spec?.timeZone ?? '<none>' },
    { name: 'Suspend', type: 'boolean', value: (o) => goBool(o.spec?.suspend) },
    { name: 'Active', type: 'integer', value: (o) => o.status?.active?.length ?? 0 },
    {
      name: 'Last Schedule',
      type: 'string',
      value: (o, nowMs) => (o.status?.lastScheduleTime ? since(o.status.lastScheduleTime, nowMs) : '<none>'),
    },
    ageColumn,
    { name: 'Containers', type: 'string', priority: 1, value: (o) => containerNames(podSpec(o)?.containers) },
    { name: 'Images', type: 'string', priority: 1, value: (o) => containerImages(podSpec(o)?.containers) },
    {
      name: 'Selector',
      type: 'string',
      priority: 1,
      value: (o) => formatSelector(o.spec?.jobTemplate?.spec?.selector),
    },
  ],
  generation: true,
  default(o) {
    o.spec ??= {};
    const spec = o.spec;
    spec.concurrencyPolicy ||= 'Allow';
    spec.suspend ??= false;
    spec.successfulJobsHistoryLimit ??= 3;
    spec.failedJobsHistoryLimit ??= 1;
    spec.jobTemplate ??= {};
    const template = spec.jobTemplate;
    template.spec ??= {};
    defaultJobParts(template.spec);
  },
  *validate(o) {
    yield* validateSpec(o.spec ?? {});
    if ((o.metadata.name ?? '').length > maxNameLength) {
      yield e.invalid(['metadata', 'name'], o.metadata.name, 'must be no more than 52 characters');
    }
  },
  *warnings(next, previous) {
    if (!previous) yield* workloadNameWarning(next.metadata.name ?? '');
    const path = ['spec', 'jobTemplate', 'spec', 'template'];
    yield* templateWarnings(next, previous, next.spec?.jobTemplate?.spec?.template, path);
  },
  subresources: { status: statusSubresource<CronJob>() },
});

const podSpec = (o: CronJob) => o.spec?.jobTemplate?.spec?.template?.spec;

/** The controller appends 11 characters to make the names of Jobs. */
const maxNameLength = 52;

function* validateSpec(spec: CronJobSpec): Iterable<FieldError> {
  const schedule = spec.schedule ?? '';
  if (!schedule) yield e.required(['spec', 'schedule']);
  else if (/^(CRON_)?TZ=/.test(schedule)) {
    yield e.invalid(['spec', 'schedule'], schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead');
  } else {
    const problem = scheduleProblem(schedule);
    if (problem) yield e.invalid(['spec', 'schedule'], schedule, problem);
  }
  yield* nonNegative(spec.startingDeadlineSeconds, ['spec', 'startingDeadlineSeconds']);
  yield* validateTimeZone(spec.timeZone);
  yield* oneOf(spec.concurrencyPolicy, ['Allow', 'Forbid', 'Replace'], ['spec', 'concurrencyPolicy']);
  yield* validateJobSpec(spec.jobTemplate?.spec ?? {}, ['spec', 'jobTemplate', 'spec'], false);
  yield* nonNegative(spec.successfulJobsHistoryLimit, ['spec', 'successfulJobsHistoryLimit']);
  yield* nonNegative(spec.failedJobsHistoryLimit, ['spec', 'failedJobsHistoryLimit']);
}

function* validateTimeZone(zone: string | undefined): Iterable<FieldError> {
  if (zone === undefined) return;
  const path = ['spec', 'timeZone'];
  if (!zone) yield e.invalid(path, zone, 'timeZone must be nil or non-empty string');
  else if (/^[a-z]*$/i.test(zone) && zone.toLowerCase() === 'local') {
    yield e.invalid(path, zone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones');
  } else if (!isKnownZone(zone)) yield e.invalid(path, zone, `unknown time zone ${zone}`);
}

function isKnownZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
