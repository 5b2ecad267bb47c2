import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CriError, grpcCode } from '../cri/types.ts';
import { WorkerMemory } from './memory.ts';

const busy = new CriError(grpcCode.unknown, "container is in starting state, can't be removed");

test('what cannot be removed is tried again after half a second, then ever later up to a minute', () => {
  const memory = new WorkerMemory();
  const waits = Array.from({ length: 9 }, () => {
    memory.cleaningFailed(busy, 1_000);
    return memory.cleanRetryAtMs - 1_000;
  });
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  memory.cleaningFailed(new CriError(grpcCode.unavailable, 'gone'), 1_000);
  assert.equal(memory.cleanRetryAtMs, 2_000, 'the runtime is away');
  memory.cleaned();
  memory.cleaningFailed(busy, 1_000);
  assert.equal(memory.cleanRetryAtMs, 1_500);
});
