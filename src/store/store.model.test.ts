/** Any sequence of writes, failures, flushes, restarts and crashes leaves the store as a simple model says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '../kernel/clock.ts';
import { memoryBackend } from './backends/memory.ts';
import { openSampleStore, podKind, put, remove, sampleBudget, sampleOf } from './testing.ts';
import { type Backend, CompactedError, HeadMovedError, type Selection, type Store, type StoreEvent } from './types.ts';

interface Version {
  revision: number;
  payload: string;
  nodeName: string;
}

type State = ReadonlyMap<string, Version>;

const names = ['a', 'b', 'c', 'd', 'e'];
const nodes = ['n1', 'n2'];

const action = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      name: fc.constantFrom(...names),
      nodeName: fc.constantFrom(...nodes),
      isSoft: fc.boolean(),
      isStale: fc.nat(6).map((n) => n === 0),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('delete' as const), name: fc.constantFrom(...names), isSoft: fc.boolean() }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fail' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('restart' as const, 'crash' as const) }) },
);

/** The store under test and what it must look like. */
class World {
  readonly #disk = memoryBackend();
  readonly #clock = new ManualClock();
  #store: Store | undefined;
  #life = 0;
  #failNext = false;
  /** Published states by revision. */
  #states = new Map<number, State>([[0, new Map()]]);
  #pending: Promise<unknown>[] = [];
  #events: StoreEvent[] = [];
  /** Revision of each object's last acknowledged hard put, unless it has been deleted since. */
  #hard = new Map<string, number>();
  #n = 0;

  get store(): Store {
    return this.#store!;
  }

  async open(): Promise<void> {
    const inner = this.#disk;
    const life = ++this.#life;
    const backend: Backend = {
      ...inner,
      commit: async (changes, options) => {
        // A store that has crashed reaches the disk no more.
        if (life !== this.#life) return new Promise(() => {});
        if (this.#failNext) {
          this.#failNext = false;
          throw new Error('disk full');
        }
        return inner.commit(changes, options);
      },
    };
    this.#store = await openSampleStore({
      backend,
      clock: this.#clock,
      budget: { ...sampleBudget, decodedObjects: 3 },
    });
    this.#follow();
  }

  #follow(): void {
    this.#events = [];
    this.#states = new Map([[this.store.revision, this.#look({})]]);
    this.store.subscribe(podKind, this.store.revision, {
      event: (event) => {
        this.#events.push(event);
        const state = new Map(this.#newest());
        if (event.type === 'delete') state.delete(event.name);
        else state.set(event.name, this.#version(event.current));
        this.#states.set(event.revision, state);
      },
      closed: () => {},
    });
  }

  #newest(): State {
    return [...this.#states.values()].at(-1)!;
  }

  #version(entry: Parameters<Store['bytes']>[0]): Version {
    const { payload, nodeName, revision } = sampleOf(this.store, entry);
    assert.equal(revision, String(entry.revision));
    return { revision: entry.revision, payload: payload!, nodeName: nodeName! };
  }

  #look(selection: Selection, at?: number): Map<string, Version> {
    using list = this.store.list(podKind, selection, at);
    return new Map(list.entries.map((entry) => [entry.name, this.#version(entry)]));
  }

  put(name: string, nodeName: string, isSoft: boolean, isStale: boolean): void {
    const expected = (this.store.head(podKind, 'default', name)?.revision ?? 0) + (isStale ? 1 : 0);
    const durability = isSoft ? 'soft' : 'hard';
    const payload = `${++this.#n}`.repeat(1 + (this.#n % 50));
    const write = put(this.store, name, { durability, nodeName, payload, expectedRevision: expected });
    if (isStale) this.#pending.push(assert.rejects(write, HeadMovedError));
    else this.#note(write, (revision) => !isSoft && this.#hard.set(name, revision));
  }

  delete(name: string, isSoft: boolean): void {
    if (!this.store.head(podKind, 'default', name)) return;
    this.#note(remove(this.store, name, { durability: isSoft ? 'soft' : 'hard' }), () => this.#hard.delete(name));
  }

  #note(write: Promise<{ revision: number }>, answered: (revision: number) => unknown): void {
    const noted = write.then(
      ({ revision }) => {
        assert.ok(this.store.revision >= revision);
        answered(revision);
      },
      (error: Error) => assert.match(error.message, /disk full/),
    );
    this.#pending.push(noted);
  }

  async settle(): Promise<void> {
    await Promise.all(this.#pending.splice(0));
    assert.deepEqual(this.#look({}), new Map([...this.#newest()].sort()));
  }

  failNext(): void {
    this.#failNext = true;
  }

  async flush(): Promise<void> {
    this.#clock.advance(sampleBudget.softFlushMs);
    await new Promise(setImmediate);
  }

  async restart(): Promise<void> {
    await this.settle();
    this.#failNext = false;
    const before = this.#look({});
    const { revision } = this.store;
    await this.store.close();
    await this.open();
    assert.deepEqual(this.#look({}), before);
    assert.ok(this.store.revision >= revision);
  }

  /** Leaves the store as it is and opens the disk again. */
  async crash(): Promise<void> {
    await this.settle();
    this.#failNext = false;
    const { revision } = this.store;
    await this.open();
    assert.ok(this.store.revision >= revision);
    for (const [name, hard] of this.#hard) {
      assert.ok((this.#newest().get(name)?.revision ?? 0) >= hard, `${name} has lost revision ${hard}`);
    }
  }

  /** Lists at every past revision, and by index. */
  checkHistory(): void {
    for (const [revision, state] of this.#states) {
      if (revision < this.store.compactedRevision) {
        assert.throws(() => this.#look({}, revision), CompactedError);
        continue;
      }
      assert.deepEqual(this.#look({}, revision), new Map([...state].sort()));
      for (const value of nodes) {
        const matching = [...state].filter(([, version]) => version.nodeName === value).sort();
        assert.deepEqual(this.#look({ index: { field: 'spec.nodeName', value } }, revision), new Map(matching));
      }
      const replayed: number[] = [];
      const collect = { event: (event: StoreEvent) => void replayed.push(event.revision), closed: () => {} };
      this.store.subscribe(podKind, revision, collect).close();
      assert.deepEqual(
        replayed,
        this.#events.map((event) => event.revision).filter((each) => each > revision),
      );
    }
  }
}

test('any sequence of writes, failures, restarts and crashes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 80 }), async (actions) => {
      const world = new World();
      await world.open();
      for (const each of actions) {
        if (each.do === 'put') world.put(each.name, each.nodeName, each.isSoft, each.isStale);
        else if (each.do === 'delete') world.delete(each.name, each.isSoft);
        else if (each.do === 'settle') await world.settle();
        else if (each.do === 'fail') world.failNext();
        else if (each.do === 'flush') await world.flush();
        else if (each.do === 'restart') await world.restart();
        else await world.crash();
      }
      await world.settle();
      world.checkHistory();
      await world.restart();
    }),
    { numRuns: 150 },
  );
});
