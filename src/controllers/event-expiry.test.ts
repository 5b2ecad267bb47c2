import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { testCluster } from '../api/testing/cluster.ts';
import type { Client, ResourceRef } from '../client/types.ts';
import { formatTime, ManualClock, silentLogger } from '../kernel/index.ts';
import { definitions } from '../resources/index.ts';
import type { Event } from '../schema/generated/index.ts';
import type { KubeObject } from '../schema/object.ts';
import { eventExpiry, eventLifeMs, expiryOf } from './event-expiry.ts';
import { controllerUser } from './index.ts';

const events: ResourceRef = { group: '', version: 'v1', resource: 'events' };
const namespace = 'default';
const minuteMs = 60_000;

interface Fixture {
  client: Client;
  /** Lists that the controller has asked for. */
  lists(): number;
  advance(byMs: number): Promise<void>;
  make(name: string): Promise<Event>;
  names(): Promise<string[]>;
  start(): void;
}

async function withCluster(body: (fixture: Fixture) => Promise<void>, startMs?: number): Promise<void> {
  const clock = new ManualClock(startMs);
  const cluster = await testCluster({ definitions, clock });
  const client = cluster.api.client(controllerUser('apiserver'));
  let lists = 0;
  const counting = new Proxy(client, {
    get(target, member) {
      if (member === 'list') lists++;
      return Reflect.get(target, member).bind(target);
    },
  });
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 200; i++) await turn();
  };
  let stop = async (): Promise<void> => {};
  try {
    await body({
      client,
      lists: () => lists,
      async advance(byMs) {
        clock.advance(byMs);
        await settle();
      },
      async make(name) {
        const event = {
          metadata: { name, namespace },
          involvedObject: { kind: 'Pod', name: 'p', namespace },
          count: 1,
        };
        return client.create<KubeObject, Event>(events, event as KubeObject, { namespace });
      },
      async names() {
        await settle();
        return (await client.list<Event>(events)).items.map(({ metadata }) => metadata.name ?? '');
      },
      start() {
        const controller = eventExpiry({ clientFor: () => counting, clock, log: silentLogger });
        stop = () => controller.stop();
      },
    });
  } finally {
    await stop();
    await cluster.close();
  }
}

test('an event goes an hour after it was written, at the next full minute', () =>
  withCluster(async ({ make, names, advance, start }) => {
    start();
    await make('a');
    await advance(30 * minuteMs + 1_000);
    await make('b');
    await advance(30 * minuteMs - 1_001);
    assert.deepEqual(await names(), ['a', 'b']);
    await advance(1);
    assert.deepEqual(await names(), ['b']);
    await advance(30 * minuteMs);
    assert.deepEqual(await names(), ['b']);
    await advance(minuteMs);
    assert.deepEqual(await names(), []);
  }));

test('an event that is written again lives on', () =>
  withCluster(async ({ client, make, names, advance, start }) => {
    start();
    const event = await make('a');
    await advance(59 * minuteMs);
    const lastTimestamp = formatTime(Date.parse(event.metadata.creationTimestamp ?? '') + 59 * minuteMs);
    await client.update(events, { ...event, count: 2, lastTimestamp } as KubeObject);
    await advance(59 * minuteMs);
    assert.deepEqual(await names(), ['a']);
    await advance(minuteMs);
    assert.deepEqual(await names(), []);
  }));

test('what became old while the program was down goes within a minute, in pages', () =>
  withCluster(async ({ make, names, advance, start }) => {
    for (let i = 0; i < 450; i++) await make(`e${i}`);
    await advance(3 * eventLifeMs);
    start();
    await advance(0);
    assert.equal((await names()).length, 450);
    await advance(minuteMs);
    assert.deepEqual(await names(), []);
  }));

test('without events there is one look after the start and no more; with some, only when the first is due', () =>
  withCluster(async ({ make, names, lists, advance, start }) => {
    start();
    await advance(24 * eventLifeMs);
    const idle = lists();
    await advance(24 * eventLifeMs);
    assert.equal(lists(), idle);
    await make('a');
    await make('b');
    await advance(59 * minuteMs);
    assert.equal(lists(), idle);
    await advance(minuteMs);
    assert.deepEqual(await names(), []);
    await advance(24 * eventLifeMs);
    assert.equal(lists(), idle + 1);
  }));

test('times that lie ahead are not believed', () => {
  const nowMs = Date.UTC(2026, 5, 1);
  const at = (ms: number): string => formatTime(ms);
  const event = (creationMs: number, lastMs: number): Event =>
    ({ metadata: { creationTimestamp: at(creationMs) }, lastTimestamp: at(lastMs), involvedObject: {} }) as Event;
  assert.equal(expiryOf(event(nowMs - 5_000, nowMs - 1_000), nowMs), nowMs - 1_000 + eventLifeMs);
  assert.equal(expiryOf(event(nowMs - 5_000, nowMs + 1_000), nowMs), nowMs - 5_000 + eventLifeMs);
  assert.equal(expiryOf(event(nowMs + 9_000, nowMs + 1_000), nowMs), nowMs + eventLifeMs);
});
