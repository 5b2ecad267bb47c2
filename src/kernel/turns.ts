import { systemClock } from './clock.ts';

/** What the turns of one round of the event loop may take together, before sockets and timers have theirs. */
const roundMs = 2;

const waiting: (() => void)[] = [];
let isArmed = false;

/**
 * Resolves when it is the caller's turn: in a later round of the event loop, first come, first served. Whoever has long
 * work takes it in slices of about a millisecond with a turn before each; however many there are, a round gives them two
 * milliseconds together (and one slice at least), so what they do to the loop's delay does not depend on their number.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (isArmed) return;
    isArmed = true;
    setImmediate(beginRound);
  });
}

/** Who comes while a round gives turns has the next round's: a round ends, whoever comes. */
function beginRound(): void {
  give(waiting.length, systemClock.monotonicMs() + roundMs);
}

function give(turns: number, endMs: number): void {
  waiting.shift()?.();
  // The slice runs in microtasks; a tick that one of them queues comes after all of them.
  queueMicrotask(() => process.nextTick(goOn, turns - 1, endMs));
}

function goOn(turns: number, endMs: number): void {
  if (waiting.length === 0) isArmed = false;
  else if (turns > 0 && systemClock.monotonicMs() < endMs) give(turns, endMs);
  else setImmediate(beginRound);
}
