import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from './clock.ts';

test('a time beyond what a timer can count to does not come at once', async () => {
  let fired = false;
  const timer = systemClock.after(2 ** 40, () => {
    fired = true;
  });
  await new Promise<void>((resolve) => setTimeout(resolve, 5));
  timer.cancel();
  assert.equal(fired, false);
});
