import { validateJobSpec } from './job-validation.ts';
import type { FieldPath } from '../../kernel/status.ts';
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { HookContext } from '../define.ts';
import type { Job, JobSpec } from '../typings/batch.ts';
import { scheduleProblem } from './cron.ts';
import { cronJob } from './cron-job.ts';
import { job } from './job.ts';
import { validateJobStatusUpdate } from './job-status.ts';

const context = {} as HookContext;
const template = () => ({
  metadata: { labels: { a: 'b' } },
  spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'busybox' }] },
});

function make(spec: Job['spec'] = {}): Job {
  const one: Job = { metadata: { name: 'j', namespace: 'n', uid: 'u1' }, spec: { template: template(), ...spec } };
  job.default?.(one);
  job.prepareForCreate?.(one, context);
  return one;
}

const messages = (errors: Iterable<{ field: string; message: string }> | undefined): string[] =>
  [...(errors ?? [])].map(({ field, message }) => `${field}: ${message}`);

test('a Job selects its pods by its own UID', () => {
  const one = make();
  assert.deepEqual(one.spec?.selector, { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u1' } });
  const labels = one.spec?.template?.metadata?.labels;
  assert.equal(labels?.['job-name'], 'j');
  assert.deepEqual(one.metadata.labels, labels);
  assert.deepEqual(messages(job.validate?.(one)), []);
});

test('a selector made by hand is left alone', () => {
  const one = make({ manualSelector: true, selector: { matchLabels: { a: 'b' } } });
  assert.deepEqual(one.spec?.selector, { matchLabels: { a: 'b' } });
  assert.deepEqual(one.spec?.template?.metadata?.labels, { a: 'b' });
});

test('a CronJob leaves the defaults of its Jobs to them', () => {
  const one = {
    metadata: { name: 'c' },
    spec: { schedule: '* * * * *', jobTemplate: { spec: { template: template() } } },
  };
  cronJob.default?.(one as never);
  assert.deepEqual(Object.keys(one.spec.jobTemplate.spec), ['template']);
  assert.deepEqual(messages(cronJob.validate?.(one as never)), []);
});

test('schedules', () => {
  for (const text of ['* * * * *', '*/5 0-6 1,15 * MON-FRI', '@daily', '@every 1h30m', '0 0 ? * 0']) {
    assert.equal(scheduleProblem(text), undefined, text);
  }
  for (const text of ['* * * *', '61 * * * *', 'a * * * *', '@never', '@every x']) {
    assert.notEqual(scheduleProblem(text), undefined, text);
  }
});

describe('the status of a Job', () => {
  const started = { startTime: '2024-01-01T00:00:00Z' };
  const done = {
    ...started,
    succeeded: 1,
    completionTime: '2024-01-01T00:01:00Z',
    conditions: [
      { type: 'SuccessCriteriaMet', status: 'True' },
      { type: 'Complete', status: 'True' },
    ],
  };
  const change = (next: Job['status'], before: Job['status']): string[] =>
    messages(
      validateJobStatusUpdate(
        { ...make(), ...(next && { status: next }) },
        { ...make(), ...(before && { status: before }) },
      ),
    );

  test('goes from started to done', () => {
    assert.deepEqual(change({ ...started, active: 1 }, {}), []);
    assert.deepEqual(change(done, started), []);
  });

  test('does not come back', () => {
    const [message = ''] = change({ ...done, conditions: done.conditions.slice(0, 1) }, done);
    assert.match(message, /cannot disable the terminal Complete=True condition|cannot set completionTime/);
    assert.match(change({ ...done, succeeded: 0 }, done).join(), /cannot decrease the succeeded counter/);
  });

  test('has no pods once it is done', () => {
    assert.match(change({ ...done, active: 1 }, started).join(), /active>0 is invalid for finished job/);
  });
});

test('a CronJob makes the selectors of its Jobs, and exit codes need an operator and values', () => {
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } };
  const podFailurePolicy = { rules: [{ action: 'Count', onExitCodes: {} }] };
  const path: FieldPath = ['spec'];
  const texts = (spec: JobSpec): string[] =>
    [...validateJobSpec(spec, path, false)].map((one) => `${one.field}: ${one.message}`);
  const defaulted: Job = { metadata: {}, spec: { template, selector: {}, podFailurePolicy } };
  job.default?.(defaulted as never);
  assert.deepEqual(texts(defaulted.spec ?? {}), [
    'spec.podFailurePolicy.rules[0].onExitCodes.operator: Required value: valid values: ["In" "NotIn"]',
    'spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: null: at least one value is required',
    'spec.selector: Invalid value: {}: `selector` will be auto-generated',
  ]);
});
