import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { RequestBody } from './request-body.ts';
import { AbortedError, BodyTooLargeError } from './types.ts';

function flow() {
  const calls: string[] = [];
  return { calls, pause: () => calls.push('pause'), resume: () => calls.push('resume') };
}

const limitBytes = 1_000;
const bodies = fc.uint8Array({ maxLength: 1_200 });
const cuts = fc.array(fc.nat(1_200), { maxLength: 6 });

/** `bytes` cut at `positions`, with the flag of the last piece. */
function pieces(bytes: Uint8Array, positions: readonly number[]): Uint8Array[] {
  const ends = [...positions.filter((at) => at < bytes.length), bytes.length].sort((a, b) => a - b);
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
}

describe('a request body', () => {
  test('is what was sent, however it comes and whenever it is asked for, or too large', () =>
    fc.assert(
      fc.asyncProperty(bodies, cuts, fc.boolean(), fc.nat(7), async (bytes, positions, isStated, askAt) => {
        const body = new RequestBody(limitBytes, isStated ? bytes.length : undefined, flow());
        const parts = pieces(bytes, positions);
        const outcomes: Promise<unknown>[] = [];
        const ask = () => outcomes.push(body.ask().catch((error: unknown) => error));
        parts.forEach((part, i) => {
          if (i === askAt) ask();
          const borrowed = Uint8Array.from(part);
          body.push(borrowed, i === parts.length - 1);
          borrowed.fill(0xff); // the engine takes its memory back
        });
        if (outcomes.length === 0) ask();
        const [outcome] = await Promise.all(outcomes);
        if (bytes.length > limitBytes) assert.ok(outcome instanceof BodyTooLargeError);
        else assert.deepEqual(outcome, bytes);
      }),
    ));

  test('pauses its sender until someone asks', async () => {
    const control = flow();
    const body = new RequestBody(limitBytes, 3, control);
    body.push(Uint8Array.of(1), false);
    body.push(Uint8Array.of(2), false);
    assert.deepEqual(control.calls, ['pause']);
    const whole = body.ask();
    assert.deepEqual(control.calls, ['pause', 'resume']);
    body.push(Uint8Array.of(3), true);
    assert.deepEqual(await whole, Uint8Array.of(1, 2, 3));
  });

  test('that ends early is an error, once', async () => {
    const body = new RequestBody(limitBytes, 3, flow());
    body.push(Uint8Array.of(1), false);
    body.fail(new AbortedError('gone'));
    body.push(Uint8Array.of(2), true);
    await assert.rejects(body.ask(), AbortedError);
    assert.equal(body.complete, false);
  });
});
