import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '../../client/types.ts';
import { apiError, ManualClock, silentLogger } from '../../kernel/index.ts';
import type { Pod, PodStatus } from '../../schema/generated/index.ts';
import { mergeStatus, StatusWriter } from './status-writer.ts';
import { podOf } from './testing.ts';

const pods = { group: '', resource: 'pods' };

function fixture(first: PodStatus = { phase: 'Pending' }) {
  const clock = new ManualClock();
  const calls: string[] = [];
  const failures: Error[] = [];
  let stored: Pod | undefined = podOf({}, first);
  const client = {
    get: async () => {
      if (!stored) throw apiError.notFound(pods, 'web');
      return stored;
    },
    update: async (_ref: unknown, pod: Pod) => {
      const failure = failures.shift();
      calls.push(failure ? `failed ${pod.status?.phase}` : `update ${pod.status?.phase}`);
      if (failure) throw failure;
      stored = pod;
      return pod;
    },
    delete: async (_ref: unknown, _name: string, options: object) => {
      calls.push(`delete ${JSON.stringify(options)}`);
      stored = undefined;
    },
  } as unknown as Client;
  const writer = new StatusWriter({ client, clock, log: silentLogger });
  writer.seen(stored);
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const change = (pod: Pod): void => {
    stored = pod;
    writer.seen(pod);
  };
  return { writer, clock, calls, failures, settle, change, stored: () => stored };
}

test('a status is written once, and not again while it is the same', async () => {
  const { writer, calls, settle } = fixture();
  writer.publish({ phase: 'Running' }, false);
  await settle();
  writer.publish({ phase: 'Running' }, false);
  await settle();
  assert.deepEqual(calls, ['update Running']);
});

test('what comes while one is written is written after it, the newest only', async () => {
  const { writer, calls, settle } = fixture();
  writer.publish({ phase: 'Running', reason: '1' }, false);
  writer.publish({ phase: 'Running', reason: '2' }, false);
  writer.publish({ phase: 'Failed', reason: '3' }, false);
  await settle();
  assert.deepEqual(calls, ['update Running', 'update Failed']);
});

test('a failed write is tried again, a lost race at once, never in a tight loop', async () => {
  const { writer, calls, failures, settle, clock } = fixture();
  failures.push(apiError.modified(pods, 'web'), apiError.internal('no'));
  writer.publish({ phase: 'Running' }, false);
  await settle();
  assert.deepEqual(calls, ['failed Running']);
  clock.advance(10);
  await settle();
  assert.deepEqual(calls, ['failed Running', 'failed Running']);
  clock.advance(200);
  await settle();
  assert.deepEqual(calls, ['failed Running', 'failed Running', 'update Running']);
});

test('the object of a pod that has ended goes only when it is being deleted', async () => {
  const { writer, calls, settle, change, stored } = fixture({ phase: 'Succeeded' });
  writer.publish({ phase: 'Succeeded' }, true);
  await settle();
  assert.deepEqual(calls, []);
  const pod = stored() as Pod;
  change({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
  writer.publish({ phase: 'Succeeded' }, true);
  await settle();
  assert.deepEqual(calls, ['delete {"namespace":"default","gracePeriodSeconds":0,"preconditions":{"uid":"u1"}}']);
});

test('another pod of the same name is left alone', async () => {
  const { writer, calls, settle, change, stored } = fixture();
  const pod = stored() as Pod;
  change({ ...pod, metadata: { ...pod.metadata, uid: 'u2' } });
  writer.seen(pod);
  writer.publish({ phase: 'Running' }, false);
  await settle();
  assert.deepEqual(calls, []);
});

test('others’ conditions stay as the API has them', () => {
  const merged = mergeStatus(
    {
      phase: 'Running',
      conditions: [
        { type: 'gate', status: 'True' },
        { type: 'Ready', status: 'False' },
      ],
    },
    {
      phase: 'Running',
      conditions: [
        { type: 'gate', status: 'False' },
        { type: 'Ready', status: 'True' },
      ],
    },
  );
  assert.deepEqual(merged.conditions, [
    { type: 'gate', status: 'True' },
    { type: 'Ready', status: 'True' },
  ]);
});
