import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Arena, StaleHandleError } from './arena.ts';
import { reserveMemory } from './arena-memory.ts';
import { churn } from './testing-churn.ts';

const newArena = (kib: number, base = 0): Arena => new Arena({ memory: reserveMemory(kib * 1024), base, poison: true });

const header = (revision: number) => ({ type: 7, schemaGeneration: 3, revision });
const filled = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 17) & 255);

test('a record reads back as written, with its header', () => {
  const arena = newArena(64, 1000);
  const handle = arena.add(header(42), filled(100, 1))!;
  assert.deepEqual(arena.content(handle), filled(100, 1));
  assert.deepEqual(arena.header(handle), header(42));
  assert.equal(arena.length(handle), 100);
  assert.ok(arena.pointer(handle) >= 1000);
  arena.scrub();
});

test('a handle is stale once its last holder has released it, also when the slot is used again', () => {
  const arena = newArena(64);
  const freed: number[] = [];
  arena.onFree = (handle) => freed.push(handle);
  const first = arena.add(header(1), filled(10, 1))!;
  arena.retain(first);
  arena.release(first);
  assert.deepEqual(arena.content(first), filled(10, 1));
  arena.release(first);
  const second = arena.add(header(2), filled(10, 2))!;
  assert.deepEqual(freed, [first]);
  assert.throws(() => arena.content(first), StaleHandleError);
  assert.throws(() => arena.release(first), StaleHandleError);
  assert.deepEqual(arena.content(second), filled(10, 2));
});

test('scrub finds a damaged record and a write to a freed block', () => {
  const arena = newArena(64);
  const first = arena.add(header(1), filled(100, 1))!;
  const second = arena.add(header(2), filled(100, 2))!;
  arena.add(header(3), filled(100, 3));
  const view = arena.content(second);
  arena.content(first)[5]! ^= 1;
  assert.throws(() => arena.scrub(), /does not match its checksum/);
  assert.throws(() => arena.scrubSome(1), /does not match its checksum/);
  arena.content(first)[5]! ^= 1;
  arena.scrub();
  arena.release(second);
  arena.scrub();
  view[20] = 1;
  assert.throws(() => arena.scrub(), /was written to/);
});

test('scrubbing in parts reaches every record', () => {
  const arena = newArena(64);
  const handles = Array.from({ length: 10 }, (_, i) => arena.add(header(i), filled(100, i))!);
  arena.release(handles[3]!);
  arena.content(handles[9]!)[0]! ^= 1;
  arena.scrubSome(500);
  arena.scrubSome(500);
  assert.throws(() => arena.scrubSome(1000), /does not match its checksum/);
});

test('a full arena refuses, and takes a large record once compaction has joined the holes', () => {
  const arena = newArena(1024);
  const handles: number[] = [];
  for (let handle = arena.add(header(1), filled(1000, 1)); handle !== undefined; ) {
    handles.push(handle);
    handle = arena.add(header(1), filled(1000, 1));
  }
  assert.equal(arena.add(header(2), filled(300_000, 2)), undefined);
  handles.forEach((handle, i) => {
    if (i % 2) arena.release(handle);
  });
  const large = arena.add(header(2), filled(300_000, 2));
  assert.ok(large !== undefined);
  assert.deepEqual(arena.content(large), filled(300_000, 2));
  arena.scrub();
});

test('room is made even when a compaction pass is under way', () => {
  const arena = newArena(1024);
  const handles = Array.from({ length: 900 }, (_, i) => arena.add(header(i), filled(1000, i))!);
  for (const handle of handles.slice(100, 110)) arena.release(handle);
  arena.compact(500_000);
  for (const handle of handles.slice(0, 90)) arena.release(handle);
  assert.ok(arena.add(header(1), filled(200_000, 1)) !== undefined);
  arena.scrub();
});

test('any sequence of add, release and compaction slices keeps every record whole', () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('add' as const), length: fc.integer({ min: 0, max: 5000 }) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('release' as const), at: fc.nat(1000) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('compact' as const), bytes: fc.nat(20_000) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 50, maxLength: 300 }), (steps) => {
      const arena = newArena(128);
      const live: { handle: number; content: Uint8Array }[] = [];
      steps.forEach((s, i) => {
        if (s.do === 'add') {
          const content = filled(s.length, i);
          const handle = arena.add(header(i), content);
          if (handle !== undefined) live.push({ handle, content });
        } else if (s.do === 'release') {
          const [gone] = live.splice(s.at % Math.max(1, live.length), 1);
          if (gone) arena.release(gone.handle);
        } else arena.compact(s.bytes);
        arena.scrub();
      });
      for (const { handle, content } of live) assert.deepEqual(arena.content(handle), content);
      arena.compact(Number.POSITIVE_INFINITY);
      arena.compact(Number.POSITIVE_INFINITY);
      assert.equal(arena.usedBytes, arena.liveBytes);
      arena.scrub();
    }),
    { numRuns: 60 },
  );
});

test('random churn from 200 B to 1.5 MB keeps three quarters of the used memory live', () => {
  const { leastLiveShare, compactedSlices } = churn(newArena(32 << 10), 200_000, 1);
  assert.ok(leastLiveShare >= 0.75, `${leastLiveShare}`);
  assert.ok(compactedSlices > 0);
});
