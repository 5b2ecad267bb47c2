import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObjectMeta, OwnerReference } from '../../schema/object.ts';
import { blocks, type OwnerState, placeOf, planOwned, stateOf, tasksOf, waitsFor } from './plan.ts';
import type { Change, Dependent, OwnerKind } from './types.ts';

const ref = { group: '', version: 'v1', resource: 'configmaps' };
const nodes = { group: '', version: 'v1', resource: 'nodes' };
const kindOf = (_: string, kind: string): OwnerKind | undefined =>
  ({ ConfigMap: { ref, namespaced: true }, Node: { ref: nodes, namespaced: false } })[kind];
const owner = (uid: string, more: Partial<OwnerReference> = {}): OwnerReference => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name: uid,
  uid,
  ...more,
});
const blocking = { blockOwnerDeletion: true };
const meta = (uid: string, more: ObjectMeta = {}): ObjectMeta => ({ name: uid, namespace: 'ns', uid, ...more });
const deletionTimestamp = '2026-01-01T00:00:00Z';
const foreground = { deletionTimestamp, finalizers: ['foregroundDeletion'] };

test('an object waits for orphaning first, then for dependents, and only while it is being deleted', () => {
  assert.equal(waitsFor(meta('a', { deletionTimestamp, finalizers: ['foregroundDeletion', 'orphan'] })), 'orphaning');
  assert.equal(waitsFor(meta('a', foreground)), 'dependents');
  assert.equal(waitsFor(meta('a', { deletionTimestamp, finalizers: ['else'] })), undefined);
  assert.equal(waitsFor(meta('a', { finalizers: ['orphan'] })), undefined);
});

test('an owner is where its kind says', () => {
  assert.deepEqual(placeOf(owner('o'), 'ns', kindOf), { ref, namespace: 'ns', name: 'o', uid: 'o' });
  assert.deepEqual(placeOf(owner('o', { kind: 'Node' }), 'ns', kindOf), {
    ref: nodes,
    namespace: '',
    name: 'o',
    uid: 'o',
  });
  assert.equal(placeOf(owner('o'), '', kindOf), 'misplaced');
  assert.equal(placeOf(owner('o', { kind: 'Widget' }), 'ns', kindOf), 'unknown');
});

test('an owner with another UID is not there; one that waits for dependents is not solid', () => {
  assert.equal(stateOf(owner('o'), undefined), 'dangling');
  assert.equal(stateOf(owner('o'), meta('other')), 'dangling');
  assert.equal(stateOf(owner('o'), meta('o', foreground)), 'waiting');
  assert.equal(stateOf(owner('o'), meta('o', { deletionTimestamp, finalizers: ['else'] })), 'solid');
});

const none = (): Dependent[] => [];
const plan = (states: readonly OwnerState[], finalizers: string[] = [], dependents: () => Dependent[] = none) =>
  planOwned(
    meta('x', { finalizers }),
    states.map((state, i) => ({ uid: `${i}`, state })),
    dependents,
  );

test('an object goes when none of its owners is solid, as its finalizers say', () => {
  assert.deepEqual(plan(['dangling']), { do: 'delete', policy: 'Background', unblock: false });
  assert.deepEqual(plan(['dangling', 'waiting']), { do: 'delete', policy: 'Background', unblock: false });
  assert.deepEqual(plan(['dangling'], ['orphan']), { do: 'delete', policy: 'Orphan', unblock: false });
  assert.deepEqual(plan(['dangling'], ['foregroundDeletion']), { do: 'delete', policy: 'Foreground', unblock: false });
});

test('one solid owner keeps it, and the others are struck off', () => {
  assert.deepEqual(plan([]), { do: 'keep' });
  assert.deepEqual(plan(['solid']), { do: 'keep' });
  assert.deepEqual(plan(['dangling', 'solid', 'waiting']), { do: 'release', owners: ['0', '2'] });
});

test('nothing is done while an owner cannot be judged', () => {
  assert.deepEqual(plan(['unknown', 'dangling']), { do: 'keep' });
  assert.deepEqual(plan(['misplaced', 'solid', 'dangling']), { do: 'keep' });
});

test('under an owner that waits, an object with dependents goes in the foreground, and out of a cycle', () => {
  const waiting = (metadata: ObjectMeta) => () => [{ ref, metadata }];
  assert.deepEqual(plan(['waiting'], [], waiting(meta('d'))), { do: 'delete', policy: 'Foreground', unblock: false });
  assert.deepEqual(plan(['waiting'], [], waiting(meta('d', foreground))), {
    do: 'delete',
    policy: 'Foreground',
    unblock: true,
  });
});

const self = { ref, namespace: 'ns', name: 'x', uid: 'x' };
const tasks = (change: Omit<Change, 'ref'>, state: OwnerState = 'solid') =>
  tasksOf({ ref, ...change }, kindOf, () => state);

test('changes of objects whose owners are there ask for nothing', () => {
  const current = meta('x', { ownerReferences: [owner('o', blocking)] });
  assert.deepEqual(tasks({ current }), []);
  assert.deepEqual(tasks({ previous: current, current }, 'dangling'), []);
  assert.deepEqual(tasks({ current, deleted: 'leaf' }), []);
});

test('an object is looked at when a new owner is in doubt, or when it begins to wait', () => {
  const look = [{ do: 'look', at: self }];
  assert.deepEqual(tasks({ current: meta('x', { ownerReferences: [owner('o')] }) }, 'dangling'), look);
  assert.deepEqual(tasks({ previous: meta('x'), current: meta('x', foreground) }), look);
  assert.deepEqual(tasks({ previous: meta('x', foreground), current: meta('x', foreground) }), []);
});

test('an owner that waits hears of dependents that are gone or no longer block it', () => {
  const previous = meta('x', { ownerReferences: [owner('o', blocking)] });
  const finish = { do: 'finish', at: { ref, namespace: 'ns', name: 'o', uid: 'o' } };
  assert.deepEqual(tasks({ previous, current: meta('x', { ownerReferences: [owner('o')] }) }, 'waiting'), [finish]);
  assert.deepEqual(tasks({ previous, current: meta('x') }, 'waiting'), [finish]);
  assert.deepEqual(tasks({ current: previous, deleted: 'owner' }, 'waiting'), [{ do: 'collect', owner: 'x' }, finish]);
});

test('an owner is held up by those that say so, are where it is, and are not itself', () => {
  const at = { ref, namespace: 'ns', name: 'o', uid: 'o' };
  const held = (reference: OwnerReference, more: ObjectMeta = {}): boolean =>
    blocks({ ref, metadata: meta('x', { ownerReferences: [reference], ...more }) }, at, kindOf);
  assert.equal(held(owner('o', blocking)), true);
  assert.equal(held(owner('o')), false);
  assert.equal(held(owner('o', blocking), { namespace: 'elsewhere' }), false);
  assert.equal(held(owner('o', { ...blocking, name: 'z' })), false);
  assert.equal(held(owner('o', blocking), { uid: 'o' }), false);
});
