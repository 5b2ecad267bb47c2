/** Random stories of a node, and what must hold during and after each. */
import fc from 'fast-check';
import { runtimeLabels } from '../../src/kubelet/types.ts';
import type { PodSpec } from '../../src/schema/generated/index.ts';
import { SimulatedNode } from './node.ts';

export type Step =
  | { do: 'add'; pod: string; kind: keyof typeof kinds }
  | { do: 'delete'; pod: string; graceSeconds: number }
  | { do: 'crash'; pod: string; exitCode: number; container: string }
  | { do: 'loseSandbox'; pod: string }
  | { do: 'changeImage'; pod: string }
  | { do: 'failProbe'; pod: string }
  | { do: 'faults'; faults: ('lose' | 'refuse')[] }
  | { do: 'runtimeAway'; forMs: number }
  | { do: 'apiAway'; forMs: number }
  | { do: 'closeWatches' }
  | { do: 'restart'; afterMs: number }
  | { do: 'wait'; ms: number };

const app = { image: 'example.com/app:1' };

export const kinds = {
  always: {},
  never: { restartPolicy: 'Never' },
  onFailure: { restartPolicy: 'OnFailure' },
  withInit: { initContainers: [{ name: 'init', ...app }] },
  withSidecar: { initContainers: [{ name: 'sidecar', ...app, restartPolicy: 'Always' }] },
  job: { restartPolicy: 'Never', initContainers: [{ name: 'sidecar', ...app, restartPolicy: 'Always' }] },
  hostNetwork: { hostNetwork: true },
  deadline: { activeDeadlineSeconds: 40 },
  two: {
    containers: [
      { name: 'main', ...app },
      { name: 'second', ...app },
    ],
  },
} as const satisfies Record<string, object>;

const podNames = ['a', 'b'];
const podName = fc.constantFrom(...podNames);
const shortMs = fc.constantFrom(0, 1, 50, 700, 3_000);
const longMs = fc.constantFrom(1_000, 12_000, 45_000, 700_000);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      pod: podName,
      kind: fc.constantFrom(...(Object.keys(kinds) as (keyof typeof kinds)[])),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('delete' as const),
      pod: podName,
      graceSeconds: fc.constantFrom(0, 1, 5, 30),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('crash' as const),
      pod: podName,
      exitCode: fc.constantFrom(0, 1),
      container: fc.constantFrom('main', 'init', 'sidecar', 'second'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('loseSandbox' as const), pod: podName }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('changeImage' as const), pod: podName }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('failProbe' as const), pod: podName }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('faults' as const),
      faults: fc.array(fc.constantFrom('lose' as const, 'refuse' as const), { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('runtimeAway' as const), forMs: fc.oneof(shortMs, longMs) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('apiAway' as const), forMs: fc.oneof(shortMs, longMs) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('closeWatches' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('restart' as const), afterMs: shortMs }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.oneof(shortMs, longMs) }) },
);

export interface Story {
  steps: Step[];
  /** How long the runtime's calls take, over and over. */
  latenciesMs: number[];
  stubborn: boolean;
}

export const story: fc.Arbitrary<Story> = fc.record({
  steps: fc.array(step, { minLength: 3, maxLength: 25 }),
  latenciesMs: fc.array(fc.constantFrom(0, 0, 0, 1, 40, 2_000), { minLength: 1, maxLength: 7 }),
  stubborn: fc.boolean(),
});

/** Plays the story; throws with what was broken. */
export async function play({ steps, latenciesMs, stubborn }: Story): Promise<void> {
  const node = new SimulatedNode();
  let calls = 0;
  node.latencyMs = () => latenciesMs[calls++ % latenciesMs.length] as number;
  if (stubborn) node.stubborn.add('main');
  node.start();
  for (const one of steps) {
    await take(node, one);
    await node.settle();
    check(node);
  }
  await comeToRest(node);
}

