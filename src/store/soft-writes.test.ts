import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../kernel/clock.ts';
import { SoftWrites } from './soft-writes.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

const setUp = (flashBytesPerDay: number) => {
  const clock = new ManualClock();
  const state = { due: 0 };
  const soft = new SoftWrites(clock, { softFlushMs: minute, flashBytesPerDay }, () => state.due++);
  return { clock, soft, state };
};

test('a key is due once its time has come, however often it changes', () => {
  const { clock, soft, state } = setUp(day);
  soft.add('a', true, true);
  clock.advance(minute - 1);
  soft.add('a', true, true);
  assert.equal(state.due, 0);
  clock.advance(1);
  assert.equal(state.due, 1);
  assert.deepEqual(soft.keys(), ['a']);
});

test('what never reached the disk and is gone again is forgotten; a deletion of what did is not', () => {
  const { soft } = setUp(day);
  soft.add('new', false, true);
  soft.add('new', true, false);
  soft.add('old', true, true);
  soft.add('old', true, false);
  assert.deepEqual(soft.keys(), ['old']);
});

test('a flush waits until the flash budget has paid for the last one', () => {
  // One byte a millisecond, an hour ahead.
  const { clock, soft, state } = setUp(day);
  soft.add('a', true, true);
  clock.advance(minute);
  soft.settled('a');
  soft.spent(90 * minute);
  soft.add('a', true, true);
  clock.advance(29 * minute);
  assert.equal(state.due, 1);
  clock.advance(2 * minute);
  assert.equal(state.due, 2);
});

test('without a flash budget the first flush is free and the next waits for the close', () => {
  const { clock, soft, state } = setUp(0);
  soft.add('a', true, true);
  clock.advance(minute);
  assert.equal(state.due, 1);
  soft.spent(100);
  soft.add('a', true, true);
  clock.advance(3 * day);
  assert.equal(state.due, 1);
});
