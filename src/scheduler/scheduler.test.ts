import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nodes, pods } from '../client/index.ts';
import type { Client, WatchHandler } from '../client/types.ts';
import { apiError } from '../kernel/index.ts';
import type { Node, Pod } from '../schema/generated/index.ts';
import type { KubeObject } from '../schema/object.ts';
import { type SchedulerFixture, withScheduler } from '../../test/support/scheduler.ts';

const conditionOf = async (fixture: SchedulerFixture, name: string) =>
  (await fixture.pod(name)).status?.conditions?.find(({ type }) => type === 'PodScheduled');

test('a pod is bound to a node that it fits, and told so', async () => {
  const fixture = await withScheduler();
  await fixture.addNode('a');
  await fixture.addPod('web', {}, { cpu: '1' });
  assert.equal(await fixture.nodeOf('web'), 'a');
  assert.equal((await conditionOf(fixture, 'web'))?.status, 'True');
  assert.deepEqual(fixture.told, [
    { name: 'web', type: 'Normal', reason: 'Scheduled', message: 'Successfully assigned default/web to a' },
  ]);
  await fixture.stop();
});

test('a pod that fits nowhere says why, and goes as soon as a node comes', async () => {
  const fixture = await withScheduler();
  await fixture.addNode('small', (node) => Object.assign(node.status!.allocatable!, { cpu: '1' }));
  await fixture.addNode('tainted', (node) => {
    node.spec = { taints: [{ key: 'k', effect: 'NoSchedule' }] };
  });
  await fixture.addPod('web', {}, { cpu: '2' });
  const message =
    '0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s). ' +
    'no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.';
  const condition = await conditionOf(fixture, 'web');
  assert.deepEqual([condition?.status, condition?.reason, condition?.message], ['False', 'Unschedulable', message]);
  assert.equal(fixture.told.at(-1)?.message, message);
  await fixture.addNode('large');
  assert.equal(await fixture.nodeOf('web'), 'large');
  await fixture.stop();
});

test('without nodes a pod waits', async () => {
  const fixture = await withScheduler();
  await fixture.addPod('web');
  const condition = await conditionOf(fixture, 'web');
  assert.deepEqual([condition?.reason, condition?.message], ['Unschedulable', 'no nodes available to schedule pods']);
  await fixture.addNode('a');
  fixture.cluster.clock.advance(1_000);
  await fixture.settle();
  assert.equal(await fixture.nodeOf('web'), 'a');
  await fixture.stop();
});

test('pods of other schedulers are left alone', async () => {
  const fixture = await withScheduler();
  await fixture.addNode('a');
  await fixture.addPod('web', { schedulerName: 'mine' });
  assert.equal(await fixture.nodeOf('web'), undefined);
  await fixture.stop();
});

test('what a pod takes is free again when it ends or goes', async () => {
  const fixture = await withScheduler();
  await fixture.addNode('a');
  for (const name of ['one', 'two', 'three']) await fixture.addPod(name, {}, { cpu: '3' });
  assert.equal(await fixture.nodeOf('one'), 'a');
  assert.equal(await fixture.nodeOf('two'), undefined);
  const ended = await fixture.pod('one');
  await fixture.client.update<Pod>(
    pods,
    { ...ended, status: { ...ended.status, phase: 'Succeeded' } },
    { subresource: 'status' },
  );
  await fixture.settle();
  assert.equal(await fixture.nodeOf('two'), 'a');
  await fixture.client.delete(pods, 'two', { namespace: 'default', gracePeriodSeconds: 0 });
  await fixture.settle();
  assert.equal(await fixture.nodeOf('three'), 'a');
  await fixture.stop();
});

test('gates hold a pod back until the last is taken away', async () => {
  const fixture = await withScheduler();
  await fixture.addNode('a');
  const made = await fixture.addPod('web', { schedulingGates: [{ name: 'example.com/a' }] });
  assert.equal((await conditionOf(fixture, 'web'))?.reason, 'SchedulingGated');
  await fixture.client.update<Pod>(pods, { ...made, spec: { ...made.spec!, schedulingGates: [] } });
  await fixture.settle();
  assert.equal(await fixture.nodeOf('web'), 'a');
  await fixture.stop();
});

