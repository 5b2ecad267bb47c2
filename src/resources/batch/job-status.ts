// Rules of what a Job's controller, which need not be ours, may write into its status.
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { nonNegative } from '../shared/check.ts';
import { semanticEqual } from '../shared/equal.ts';
import type { Job, JobStatus } from '../typings/batch.ts';
import { indexesProblem } from './job-validation.ts';

const counters = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const;
const at = (field: string): FieldPath => ['status', field];

/** An error at the conditions, which are not printed. */
const badConditions = (detail: string): FieldError => ({
  ...e.invalid(at('conditions'), '', detail),
  message: `Invalid value: ${detail}`,
});

const isTrue = (status: JobStatus, type: string): boolean =>
  status.conditions?.find((one) => one.type === type)?.status === 'True';
const isFinished = (status: JobStatus): boolean => isTrue(status, 'Complete') || isTrue(status, 'Failed');

/** Only what an update changes is held against it, so that a Job with an odd status can still be repaired. */
export function* validateJobStatusUpdate(next: Job, previous: Job): Iterable<FieldError> {
  const status = next.status ?? {};
  const before = previous.status ?? {};
  for (const field of counters) yield* nonNegative(status[field], at(field));
  yield* validateConditions(next, status, before);
  yield* validateTimes(next, status, before);
  yield* validateFinished(status, before);
  yield* validateIndexes(next, status, before);
  yield* validateTransitions(next, status, before);
}

function* validateConditions(o: Job, status: JobStatus, before: JobStatus): Iterable<FieldError> {
  const [complete, failed] = [isTrue(status, 'Complete'), isTrue(status, 'Failed')];
  const [target, met] = [isTrue(status, 'FailureTarget'), isTrue(status, 'SuccessCriteriaMet')];
  const changed = (type: string): boolean => isTrue(status, type) !== isTrue(before, type);
  if (complete && failed && (changed('Complete') || changed('Failed'))) {
    yield badConditions('cannot set Complete=True and Failed=true conditions');
  }
  if (complete && target && (changed('Complete') || changed('FailureTarget'))) {
    yield badConditions('cannot set Complete=True and FailureTarget=true conditions');
  }
  if (failed && !target && (changed('Failed') || status.failedIndexes !== before.failedIndexes)) {
    yield badConditions('cannot set Failed=True condition without the FailureTarget=true condition');
  }
  if (complete && !met && (changed('Complete') || changed('SuccessCriteriaMet'))) {
    yield badConditions('cannot set Complete=True condition without the SuccessCriteriaMet=true condition');
  }
  if (met && failed) yield badConditions('cannot set SuccessCriteriaMet=True and Failed=true conditions');
  if (met && target) yield badConditions('cannot set SuccessCriteriaMet=True and FailureTarget=true conditions');
  if (o.spec?.successPolicy && !met && complete) {
    yield badConditions('cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True');
  }
}

function* validateTimes(o: Job, status: JobStatus, before: JobStatus): Iterable<FieldError> {
  const { startTime, completionTime } = status;
  const complete = isTrue(status, 'Complete');
  const completionChanged = completionTime !== before.completionTime;
  const finishChanged = complete !== isTrue(before, 'Complete') || completionChanged;
  if (completionTime && !complete && finishChanged) {
    const detail = 'cannot set completionTime when there is no Complete=True condition';
    yield e.invalid(at('completionTime'), completionTime, detail);
  }
  if (!completionTime && complete && finishChanged) {
    yield e.required(at('completionTime'), 'completionTime is required for Complete jobs');
  }
  const reversed = startTime && completionTime && Date.parse(completionTime) < Date.parse(startTime);
  if (reversed && (completionChanged || startTime !== before.startTime)) {
    yield e.invalid(at('completionTime'), completionTime, 'must be equal to or after `startTime`');
  }
  if (completionTime && before.completionTime && completionChanged) {
    yield e.invalid(at('completionTime'), completionTime, 'field is immutable');
  }
  const resumes =
    isTrue(before, 'Suspended') && status.conditions?.some((one) => one.type === 'Suspended' && one.status === 'False');
  if (before.startTime && startTime !== before.startTime && !resumes && !o.spec?.suspend) {
    yield e.invalid(at('startTime'), startTime ?? null, 'field is immutable for unsuspended job once set');
  }
  const emptyAndSuspended = o.spec?.suspend === true && o.spec.completions === 0;
  const startMatters = isFinished(status) !== isFinished(before) || startTime !== before.startTime;
  if (!startTime && isFinished(status) && startMatters && !emptyAndSuspended) {
    yield e.required(at('startTime'), 'startTime is required for finished job');
  }
}

