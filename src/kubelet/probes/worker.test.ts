import { test } from 'node:test';
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatTime, ManualClock } from '../../kernel/index.ts';
import type { PodStatus } from '../../schema/generated/index.ts';
import type { Outcome } from './types.ts';
import { type ProbeResult, ProbeWorker } from './worker.ts';

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 5_000 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      result: fc.constantFrom('success' as const, 'failure' as const, 'error' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('hurry' as const) }) },
);

test('whatever happens: one probe at a time, and the result follows from the answers by the thresholds', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 3 }),
      async (steps, failureThreshold, successThreshold) => {
        const clock = new ManualClock();
        let number = 1;
        let running = 0;
        let waiting: ((outcome: Outcome) => void) | undefined;
        const status = (): PodStatus => ({
          containerStatuses: [
            {
              name: 'c',
              image: '',
              imageID: '',
              ready: false,
              started: true,
              restartCount: 0,
              containerID: `r://${number}`,
              state: { running: { startedAt: formatTime(clock.nowMs()) } },
            },
          ],
        });
        // The rules once more, in the simplest words: what is expected of the container that was asked last.
        let asked = '';
        let [last, inARow] = ['', 0];
        let expected: ProbeResult = 'failure';
        const container = { name: 'c' };
        const probe = { periodSeconds: 1, failureThreshold, successThreshold };
        const pod = { metadata: { name: 'p' }, spec: { containers: [container] } };
        const worker = new ProbeWorker(
          {
            clock,
            type: 'readiness',
            container,
            probe,
            look: () => ({ pod, status: status() }),
            run: async (containerID) => {
              assert.equal(++running, 1);
              if (containerID !== asked) [asked, expected] = [containerID, 'failure'];
              const outcome = await new Promise<Outcome>((resolve) => {
                waiting = resolve;
              });
              running--;
              return outcome;
            },
            changed: () => {},
            beganMs: clock.nowMs(),
          },
          0,
        );

        for (const one of steps) {
          if (one.do === 'pass') clock.advance(one.ms);
          if (one.do === 'restart') number++;
          if (one.do === 'hurry') worker.hurry(`r://${number}`, [200, 1_000]);
          if (one.do === 'answer' && waiting) {
            const resolve = waiting;
            waiting = undefined;
            resolve({ result: one.result, output: '' });
            if (one.result !== 'error') {
              inARow = last === one.result ? inARow + 1 : 1;
              last = one.result;
              if (inARow >= (last === 'failure' ? failureThreshold : successThreshold)) expected = one.result;
            }
          }
          await settle();
          if (asked) assert.equal(worker.resultOf(asked) ?? expected, expected);
        }
        worker.stop();
      },
    ),
    { numRuns: 100 },
  ));