test('a bind that fails gives the room back and is tried again', async () => {
  let fails = 1;
  const fixture = await withScheduler({}, (client) => {
    const failing = Object.create(client) as typeof client;
    failing.create = (ref, object, options) =>
      options?.subresource === 'binding' && fails-- > 0
        ? Promise.reject(apiError.serviceUnavailable('not now'))
        : client.create(ref, object, options);
    failing.list = (...args) => client.list(...args);
    failing.watch = (...args) => client.watch(...args);
    failing.patch = (...args) => client.patch(...args);
    return failing;
  });
  await fixture.addNode('a');
  await fixture.addPod('web', {}, { cpu: '3' });
  const condition = await conditionOf(fixture, 'web');
  assert.deepEqual(
    [condition?.reason, condition?.message],
    ['SchedulerError', 'running Bind plugin "DefaultBinder": not now'],
  );
  await fixture.addPod('other', {}, { cpu: '3' });
  assert.equal(await fixture.nodeOf('other'), 'a');
  await fixture.client.delete(pods, 'other', { namespace: 'default', gracePeriodSeconds: 0 });
  fixture.cluster.clock.advance(1_000);
  await fixture.settle();
  assert.equal(await fixture.nodeOf('web'), 'a');
  await fixture.stop();
});

test('what does not fit into memory waits in the store', async () => {
  const fixture = await withScheduler({ pendingPods: 2 });
  for (const name of ['a', 'b', 'c', 'd', 'e']) await fixture.addPod(name, {}, { cpu: '1' });
  await fixture.addNode('node', (node) => Object.assign(node.status!.allocatable!, { cpu: '16' }));
  for (let step = 0; step < 10; step++) {
    fixture.cluster.clock.advance(30_000);
    await fixture.settle();
  }
  for (const name of ['a', 'b', 'c', 'd', 'e']) assert.equal(await fixture.nodeOf(name), 'node', name);
  await fixture.stop();
});

test('a pod of higher priority takes the place of one of lower priority', async () => {
  const fixture = await withScheduler();
  await fixture.addNode('a');
  await fixture.addPod('low', { priority: 1 }, { cpu: '3' });
  await fixture.addPod('high', { priority: 10 }, { cpu: '3' });
  const low = await fixture.pod('low');
  assert.ok(low.metadata.deletionTimestamp);
  const target = low.status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  assert.deepEqual(
    [target?.reason, target?.message],
    ['PreemptionByScheduler', 'default-scheduler: preempting to accommodate a higher priority pod'],
  );
  assert.equal((await fixture.pod('high')).status?.nominatedNodeName, 'a');
  await fixture.addPod('middle', { priority: 5 }, { cpu: '3' });
  await fixture.client.delete(pods, 'low', { namespace: 'default', gracePeriodSeconds: 0 });
  await fixture.settle();
  assert.equal(await fixture.nodeOf('high'), 'a');
  assert.equal(await fixture.nodeOf('middle'), undefined);
  await fixture.stop();
});

test('a node that becomes schedulable again takes pods', async () => {
  const fixture = await withScheduler();
  await fixture.addNode('a', (node) => {
    node.spec = { unschedulable: true };
  });
  await fixture.addPod('web');
  assert.match((await conditionOf(fixture, 'web'))?.message ?? '', /1 node\(s\) were unschedulable/);
  const node = await fixture.client.get<Node>(nodes, 'a');
  await fixture.client.update<Node>(nodes, { ...node, spec: {} });
  await fixture.settle();
  assert.equal(await fixture.nodeOf('web'), 'a');
  await fixture.stop();
});

/** Ends all watches, as a server that stops; until `restore`, lists fail. */
function breakable(): { wrap(client: Client): Client; lose(): void; restore(): void } {
  const open = new Set<() => void>();
  let isAway = false;
  return {
    wrap(client) {
      const wrapped: Client = Object.create(client);
      wrapped.list = (ref, options) =>
        isAway ? Promise.reject(apiError.serviceUnavailable('away')) : client.list(ref, options);
      wrapped.watch = <T extends KubeObject>(...[ref, options, handler]: Parameters<Client['watch']>) => {
        const watch = client.watch<T>(ref, options, handler as WatchHandler<T>);
        const end = (): void => {
          watch.stop();
          handler.closed(new Error('lost'));
        };
        open.add(end);
        return {
          stop() {
            open.delete(end);
            watch.stop();
          },
        };
      };
      for (const name of ['get', 'create', 'update', 'patch', 'delete'] as const) {
        Object.assign(wrapped, { [name]: client[name].bind(client) });
      }
      return wrapped;
    },
    lose() {
      isAway = true;
      for (const end of [...open]) end();
      open.clear();
    },
    restore() {
      isAway = false;
    },
  };
}

