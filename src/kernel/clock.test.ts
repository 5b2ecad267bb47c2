import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from './clock.ts';

test('a time beyond what a timer can count to comes neither at once nor early', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const timerLimitMs = 2 ** 31 - 1;
  const fired: string[] = [];
  systemClock.after(2 * timerLimitMs + 5, () => fired.push('after'));
  const cancelled = systemClock.after(timerLimitMs + 5, () => fired.push('cancelled'));
  t.mock.timers.tick(timerLimitMs);
  cancelled.cancel();
  t.mock.timers.tick(timerLimitMs);
  t.mock.timers.tick(4);
  assert.deepEqual(fired, []);
  t.mock.timers.tick(1);
  assert.deepEqual(fired, ['after']);
});
