import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualClock, silentLogger } from '../kernel/index.ts';
import type { KubeObject } from '../schema/object.ts';
import { follow } from './follow.ts';
import type { Client, ListOptions, WatchHandler, WatchOptions } from './types.ts';

const ref = { group: '', version: 'v1', resource: 'nodes' };

type Told = { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: KubeObject };

/** A list that is watched, page by page. */
class Source {
  readonly objects = new Map<string, KubeObject>();
  readonly #events: Told[] = [];
  readonly #pages = new Map<string, { items: KubeObject[]; resourceVersion: string }>();
  #handler: WatchHandler<KubeObject> | undefined;
  lists = 0;

  readonly client = {
    list: async (_ref: unknown, { limit, continue: from = '' }: ListOptions) => {
      this.lists++;
      const whole = { items: [...this.objects.values()], resourceVersion: String(this.#events.length) };
      const { items, resourceVersion } = this.#pages.get(from) ?? whole;
      if (!limit || items.length <= limit) return { items, resourceVersion };
      const next = `page-${this.#pages.size}`;
      this.#pages.set(next, { items: items.slice(limit), resourceVersion });
      return { items: items.slice(0, limit), resourceVersion, continue: next };
    },
    watch: (_ref: unknown, { resourceVersion }: WatchOptions, handler: WatchHandler<KubeObject>) => {
      this.#handler = handler;
      for (const event of this.#events.slice(Number(resourceVersion))) handler.event(event);
      return { stop: () => this.#end(handler) };
    },
  } as unknown as Client;

  #end(handler: WatchHandler<KubeObject>): void {
    if (this.#handler === handler) this.#handler = undefined;
  }

  #tell(event: Told): void {
    this.#events.push(event);
    this.#handler?.event(event);
  }

  put(name: string, uid = name): void {
    const object = { metadata: { name, uid, resourceVersion: String(this.#events.length + 1) } };
    const type = this.objects.has(name) ? 'MODIFIED' : 'ADDED';
    this.objects.set(name, object);
    this.#tell({ type, object });
  }

  delete(name: string): void {
    const object = this.objects.get(name);
    if (this.objects.delete(name) && object) this.#tell({ type: 'DELETED', object });
  }

  lose(): void {
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.closed(new Error('lost'));
  }
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};

function start(source: Source, failing: () => boolean, pageSize?: number) {
  const clock = new ManualClock();
  const known = new Map<string, KubeObject>();
  const told: string[] = [];
  const following = follow<KubeObject>(
    ref,
    { client: source.client, clock, log: silentLogger, ...(pageSize && { pageSize }) },
    {
      changed(object, deleted) {
        if (failing()) throw new Error('the follower has a fault');
        const { uid = '' } = object.metadata;
        if (deleted) known.delete(uid);
        else known.set(uid, object);
      },
      present(uids) {
        for (const uid of known.keys()) if (!uids.has(uid)) known.delete(uid);
      },
      listed: () => told.push('listed'),
      relisted: () => told.push('relisted'),
    },
  );
  return { clock, known, told, following };
}

test('a follower that fails at one object is told of the others, and of everything again', async () => {
  const source = new Source();
  for (const name of ['a', 'b', 'c']) source.put(name);
  let calls = 0;
  const { clock, known, told } = start(source, () => ++calls === 1);
  await settle();
  assert.deepEqual([...known.keys()], ['b', 'c']);
  assert.deepEqual(told, ['listed']);
  clock.advance(50);
  await settle();
  assert.deepEqual([...known.keys()].sort(), ['a', 'b', 'c']);
  assert.deepEqual(told, ['listed', 'relisted']);
});

test('a follower that fails at an event goes on being told, and catches up', async () => {
  const source = new Source();
  let fails = false;
  const { clock, known } = start(source, () => fails);
  await settle();
  fails = true;
  source.put('a');
  fails = false;
  source.put('b');
  assert.deepEqual([...known.keys()], ['b']);
  clock.advance(50);
  await settle();
  assert.deepEqual([...known.keys()].sort(), ['a', 'b']);
});

test('a quiet watch that ends every few minutes is begun anew at once each time', async () => {
  const source = new Source();
  const { clock, known } = start(source, () => false);
  await settle();
  for (let end = 0; end < 20; end++) {
    clock.advance(300_000);
    source.lose();
    source.objects.set(`unseen-${end}`, { metadata: { name: `unseen-${end}`, uid: `unseen-${end}` } });
    clock.advance(50);
    await settle();
    assert.ok(known.has(`unseen-${end}`), `after end ${end}`);
  }
});

test('a follower that fails for good is told ever more rarely', async () => {
  const source = new Source();
  source.put('a');
  const { clock } = start(source, () => true);
  await settle();
  for (let second = 0; second < 600; second++) {
    clock.advance(1_000);
    source.put('a');
    await settle();
  }
  assert.ok(source.lists < 40, `${source.lists} lists`);
});

test('whatever is lost or fails, a follower comes to know what there is', async () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const step = fc.oneof(
    fc.record({ do: fc.constant('put' as const), name, life: fc.nat(2) }),
    fc.record({ do: fc.constant('delete' as const), name }),
    fc.record({ do: fc.constantFrom('lose' as const, 'fail' as const, 'relist' as const) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat(200) }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25 }),
      fc.option(fc.integer({ min: 1, max: 3 })),
      async (steps, page) => {
        const source = new Source();
        let failures = 0;
        const { clock, known, following } = start(source, () => failures > 0 && failures-- > 0, page ?? undefined);
        for (const at of steps) {
          if (at.do === 'put')
            source.put(at.name, source.objects.get(at.name)?.metadata.uid ?? `${at.name}-${at.life}`);
          else if (at.do === 'delete') source.delete(at.name);
          else if (at.do === 'lose') source.lose();
          else if (at.do === 'fail') failures++;
          else if (at.do !== 'wait') following.relist();
          else {
            clock.advance(at.ms);
            await settle();
          }
        }
        failures = 0;
        for (let turn = 0; turn < 3; turn++) {
          await settle();
          clock.advance(30_000);
        }
        await settle();
        const versions = (objects: Iterable<KubeObject>): unknown[] =>
          [...objects].map(({ metadata }) => `${metadata.uid}@${metadata.resourceVersion}`).sort();
        assert.deepEqual(versions(known.values()), versions(source.objects.values()));
      },
    ),
    { numRuns: 150 },
  );
});
