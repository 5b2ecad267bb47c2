/** When certificates begin, end and are made anew. Pure. */
import type { Life } from './plan.ts';

export interface Validity {
  notBeforeMs: number;
  notAfterMs: number;
}

const dayMs = 24 * 60 * 60 * 1000;
const lifeDays: Readonly<Record<Life, number>> = { short: 365, long: 3650 };
/** A certificate that lives longer than this is a long one. */
const longFromMs = 5 * 365 * dayMs;
/** Left at start below which a certificate is made anew; and left at which a running program must restart. */
const renewAtStartMs: Readonly<Record<Life, number>> = { short: 7 * 30 * dayMs, long: 18 * 30 * dayMs };
const renewAtLatestMs: Readonly<Record<Life, number>> = { short: 4 * 30 * dayMs, long: 12 * 30 * dayMs };

/** Validity of a certificate made now: it ends at the first local midnight after its life. */
export function validityFrom(nowMs: number, life: Life): Validity {
  const end = new Date(nowMs + lifeDays[life] * dayMs);
  end.setHours(24, 0, 0, 0);
  return { notBeforeMs: nowMs - 1000, notAfterMs: end.getTime() };
}

/** True when a certificate must be made anew at start. */
export function isDue(validity: Validity, nowMs: number): boolean {
  return nowMs < validity.notBeforeMs || nowMs > validity.notAfterMs - renewAtStartMs[lifeOf(validity)];
}

/** The moment by which a running program must restart to make certificates anew; undefined for none. */
export function rotationDeadline(certificates: Iterable<Validity>): number | undefined {
  let earliest: number | undefined;
  for (const validity of certificates) {
    const deadline = validity.notAfterMs - renewAtLatestMs[lifeOf(validity)];
    if (earliest === undefined || deadline < earliest) earliest = deadline;
  }
  return earliest;
}

const lifeOf = ({ notBeforeMs, notAfterMs }: Validity): Life =>
  notAfterMs - notBeforeMs < longFromMs ? 'short' : 'long';
