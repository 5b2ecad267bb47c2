import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultBudget } from '../../config/budget.ts';
import { ManualClock } from '../../kernel/clock.ts';
import { silentLogger } from '../../kernel/log.ts';
import type { Core } from '../core.ts';
import { settle } from '../testing/exchange.ts';
import type { SharedEvent } from './frames.ts';
import { type FrameSink, StreamWatcher, type StreamOptions } from './stream.ts';

const text = (value: string): Uint8Array => Buffer.from(value);

/** A watcher on a sink that takes nothing more after each frame until `drain`. */
function slowWatcher() {
  const written: string[] = [];
  let drained: () => void = () => {};
  const sink: FrameSink = {
    closed: false,
    joins: true,
    write: (frame) => {
      written.push(Buffer.from(frame).toString());
      return false;
    },
    onDrain: (callback) => {
      drained = callback;
    },
    end: () => written.push('end'),
    abort: () => written.push('abort'),
  };
  const core = { clock: new ManualClock(), log: silentLogger, budget: defaultBudget } as unknown as Core;
  const options = { projection: { headed: false } } as StreamOptions;
  const watcher = new StreamWatcher(core, sink, options, 0);
  const live = (frame: string): void =>
    watcher.deliver([{ shared: { frame: () => text(frame) } as unknown as SharedEvent, type: 'ADDED' }]);
  return { watcher, written, live, drain: () => drained() };
}

const initial = ['1', '2', '3'].map((frame) => () => text(frame));

test('live events wait for the initial ones', async () => {
  const { watcher, written, live, drain } = slowWatcher();
  const begun = watcher.begin(initial);
  live('4');
  for (let i = 0; i < 5; i++) {
    drain();
    await settle(1);
  }
  await begun;
  assert.deepEqual(written, ['1', '2', '3', '4']);
});

test('a watch that ends before its initial events have gone out leaves no gap', async () => {
  const { watcher, written, live } = slowWatcher();
  const begun = watcher.begin(initial);
  live('4');
  watcher.finish();
  await begun;
  assert.deepEqual(written, ['1', 'end']);
});
