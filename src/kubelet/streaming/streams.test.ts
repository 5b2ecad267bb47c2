import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, StatusError } from '../../kernel/index.ts';
import { idleTimeoutMs, StreamTable } from './streams.ts';

const refused = (code: number) => (error: unknown) => error instanceof StatusError && error.code === code;

test('streams above the limit are told to come back', () => {
  const table = new StreamTable(2, new ManualClock());
  const first = table.enter(() => {});
  table.enter(() => {});
  assert.throws(() => table.enter(() => {}), refused(429));
  first.leave();
  first.leave();
  table.enter(() => {});
  assert.equal(table.size, 2);
});

test('a stream without a byte for four hours is cut, once', () => {
  const clock = new ManualClock();
  const table = new StreamTable(2, clock);
  let cuts = 0;
  const stream = table.enter(() => cuts++);
  clock.advance(idleTimeoutMs - 1);
  stream.touch();
  clock.advance(idleTimeoutMs - 1);
  assert.equal(cuts, 0);
  clock.advance(1);
  assert.equal(cuts, 1);
  assert.equal(table.size, 0);
  clock.advance(2 * idleTimeoutMs);
  assert.equal(cuts, 1);
});

test('stopping cuts every stream and lets none in', () => {
  const table = new StreamTable(2, new ManualClock());
  const cut: number[] = [];
  table.enter(() => cut.push(1));
  table.enter(() => cut.push(2));
  table.stop();
  assert.deepEqual(cut, [1, 2]);
  assert.throws(() => table.enter(() => {}), refused(503));
});

test('what waits for all of them is bounded: the stream that makes it too much is cut', () => {
  const table = new StreamTable(3, new ManualClock());
  const cut: number[] = [];
  const [one, two] = [table.enter(() => cut.push(1)), table.enter(() => cut.push(2))];
  one.waits(40 << 20);
  two.waits(20 << 20);
  assert.equal(cut.join(), '');
  two.waits(30 << 20);
  assert.equal(cut.join(), '2');
  one.waits(64 << 20);
  assert.equal(cut.join(), '2');
  one.waits(65 << 20);
  assert.equal(cut.join(), '2,1');
  table.enter(() => cut.push(3)).waits(64 << 20);
  assert.equal(cut.join(), '2,1');
});