test('after a lost watch the scheduler knows the nodes that there are then', async () => {
  const { wrap, lose, restore } = breakable();
  const fixture = await withScheduler({}, wrap);
  await fixture.addNode('same');
  await fixture.addNode('gone');
  await fixture.addNode('again');
  lose();
  await fixture.client.delete(nodes, 'gone');
  await fixture.client.delete(nodes, 'again');
  const pinned = (name: string) => ({ nodeSelector: { 'kubernetes.io/hostname': name } });
  await fixture.addNode('again');
  await fixture.addNode('new');
  for (const name of ['same', 'gone', 'again', 'new']) await fixture.addPod(`on-${name}`, pinned(name));
  restore();
  for (let turn = 0; turn < 10; turn++) {
    fixture.cluster.clock.advance(2_000);
    await fixture.settle();
  }
  const found = ['same', 'gone', 'again', 'new'].map((name) => fixture.nodeOf(`on-${name}`));
  assert.deepEqual(await Promise.all(found), ['same', undefined, 'again', 'new']);
  assert.match((await conditionOf(fixture, 'on-gone'))?.message ?? '', /^0\/3 nodes are available/);
  await fixture.stop();
});

test('a node that cannot be understood keeps no other node from being seen', async () => {
  const broken = new Set(['a']);
  const fixture = await withScheduler({}, (client) => {
    const wrapped: Client = Object.create(client);
    const spoil = <T extends KubeObject>(object: T): T =>
      broken.has(object.metadata.name ?? '') && 'status' in object
        ? ({ ...object, status: { allocatable: { cpu: 'nonsense' } } } as unknown as T)
        : object;
    wrapped.list = async <T extends KubeObject>(...args: Parameters<Client['list']>) => {
      const page = await client.list<T>(...args);
      return { ...page, items: page.items.map(spoil) };
    };
    wrapped.watch = <T extends KubeObject>(...[ref, options, handler]: Parameters<Client['watch']>) =>
      client.watch<T>(ref, options, {
        event: (event) => handler.event(event.type === 'BOOKMARK' ? event : { ...event, object: spoil(event.object) }),
        closed: (error) => handler.closed(error),
      });
    wrapped.create = client.create.bind(client);
    wrapped.patch = client.patch.bind(client);
    return wrapped;
  });
  await fixture.addNode('a');
  await fixture.addNode('b');
  await fixture.addPod('web');
  assert.equal(await fixture.nodeOf('web'), 'b');
  broken.clear();
  fixture.cluster.clock.advance(30_000);
  await fixture.settle();
  await fixture.addPod('on-a', { nodeSelector: { 'kubernetes.io/hostname': 'a' } });
  assert.equal(await fixture.nodeOf('on-a'), 'a');
  await fixture.stop();
});

test('however a start and its watches go, every pod that fits is placed within half a minute', async () => {
  const step = fc.constantFrom(...(['pod', 'node', 'taint', 'untaint', 'lose', 'restore', 'wait'] as const));
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(step, { maxLength: 14 }), async (startsAway, steps) => {
      const { wrap, lose, restore } = breakable();
      if (startsAway) lose();
      const fixture = await withScheduler({}, wrap);
      const { client, cluster } = fixture;
      const setTaints = async (taints: NonNullable<Node['spec']>['taints'] & object): Promise<void> => {
        for (const node of (await client.list<Node>(nodes)).items)
          await client.update(nodes, { ...node, spec: { taints } });
        await fixture.settle();
      };
      for (const [index, what] of steps.entries()) {
        if (what === 'pod') await fixture.addPod(`pod-${index}`);
        else if (what === 'node') await fixture.addNode(`node-${index}`);
        else if (what === 'taint') await setTaints([{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
        else if (what === 'untaint') await setTaints([]);
        else if (what === 'lose') lose();
        else if (what === 'restore') restore();
        else cluster.clock.advance(500);
      }
      await fixture.addNode('last');
      restore();
      for (let second = 0; second < 30; second++) {
        await fixture.settle();
        cluster.clock.advance(1_000);
      }
      await fixture.settle();
      const { items } = await client.list<Pod>(pods);
      for (const { metadata, spec } of items) assert.ok(spec?.nodeName, `${metadata.name} waits after ${steps.join()}`);
      await fixture.stop();
    }),
    { numRuns: 60 },
  );
});