async function take(node: SimulatedNode, step: Step): Promise<void> {
  switch (step.do) {
    case 'add':
      if (!node.pod(step.pod)) await node.add(step.pod, structuredClone(kinds[step.kind]) as Partial<PodSpec>);
      return;
    case 'delete':
      return node.api.delete(step.pod, step.graceSeconds);
    case 'crash':
      return node.crash(step.pod, step.exitCode, step.container);
    case 'loseSandbox':
      for (const { id, labels } of node.runtime.sandboxes.values()) {
        if (labels[runtimeLabels.podName] === step.pod) node.runtime.loseSandbox(id);
      }
      return;
    case 'changeImage':
      return node.api.change(step.pod, (pod) => {
        for (const container of pod.spec.containers) container.image = `example.com/app:${pod.metadata.generation}`;
        return pod;
      });
    case 'failProbe':
      for (const id of node.running(step.pod)) node.unhealthy.add(id);
      node.probed(node.pod(step.pod)?.metadata.uid ?? '');
      return;
    case 'faults':
      node.faults.push(...step.faults);
      return;
    case 'runtimeAway':
      node.runtime.setAway(true);
      await node.advance(step.forMs);
      return node.runtime.setAway(false);
    case 'apiAway':
      node.api.outage = new Error('simulated outage');
      await node.advance(step.forMs);
      node.api.outage = undefined;
      return;
    case 'closeWatches':
      return node.api.closeWatches();
    case 'restart':
      node.kill();
      await node.advance(step.afterMs);
      return node.start();
    case 'wait':
      return node.advance(step.ms);
  }
}

function check(node: SimulatedNode): void {
  const violations = node.violations();
  if (violations.length > 0) throw new Error(violations.join('; '));
}

/** Nothing goes wrong any more: what is deleted ends, what is wanted runs, nothing is left over. */
async function comeToRest(node: SimulatedNode): Promise<void> {
  node.faults.length = 0;
  node.latencyMs = () => 0;
  node.unhealthy.clear();
  await node.advance(400_000);
  check(node);
  for (const pod of node.api.pods.values()) {
    const { metadata, spec, status } = pod;
    if (metadata.deletionTimestamp) throw new Error(`${metadata.name} does not end`);
    const isOver = status?.phase === 'Failed' || status?.phase === 'Succeeded';
    const mayEnd = spec.restartPolicy !== 'Always' || spec.activeDeadlineSeconds !== undefined;
    if (isOver && !mayEnd) throw new Error(`${metadata.name} has ended: ${JSON.stringify(status)}`);
    const main = node.running(metadata.name ?? '');
    const init = node.running(metadata.name ?? '', 'init');
    if (spec.restartPolicy === 'Always' && !isOver && main.length + init.length === 0) {
      throw new Error(`${metadata.name} does not run: ${JSON.stringify(status)}`);
    }
    if (isOver && main.length > 0) throw new Error(`${metadata.name} is ${status.phase} and runs`);
    if (isOver && node.volumes.has(metadata.uid ?? '')) throw new Error(`${metadata.name} keeps its volumes`);
    const shown = node.container(metadata.name ?? '')?.state;
    if (!isOver && (shown?.running !== undefined) !== main.length > 0) {
      throw new Error(`${metadata.name} is shown as ${JSON.stringify(shown)}`);
    }
  }
  checkStarts(node);
  const uids = new Set([...node.api.pods.values()].map(({ metadata }) => metadata.uid));
  const left = [...node.runtime.sandboxes.values(), ...node.runtime.instances.values()].filter(
    ({ labels }) => !uids.has(labels[runtimeLabels.podUid]),
  );
  if (left.length > 0) throw new Error(`left in the runtime: ${left.map(({ id }) => id).join()}`);
  for (const uid of [...node.volumes, ...node.cgroups]) if (!uids.has(uid)) throw new Error(`left of ${uid}`);
}

/** What is to run once ran once. */
function checkStarts(node: SimulatedNode): void {
  for (const { metadata, spec } of node.api.pods.values()) {
    const starts = node.runtime.starts.get(`${metadata.uid}/main`) ?? 0;
    const isChanged = spec.containers.some(({ image }) => image !== app.image);
    if (spec.restartPolicy === 'Never' && starts > 1 && !isChanged)
      throw new Error(`${metadata.name} ran ${starts} times`);
  }
}