function* validateFinished(status: JobStatus, before: JobStatus): Iterable<FieldError> {
  const { active = 0, ready, terminating = 0 } = status;
  if ((ready ?? 0) > active && (ready !== before.ready || active !== (before.active ?? 0))) {
    yield e.invalid(at('ready'), ready, 'cannot set more ready pods than active');
  }
  if (!isFinished(status)) return;
  const turned = !isFinished(before);
  if (active > 0 && (turned || active !== (before.active ?? 0))) {
    yield e.invalid(at('active'), active, 'active>0 is invalid for finished job');
  }
  if (terminating > 0 && (turned || terminating !== (before.terminating ?? 0))) {
    yield e.invalid(at('terminating'), terminating, 'terminating>0 is invalid for finished job');
  }
  const uncounted = status.uncountedTerminatedPods;
  const count = (uncounted?.failed ?? []).length + (uncounted?.succeeded ?? []).length;
  if (count > 0 && (turned || !semanticEqual(uncounted, before.uncountedTerminatedPods))) {
    yield e.invalid(at('uncountedTerminatedPods'), uncounted, 'must be empty for finished job');
  }
}

function* validateIndexes(o: Job, status: JobStatus, before: JobStatus): Iterable<FieldError> {
  const { completions, completionMode, backoffLimitPerIndex } = o.spec ?? {};
  for (const field of ['completedIndexes', 'failedIndexes'] as const) {
    const text = status[field];
    if (text === undefined || text === before[field]) continue;
    if (field === 'failedIndexes' && backoffLimitPerIndex === undefined) {
      yield e.invalid(at(field), text, 'cannot set non-null failedIndexes when backoffLimitPerIndex is null');
      continue;
    }
    const problem = completions === undefined ? undefined : indexesProblem(text, completions);
    if (problem) yield e.invalid(at(field), text, `error parsing ${field}: ${problem}`);
    if (field === 'completedIndexes' && text && completionMode !== 'Indexed') {
      yield e.invalid(at(field), text, 'cannot set non-empty completedIndexes when non-indexed completion mode');
    }
  }
}

function* validateTransitions(o: Job, status: JobStatus, before: JobStatus): Iterable<FieldError> {
  for (const type of ['Failed', 'Complete', 'FailureTarget']) {
    if (isTrue(before, type) && !isTrue(status, type)) {
      yield badConditions(`cannot disable the terminal ${type}=True condition`);
    }
  }
  const { failed = 0, succeeded = 0 } = status;
  if (failed < (before.failed ?? 0)) yield e.invalid(at('failed'), failed, 'cannot decrease the failed counter');
  const elastic = o.spec?.completionMode === 'Indexed' && o.spec.completions === o.spec.parallelism;
  if (!elastic && succeeded < (before.succeeded ?? 0)) {
    yield e.invalid(at('succeeded'), succeeded, 'cannot decrease the succeeded counter');
  }
  const met = 'SuccessCriteriaMet';
  if (isTrue(before, met) && !isTrue(status, met)) {
    yield badConditions('cannot disable the SuccessCriteriaMet=True condition');
  }
  if (isTrue(before, 'Complete') && !isTrue(before, met) && isTrue(status, met)) {
    yield badConditions('cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions');
  }
}
