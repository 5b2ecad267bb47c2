/** How long a request may take, streams aside: a minute, or less if the client says so. */
import { apiError, StatusError } from '../kernel/status.ts';
import { DurationError, parseDuration } from '../schema/index.ts';

const tookTooLong = 'request did not complete within requested timeout - context deadline exceeded';
const defaultMs = 60_000;
const nanosecondsInMs = 1e6;

/** Milliseconds that the request's `timeout` parameter leaves. Throws BadRequest. */
export function deadlineOf(query: URLSearchParams): number {
  const wanted = query.get('timeout');
  if (!wanted) return defaultMs;
  const wantedMs = Number(durationOf(wanted)) / nanosecondsInMs;
  return wantedMs > 0 && wantedMs < defaultMs ? wantedMs : defaultMs;
}

function durationOf(text: string): bigint {
  try {
    return parseDuration(text);
  } catch (error) {
    if (!(error instanceof DurationError)) throw error;
    throw apiError.badRequest(`invalid timeout specified in the request URL - ${error.message}`);
  }
}

/** The answer to a request that took longer. What it has begun goes on, and may still succeed. */
export const deadlineExceeded = (): StatusError => new StatusError('Timeout', `Timeout: ${tookTooLong}`, {});
