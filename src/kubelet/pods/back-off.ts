/** Crash-loop back-off: 10 s, doubled with each start up to 5 min; forgotten after 10 min of running. */
import type { Container } from '../../schema/generated/index.ts';
import type { BackOffEntry, ObservedContainer } from './types.ts';

const firstWaitMs = 10_000;
const maxWaitMs = 300_000;
const forgottenAfterMs = 2 * maxWaitMs;

export type StartDecision = { start: true; entry: BackOffEntry } | { start: false; waitMs: number; untilMs: number };

/** Whether a container whose newest instance is `last` may start now, and what its next failure will cost. */
export function decideStart(
  container: Container,
  last: ObservedContainer | undefined,
  entry: BackOffEntry | undefined,
  nowMs: number,
): StartDecision {
  const key = JSON.stringify([container.image, container.resources]);
  const first = { key, waitMs: firstWaitMs, startedAtMs: nowMs };
  if (last?.state !== 'exited') return { start: true, entry: entry?.key === key ? entry : { ...first, waitMs: 0 } };
  const isKnown = entry?.key === key && entry.waitMs > 0 && last.finishedAtMs - entry.startedAtMs <= forgottenAfterMs;
  if (!isKnown) return { start: true, entry: first };
  const untilMs = last.finishedAtMs + entry.waitMs;
  // A clock that was set back must not make the wait longer than the back-off.
  if (nowMs < untilMs && untilMs - nowMs <= entry.waitMs) return { start: false, waitMs: entry.waitMs, untilMs };
  return { start: true, entry: { key, waitMs: Math.min(2 * entry.waitMs, maxWaitMs), startedAtMs: nowMs } };
}

/** `1m20s`, as Go prints durations of whole seconds. */
export function formatWait(waitMs: number): string {
  const seconds = Math.round(waitMs / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
