import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiError, ManualClock, silentLogger } from '../kernel/index.ts';
import type { Event } from '../schema/generated/index.ts';
import { createEventRecorder } from './event-recorder.ts';
import type { Client, EventSubject } from './types.ts';

interface Fixture {
  clock: ManualClock;
  written: Map<string, Event>;
  calls: string[];
  /** Throws to make a write fail. */
  gate: { check(): void | Promise<void> };
  recorder: ReturnType<typeof createEventRecorder>;
  settle(): Promise<void>;
}

function fixture(limit = 100): Fixture {
  const clock = new ManualClock();
  const written = new Map<string, Event>();
  const calls: string[] = [];
  const gate: Fixture['gate'] = { check() {} };
  const client = {
    async create(_ref: unknown, event: Event, { namespace = '' }) {
      await gate.check();
      const key = `${namespace}/${event.metadata.name}`;
      if (written.has(key)) throw apiError.alreadyExists({ group: '', resource: 'events' }, key);
      calls.push(`create ${event.message} ${event.count}`);
      written.set(key, event);
      return event;
    },
    async patch(_ref: unknown, name: string, _type: string, body: Partial<Event>, { namespace = '' }) {
      await gate.check();
      const key = `${namespace}/${name}`;
      const event = written.get(key);
      if (!event) throw apiError.notFound({ group: '', resource: 'events' }, name);
      calls.push(`patch ${body.message} ${body.count}`);
      written.set(key, { ...event, ...body });
      return event;
    },
  } as unknown as Client;
  const options = { client, clock, log: silentLogger, component: 'tester', host: 'node-1', limit };
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, written, calls, gate, recorder: createEventRecorder(options), settle };
}

const pod = (name: string): EventSubject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion: '7' },
  fieldPath: 'spec.containers{web}',
});

test('an event names its object, its source and when it was', async () => {
  const { recorder, written, settle } = fixture();
  recorder.event(pod('web'), 'Normal', 'Pulled', 'Image is there');
  await settle();
  const [[key, event] = []] = [...written];
  assert.match(key ?? '', /^shop\/web\.[0-9a-f]{16}$/);
  assert.deepEqual(event, {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: key?.slice('shop/'.length), namespace: 'shop' },
    involvedObject: {
      kind: 'Pod',
      namespace: 'shop',
      name: 'web',
      uid: 'uid-web',
      apiVersion: 'v1',
      resourceVersion: '7',
      fieldPath: 'spec.containers{web}',
    },
    reason: 'Pulled',
    message: 'Image is there',
    source: { component: 'tester', host: 'node-1' },
    firstTimestamp: '2026-01-01T00:00:00Z',
    lastTimestamp: '2026-01-01T00:00:00Z',
    count: 1,
    type: 'Normal',
    reportingComponent: 'tester',
    reportingInstance: 'node-1',
  });
});

test('events of cluster-scoped objects are in the default namespace; a name that is none is replaced', async () => {
  const { recorder, written, settle } = fixture();
  recorder.event({ kind: 'ClusterRole', metadata: { name: 'system:node' } }, 'Normal', 'A', 'a');
  await settle();
  assert.match([...written.keys()][0] ?? '', /^default\/[0-9a-f]{8}-/);
});

test('the same event again is counted', async () => {
  const { recorder, written, calls, clock, settle } = fixture();
  recorder.event(pod('web'), 'Warning', 'BackOff', 'no');
  await settle();
  clock.advance(5_000);
  recorder.event(pod('web'), 'Warning', 'BackOff', 'no');
  await settle();
  assert.deepEqual(calls, ['create no 1', 'patch no 2']);
  const [event] = [...written.values()];
  assert.equal(event?.firstTimestamp, '2026-01-01T00:00:00Z');
  assert.equal(event?.lastTimestamp, '2026-01-01T00:00:05Z');
});

test('what occurs again before it was written is one write', async () => {
  const { recorder, calls, settle } = fixture();
  for (let i = 0; i < 3; i++) recorder.event(pod('web'), 'Warning', 'BackOff', 'no');
  await settle();
  assert.deepEqual(calls, ['create no 3']);
});

test('an event that has expired is created again, and goes on counting', async () => {
  const { recorder, written, calls, settle } = fixture();
  recorder.event(pod('web'), 'Warning', 'BackOff', 'no');
  await settle();
  written.clear();
  recorder.event(pod('web'), 'Warning', 'BackOff', 'no');
  await settle();
  assert.deepEqual(calls, ['create no 1', 'create no 2']);
});

test('the tenth message of one reason within ten minutes combines them', async () => {
  const { recorder, calls, settle } = fixture();
  for (let i = 1; i <= 12; i++) {
    recorder.event(pod('web'), 'Normal', 'Tick', `tick ${i}`);
    await settle();
  }
  assert.deepEqual(calls.slice(8), [
    'create tick 9 1',
    'create (combined from similar events): tick 10 1',
    'patch (combined from similar events): tick 11 2',
    'patch (combined from similar events): tick 12 3',
  ]);
});

test('one object gets 25 events at once, then one in five minutes', async () => {
  const { recorder, calls, clock, settle } = fixture();
  for (let i = 0; i < 40; i++) recorder.event(pod('web'), 'Normal', `Reason${i}`, 'm');
  recorder.event(pod('other'), 'Normal', 'Reason', 'm');
  await settle();
  assert.equal(calls.length, 26);
  clock.advance(300_000);
  for (let i = 0; i < 3; i++) recorder.event(pod('web'), 'Normal', `Later${i}`, 'm');
  await settle();
  assert.equal(calls.length, 27);
});

test('a clock that is set back silences nobody', async () => {
  const { recorder, calls, clock, settle } = fixture();
  recorder.event(pod('web'), 'Normal', 'Before', 'm');
  const wallMs = clock.nowMs.bind(clock);
  clock.nowMs = () => wallMs() - 86_400_000;
  recorder.event(pod('web'), 'Normal', 'After', 'm');
  await settle();
  assert.equal(calls.length, 2);
});

test('beyond the limit the oldest that wait are dropped', async () => {
  const { recorder, calls, gate, settle } = fixture(3);
  const { promise, resolve } = Promise.withResolvers<void>();
  gate.check = () => promise;
  recorder.event(pod('a'), 'Normal', 'R', 'first');
  await settle();
  for (const name of ['b', 'c', 'd', 'e', 'f']) recorder.event(pod(name), 'Normal', 'R', name);
  resolve();
  await settle();
  assert.deepEqual(calls, ['create first 1', 'create d 1', 'create e 1', 'create f 1']);
});

test('a refusal drops the event, a failure holds them back', async () => {
  const { recorder, calls, gate, clock, settle } = fixture();
  const failures = [apiError.forbidden({ group: '', resource: 'events' }, 'x', 'no'), new Error('connection refused')];
  gate.check = () => {
    const failure = failures.shift();
    if (failure) throw failure;
  };
  for (const name of ['a', 'b', 'c']) recorder.event(pod(name), 'Normal', 'R', name);
  await settle();
  assert.deepEqual(calls, []);
  clock.advance(10_000);
  await settle();
  assert.deepEqual(calls, ['create b 1', 'create c 1']);
});

test('stopping does not wait for an API that is away', async () => {
  const { recorder, calls, gate, settle } = fixture();
  gate.check = () => {
    throw new Error('connection refused');
  };
  recorder.event(pod('a'), 'Normal', 'R', 'a');
  await settle();
  await recorder.stop();
  recorder.event(pod('b'), 'Normal', 'R', 'b');
  await settle();
  assert.deepEqual(calls, []);
});
