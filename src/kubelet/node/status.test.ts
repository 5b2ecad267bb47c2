import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatTime } from '../../kernel/index.ts';
import { compareQuantity, parseQuantity } from '../../schema/index.ts';
import type { NodeCondition, NodeStatus } from '../../schema/generated/index.ts';
import { type Disk, parseOsRelease } from './machine.ts';
import { Pressures, type PressureType } from './pressure.ts';
import { type NodeFacts, planNodeStatus } from './status.ts';

const gib = 2 ** 30;
const startMs = Date.UTC(2026, 0, 1);
const bytes = fc.integer({ min: 0, max: 2 ** 45 });

const facts: fc.Arbitrary<NodeFacts> = fc.record({
  nowMs: fc.integer({ min: startMs, max: startMs + 10 ** 9 }),
  machine: fc.record({
    cpus: fc.integer({ min: 1, max: 256 }),
    memoryBytes: bytes,
    swapBytes: fc.constantFrom(0, gib),
    hugePages: fc.dictionary(fc.constantFrom('hugepages-2Mi', 'hugepages-1Gi'), fc.integer({ min: 0, max: gib })),
    machineId: fc.string(),
    systemUuid: fc.string(),
    bootId: fc.string(),
    kernelVersion: fc.string(),
    osImage: fc.string(),
    osId: fc.string(),
    architecture: fc.constantFrom('amd64', 'arm64'),
  }),
  disk: fc.record({ sizeBytes: bytes, freeBytes: bytes, inodes: fc.nat(), freeInodes: fc.nat() }),
  hostname: fc.string(),
  nodeIPs: fc.array(fc.ipV4(), { minLength: 1, maxLength: 2 }),
  maxPods: fc.integer({ min: 1, max: 500 }),
  kubeletPort: fc.constant(10250),
  runtimeVersion: fc.string(),
  runtime: fc.constant(undefined),
  problems: fc.array(fc.string({ minLength: 1 }), { maxLength: 3 }),
  pressures: fc
    .subarray<PressureType>(['MemoryPressure', 'DiskPressure', 'PIDPressure'])
    .map((types) => new Set(types) as ReadonlySet<PressureType>),
  images: fc.constant(undefined),
});

const condition: fc.Arbitrary<NodeCondition> = fc.record({
  type: fc.constantFrom('Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure', 'KernelDeadlock'),
  status: fc.constantFrom('True', 'False', 'Unknown'),
  lastTransitionTime: fc.constant(formatTime(startMs - 1000)),
});
const previous: fc.Arbitrary<NodeStatus> = fc.record({
  conditions: fc.uniqueArray(condition, { selector: ({ type }) => type }),
  capacity: fc.dictionary(fc.constantFrom('example.com/gpu', 'hugepages-16Mi', 'cpu'), fc.constant('3')),
});

const bare = ({ conditions, ...rest }: NodeStatus): object => ({
  ...rest,
  conditions: conditions?.map(({ lastHeartbeatTime: _, ...one }) => one),
});

test('the same facts change nothing the second time, and tell no event', () =>
  fc.assert(
    fc.property(previous, facts, fc.nat(10 ** 6), (before, seen, laterMs) => {
      const first = planNodeStatus(before, seen).status;
      const second = planNodeStatus(first, { ...seen, nowMs: seen.nowMs + laterMs });
      assert.deepEqual([bare(second.status), second.events], [bare(first), []]);
    }),
  ));

test('a condition keeps its transition time exactly as long as its status; Ready comes last, others stay', () =>
  fc.assert(
    fc.property(previous, facts, (before, seen) => {
      const { conditions = [] } = planNodeStatus(before, seen).status;
      assert.equal(conditions.at(-1)?.type, 'Ready');
      assert.equal(conditions.at(-1)?.status, seen.problems.length === 0 ? 'True' : 'False');
      for (const old of before.conditions ?? []) {
        const now = conditions.find(({ type }) => type === old.type);
        assert.ok(now, old.type);
        const wanted = now.status === old.status ? old.lastTransitionTime : formatTime(seen.nowMs);
        assert.equal(now.lastTransitionTime, wanted);
      }
    }),
  ));

test('no more is allocatable than there is; resources of others stay, huge pages that are gone go', () =>
  fc.assert(
    fc.property(previous, facts, (before, seen) => {
      const { capacity = {}, allocatable = {} } = planNodeStatus(before, seen).status;
      assert.deepEqual(Object.keys(allocatable).sort(), Object.keys(capacity).sort());
      for (const [name, value] of Object.entries(allocatable)) {
        assert.ok(compareQuantity(parseQuantity(value), parseQuantity(capacity[name] ?? '')) <= 0, name);
        assert.ok(!value.startsWith('-'));
      }
      assert.equal(capacity['example.com/gpu'], before.capacity?.['example.com/gpu']);
      assert.equal(capacity['hugepages-16Mi'], undefined);
    }),
  ));

test('pressures are those of the thresholds of eviction', () => {
  const disk = (change: Partial<Disk>): Disk => ({
    sizeBytes: 100,
    freeBytes: 50,
    inodes: 100,
    freeInodes: 50,
    ...change,
  });
  const seen = (availableMemoryBytes: number, change: Partial<Disk> = {}): PressureType[] => {
    const pressures = new Pressures();
    pressures.observe({ availableMemoryBytes, disk: disk(change) }, 0);
    const types: PressureType[] = ['MemoryPressure', 'DiskPressure', 'PIDPressure'];
    return types.filter((type) => pressures.has(type, 0));
  };
  assert.deepEqual(seen(100 << 20), []);
  assert.deepEqual(seen((100 << 20) - 1), ['MemoryPressure']);
  assert.deepEqual(seen(gib, { freeBytes: 9 }), ['DiskPressure']);
  assert.deepEqual(seen(gib, { freeInodes: 4 }), ['DiskPressure']);
  assert.deepEqual(seen(gib, { inodes: 0, freeInodes: 0 }), []);
});

test('os-release is read with quotes and without', () =>
  assert.deepEqual(parseOsRelease('ID=debian\nPRETTY_NAME="A \\"B\\""\nX_Y=\'z\'\n# no\n'), {
    ID: 'debian',
    PRETTY_NAME: 'A "B"',
    X_Y: 'z',
  }));
