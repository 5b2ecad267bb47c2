/** Long work gives the event loop back every few milliseconds. */
import type { Clock } from '../../kernel/clock.ts';
import { nextTurn } from '../../kernel/index.ts';

const sliceMs = 1;
const checkEvery = 32;

export interface Slices {
  /** True when this slice has used its time. Cheap: looks at the clock once in 32 calls. */
  due(): boolean;
  /** The same, for work in large steps: looks each time. */
  over(): boolean;
  /** Lets everything else run, then begins the next slice. */
  rest(): Promise<void>;
}

export function breathe(clock: Clock): Slices {
  let startMs = clock.monotonicMs();
  let calls = 0;
  const over = (): boolean => clock.monotonicMs() - startMs > sliceMs;
  return {
    due: () => ++calls % checkEvery === 0 && over(),
    over,
    async rest() {
      await nextTurn();
      startMs = clock.monotonicMs();
    },
  };
}
