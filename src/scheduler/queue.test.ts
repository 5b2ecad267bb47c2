import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeFacts } from './node-info.ts';
import { podInfo } from './pod-info.ts';
import type { PluginName } from './plugins.ts';
import { SchedulingQueue } from './queue.ts';
import { makeNode, makePod } from './testing.ts';

const fit: ReadonlySet<PluginName> = new Set<PluginName>(['NodeResourcesFit']);
const minute = 60_000;

const queueOf = (pods = 100): SchedulingQueue => new SchedulingQueue({ pods }, () => undefined);
const waiting = (name: string, priority = 0, gates: string[] = []) =>
  podInfo(makePod(name, { priority, schedulingGates: gates.map((gate) => ({ name: gate })) }, { cpu: '2' }));
const named = (queue: SchedulingQueue, nowMs: number): string | undefined => queue.pop(nowMs)?.pod.name;
const nodeAdded = (cpu = '4') =>
  ({
    type: 'node',
    node: nodeFacts(makeNode('a', ({ status }) => Object.assign(status!.allocatable!, { cpu }))),
  }) as const;
/** Something that leaves a node. */
const podRemoved = { type: 'podRemoved', pod: waiting('other') } as const;

test('pods come in order of priority, then of arrival', () => {
  const queue = queueOf();
  for (const [name, priority] of [
    ['a', 0],
    ['b', 5],
    ['c', 0],
    ['d', 5],
  ] as const)
    queue.set(waiting(name, priority), 0);
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => named(queue, 0)),
    ['b', 'd', 'a', 'c', undefined],
  );
});

test('a pod whose priority changes while it waits moves', () => {
  const queue = queueOf();
  queue.set(waiting('a'), 0);
  queue.set(waiting('b'), 0);
  queue.set(waiting('b', 9), 0);
  assert.equal(named(queue, 0), 'b');
});

test('a refused pod waits for an event that may help it', () => {
  const queue = queueOf();
  queue.set(waiting('a'), 0);
  queue.refuse(queue.pop(0)!, fit, 0);
  assert.equal(named(queue, 4 * minute), undefined);
  queue.happened(nodeAdded('1'), 4 * minute);
  assert.equal(named(queue, 4 * minute), undefined);
  queue.happened(nodeAdded(), 4 * minute);
  assert.equal(named(queue, 4 * minute), 'a');
});

test('the back-off doubles from one second to ten', () => {
  const queue = queueOf();
  queue.set(waiting('a'), 0);
  queue.set(waiting('busy'), 0);
  let nowMs = 0;
  for (const seconds of [1, 2, 4, 8, 10, 10]) {
    queue.refuse(queue.pop(nowMs)!, fit, nowMs);
    queue.happened(podRemoved, nowMs);
    // Another pod is active, so this one is not let off.
    assert.equal(named(queue, nowMs + seconds * 1000 - 1), 'busy');
    queue.delete('pod-busy');
    nowMs += seconds * 1000;
    queue.set(waiting('busy', -1), nowMs);
    assert.equal(queue.get('pod-a')?.backoffEndMs, nowMs, `${seconds} s`);
  }
});

test('a pod that backs off is tried at once when there is nothing else to do', () => {
  const queue = queueOf();
  queue.set(waiting('a'), 0);
  queue.refuse(queue.pop(0)!, fit, 0);
  queue.happened(podRemoved, 0);
  assert.equal(named(queue, 0), 'a');
});

test('a pod that failed for another reason is not tried before its back-off ends', () => {
  const queue = queueOf();
  queue.set(waiting('a'), 0);
  queue.fail(queue.pop(0)!, 0);
  queue.happened(podRemoved, 0);
  assert.deepEqual([queue.nextMs, named(queue, 999), named(queue, 1_000)], [1_000, undefined, 'a']);
});

test('a pod that nothing has helped for five minutes is tried again', () => {
  const queue = queueOf();
  queue.set(waiting('a'), 0);
  queue.refuse(queue.pop(0)!, fit, 0);
  queue.flush(5 * minute);
  assert.equal(named(queue, 5 * minute), undefined);
  queue.flush(5 * minute + 1);
  assert.equal(named(queue, 5 * minute + 1), 'a');
});

test('a gated pod is not tried until its gates are gone', () => {
  const queue = queueOf();
  queue.set(waiting('a', 0, ['x', 'y']), 0);
  queue.set(waiting('a', 0, ['x']), 0);
  queue.happened(nodeAdded(), 0);
  queue.flush(6 * minute);
  assert.equal(named(queue, 6 * minute), undefined);
  queue.set(waiting('a'), 0);
  assert.equal(named(queue, 0), 'a');
});

test('a refused pod that changes what it asks for is tried again', () => {
  const queue = queueOf();
  queue.set(waiting('a'), 0);
  queue.refuse(queue.pop(0)!, fit, 0);
  queue.set(waiting('a'), 0);
  assert.equal(named(queue, 0), undefined);
  queue.set(podInfo(makePod('a', {}, { cpu: '1' })), 0);
  assert.equal(named(queue, 0), 'a');
});

test('what does not fit in is forgotten, and those first that fit nowhere', () => {
  const queue = queueOf(2);
  queue.set(waiting('hopeless'), 0);
  queue.refuse(queue.pop(0)!, fit, 0);
  queue.set(waiting('a'), 0);
  queue.set(waiting('b'), 0);
  queue.set(waiting('c'), 0);
  assert.equal(queue.size, 2);
  assert.equal(queue.wantsList(true), false, 'those that are active come first');
  assert.deepEqual([named(queue, 0), named(queue, 0)], ['a', 'b']);
  assert.equal(queue.wantsList(false), false, 'there is no room yet');
  queue.delete('pod-a');
  assert.equal(queue.wantsList(false), true);
});

test('of more pods than there is room for, all have their turn, list after list', () => {
  const queue = queueOf(2);
  const all = ['a', 'b', 'c', 'd', 'e'];
  const tried: (string | undefined)[] = [];
  for (let lists = 0; lists < 4; lists++) {
    queue.beginList();
    for (const name of all) queue.set(waiting(name), lists);
    queue.endList();
    assert.equal(queue.size, 2);
    for (let entry = queue.pop(lists); entry; entry = queue.pop(lists)) {
      tried.push(entry.pod.name);
      queue.refuse(entry, fit, lists);
    }
    assert.equal(queue.wantsList(false), lists !== 2, 'at once, until all had their turn');
    assert.equal(queue.wantsList(true), true);
  }
  assert.deepEqual(tried, ['a', 'b', 'c', 'd', 'e', 'a', 'b']);
});

test('a pod that was deleted while it was tried does not come back', () => {
  const queue = queueOf();
  queue.set(waiting('a'), 0);
  const entry = queue.pop(0)!;
  queue.delete('pod-a');
  queue.refuse(entry, fit, 0);
  queue.fail(entry, 0);
  queue.happened(podRemoved, 0);
  assert.deepEqual([queue.size, named(queue, 10 * minute)], [0, undefined]);
});
