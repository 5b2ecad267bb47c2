// Whatever comes, goes and fails: no node is promised more than it has, and what fits is placed in the end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodes, pods } from '../../src/client/index.ts';
import type { Client } from '../../src/client/types.ts';
import { apiError } from '../../src/kernel/index.ts';
import type { Pod } from '../../src/schema/generated/index.ts';
import { type SchedulerFixture, withScheduler } from '../support/scheduler.ts';

const seeds = Number(process.env['SEEDS'] ?? 12);
const steps = 60;
const cpusPerNode = 4;

/** A client whose binds and changes of status fail now and then, before or after they were carried out. */
function unreliable(random: () => number): (client: Client) => Client {
  return (client) => {
    const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
      const fate = random();
      if (fate < 0.15) throw apiError.serviceUnavailable('lost on the way');
      const result = await work();
      if (fate > 0.9) throw apiError.serviceUnavailable('the answer was lost');
      return result;
    };
    const made = Object.create(client) as Client;
    made.list = (...args) => client.list(...args);
    made.watch = (...args) => client.watch(...args);
    made.create = (ref, object, options) => attempt(() => client.create(ref, object, options));
    made.patch = (...args) => attempt(() => client.patch(...args));
    made.delete = (...args) => attempt(() => client.delete(...args));
    return made;
  };
}

for (let seed = 1; seed <= seeds; seed++) {
  test(`pods come and go, nodes come and go, writes fail (seed ${seed})`, async () => {
    const random = randomFrom(seed);
    const fixture = await withScheduler({ random, pendingPods: 4 }, unreliable(random));
    let number = 1;
    await fixture.addNode('n0');
    for (let step = 0; step < steps; step++) {
      const what = random();
      if (what < 0.5) await addPod(fixture, `p${number++}`, random);
      else if (what < 0.7) await removeOnePod(fixture, random);
      else if (what < 0.8) await fixture.addNode(`n${number++}`);
      else if (what < 0.85) await removeOneNode(fixture, random);
      else await advance(fixture, Math.floor(random() * 5_000));
      await checkPromises(fixture);
    }
    for (let round = 0; round < 20; round++) await advance(fixture, 31_000);
    await checkPromises(fixture);
    await checkNothingLeft(fixture);
    await fixture.stop();
  });
}

async function addPod(fixture: SchedulerFixture, name: string, random: () => number): Promise<void> {
  const cpu = String(1 + Math.floor(random() * 3));
  await fixture.addPod(name, { priority: random() < 0.2 ? 10 : 0 }, { cpu });
}

async function removeOnePod(fixture: SchedulerFixture, random: () => number): Promise<void> {
  const all = await listPods(fixture);
  const pod = all[Math.floor(random() * all.length)];
  if (pod) await fixture.client.delete(pods, pod.metadata.name!, { namespace: 'default', gracePeriodSeconds: 0 });
  await fixture.settle();
}

/** With the pods that are on it, as their collector would. */
async function removeOneNode(fixture: SchedulerFixture, random: () => number): Promise<void> {
  const { items } = await fixture.client.list(nodes);
  const node = items[Math.floor(random() * items.length)]?.metadata.name;
  if (!node || items.length === 1) return;
  await fixture.client.delete(nodes, node);
  await fixture.settle();
  await removePods(fixture, (pod) => pod.spec?.nodeName === node);
}

async function advance(fixture: SchedulerFixture, byMs: number): Promise<void> {
  fixture.cluster.clock.advance(byMs);
  await fixture.settle();
  // Victims of preemption end; nobody but the scheduler here would do it.
  await removePods(fixture, (pod) => pod.metadata.deletionTimestamp !== undefined);
}

async function removePods(fixture: SchedulerFixture, which: (pod: Pod) => boolean): Promise<void> {
  for (const { metadata } of (await listPods(fixture)).filter(which)) {
    await fixture.client.delete(pods, metadata.name!, { namespace: 'default', gracePeriodSeconds: 0 });
  }
  await fixture.settle();
}

const listPods = async ({ client }: SchedulerFixture): Promise<readonly Pod[]> => (await client.list<Pod>(pods)).items;

const cpusOf = ({ spec }: Pod): number => Number(spec?.containers[0]?.resources?.requests?.['cpu'] ?? 0);

async function usedByNode(fixture: SchedulerFixture): Promise<Map<string, number>> {
  const used = new Map<string, number>();
  for (const pod of await listPods(fixture)) {
    const { nodeName } = pod.spec!;
    if (nodeName) used.set(nodeName, (used.get(nodeName) ?? 0) + cpusOf(pod));
  }
  return used;
}

async function checkPromises(fixture: SchedulerFixture): Promise<void> {
  for (const [node, cpus] of await usedByNode(fixture)) assert.ok(cpus <= cpusPerNode, `${node} has ${cpus}`);
}

async function checkNothingLeft(fixture: SchedulerFixture): Promise<void> {
  const used = await usedByNode(fixture);
  const { items } = await fixture.client.list(nodes);
  const mostFree = Math.max(...items.map(({ metadata }) => cpusPerNode - (used.get(metadata.name!) ?? 0)));
  for (const pod of await listPods(fixture)) {
    if (pod.spec?.nodeName) continue;
    assert.ok(cpusOf(pod) > mostFree, `${pod.metadata.name} waits for ${cpusOf(pod)} cpus, ${mostFree} are free`);
  }
}

function randomFrom(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
