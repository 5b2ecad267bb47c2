import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../kernel/clock.ts';
import type { ListPieces } from './list-pieces.ts';
import { type OpenedList, SharedLists } from './shared-lists.ts';

/** A list of three pieces in one buffer that is used again, as views of linear memory are. */
function source(bytes = 3): { opened: OpenedList; calls: () => number; isDisposed: () => boolean } {
  const view = new Uint8Array(1);
  let made = 0;
  let isDisposed = false;
  const pieces: ListPieces = {
    isGzip: false,
    get done() {
      return made === 3;
    },
    next() {
      view[0] = made++;
      return made === 2 ? Promise.resolve(view.slice()) : view;
    },
    [Symbol.dispose]: () => {
      isDisposed = true;
    },
  };
  return { opened: { pieces, bytes }, calls: () => made, isDisposed: () => isDisposed };
}

async function read(pieces: ListPieces): Promise<number[]> {
  const seen: number[] = [];
  while (!pieces.done) seen.push(...(await pieces.next()));
  pieces[Symbol.dispose]();
  return seen;
}

test('the first reader is served alone, those who come soon after share one encoding', async () => {
  const lists = new SharedLists(new ManualClock());
  const alone = source();
  const opened = [1, 2, 3].map(() => source());
  const first = await lists.open('a', async () => alone.opened);
  const others = await Promise.all(opened.map((each) => lists.open('a', async () => each.opened)));
  const seen = await Promise.all([first, ...others].map(read));
  assert.deepEqual(
    seen,
    seen.map(() => [0, 1, 2]),
  );
  assert.deepEqual(
    opened.map((each) => [each.calls(), each.isDisposed()]),
    [
      [3, false],
      [0, true],
      [0, true],
    ],
  );
});

test('pieces are dropped when nobody has read for a moment, and not before', async () => {
  const clock = new ManualClock();
  const lists = new SharedLists(clock);
  await read(await lists.open('a', async () => source().opened));
  const shared = source();
  await read(await lists.open('a', async () => shared.opened));
  clock.advance(200);
  const slow = await lists.open('a', () => assert.fail('not shared'));
  clock.advance(10_000);
  assert.equal(shared.isDisposed(), false);
  assert.deepEqual(await read(slow), [0, 1, 2]);
  clock.advance(1_000);
  assert.equal(shared.isDisposed(), true);
  const again = source();
  await read(await lists.open('a', async () => again.opened));
  assert.equal(again.calls(), 3);
});

test('what would take too much memory is not kept', async () => {
  const lists = new SharedLists(new ManualClock());
  const sources = [source(), source(5 << 20), source(5 << 20)];
  for (const each of sources) await read(await lists.open('a', async () => each.opened));
  assert.deepEqual(
    sources.map((each) => [each.calls(), each.isDisposed()]),
    [1, 2, 3].map(() => [3, true]),
  );
});

test("a list that cannot be opened is nobody's but the one who asked", async () => {
  const lists = new SharedLists(new ManualClock());
  const refused = (): Promise<OpenedList> => Promise.reject(new Error('no'));
  await assert.rejects(lists.open('a', refused), /no/);
  await assert.rejects(lists.open('a', refused), /no/);
  assert.deepEqual(await read(await lists.open('a', async () => source().opened)), [0, 1, 2]);
});
