import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextTurn } from './turns.ts';

const holdLoop = (ms: number): void => {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
};

/** Calls `look` once in each round of the event loop, until `promise` is settled. Resolves with the rounds. */
async function countRounds(promise: Promise<unknown>, look: () => void = () => {}): Promise<number> {
  let rounds = 0;
  let isOver = false;
  const round = (): void => {
    if (isOver) return;
    rounds++;
    look();
    setImmediate(round);
  };
  setImmediate(round);
  await promise;
  isOver = true;
  return rounds;
}

test('turns come in order, never in the same turn', async () => {
  const order: number[] = [];
  const all = Promise.all([1, 2, 3].map((number) => nextTurn().then(() => order.push(number))));
  await Promise.resolve();
  assert.deepEqual(order, []);
  await all;
  assert.deepEqual(order, [1, 2, 3]);
});

test('a round of the loop holds a few slices, however many wait', async () => {
  let sinceRound = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    for (let slice = 0; slice < 5; slice++) {
      await nextTurn();
      // A slice behind further awaits still counts before the next one begins.
      await Promise.resolve().then(() => undefined);
      holdLoop(1);
      most = Math.max(most, ++sinceRound);
    }
  };
  const rounds = await countRounds(Promise.all(Array.from({ length: 20 }, work)), () => {
    sinceRound = 0;
  });
  assert.ok(most <= 3, `${most} slices in one round`);
  assert.ok(rounds >= 33, `${rounds} rounds`);
});

test('who takes turns for ever keeps nobody else from theirs', async () => {
  let isOver = false;
  const endless = (async () => {
    while (!isOver) {
      await nextTurn();
      holdLoop(3);
    }
  })();
  await nextTurn();
  await nextTurn();
  isOver = true;
  await endless;
});

test('one who takes a turn after another has each in a round of its own', async () => {
  const rounds = await countRounds(
    (async () => {
      for (let turn = 0; turn < 10; turn++) await nextTurn();
    })(),
  );
  assert.ok(rounds >= 9, `${rounds} rounds`);
});
