import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Deployment, ReplicaSet } from '../../schema/generated/index.ts';
import { desiredReplicas, maxSurge, maxUnavailable } from './bounds.ts';
import { planDeployment } from './plan.ts';
import { currentAnnotations, revisionKey } from './revisions.ts';
import { isSameTemplate, replicaSetName, templateHash } from './template.ts';

interface Setting {
  replicas: number;
  maxSurge: number | string;
  maxUnavailable: number | string;
}

const amount = fc.oneof(
  fc.nat(6),
  fc.nat(100).map((share) => `${share}%`),
);

const setting: fc.Arbitrary<Setting> = fc.record({
  replicas: fc.nat(12),
  maxSurge: amount,
  maxUnavailable: amount,
});

/** A Deployment, its ReplicaSets and their pods, as far as their numbers go. */
class World {
  nowMs = Date.UTC(2026, 0, 1);
  deployment: Deployment;
  replicaSets: ReplicaSet[] = [];
  writes = 0;
  #uids = 0;

  constructor({ replicas, ...rollingUpdate }: Setting) {
    this.deployment = {
      metadata: { name: 'web', namespace: 'shop', uid: 'd', generation: 1 },
      spec: {
        replicas,
        selector: { matchLabels: { app: 'web' } },
        template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
        strategy: { type: 'RollingUpdate', rollingUpdate },
        progressDeadlineSeconds: 600,
        revisionHistoryLimit: 10,
      },
    };
  }

  change(spec: Partial<Deployment['spec']>): void {
    const { metadata } = this.deployment;
    const generation = (metadata.generation ?? 0) + 1;
    this.deployment = {
      ...this.deployment,
      metadata: { ...metadata, generation },
      spec: { ...this.deployment.spec, ...spec },
    };
  }

  setImage(image: string): void {
    const { template } = this.deployment.spec;
    this.change({ template: { ...template, spec: { containers: [{ name: 'web', image }] } } });
  }

  /** One sync. Returns whether it wrote anything. */
  sync(): boolean {
    this.nowMs += 1000;
    const { deployment, replicaSets, nowMs } = this;
    const plan = planDeployment({ deployment, replicaSets, pods: [], nowMs });
    for (const { before, after } of plan.updates) this.#replace(before, after);
    if (plan.create) {
      const creationTimestamp = new Date(nowMs).toISOString();
      const metadata = { ...plan.create.metadata, uid: `rs-${++this.#uids}`, creationTimestamp, generation: 1 };
      this.replicaSets.push({ ...plan.create, metadata, status: { replicas: 0 } });
    }
    this.replicaSets = this.replicaSets.filter((each) => !plan.deletions.includes(each));
    if (plan.status) this.deployment = plan.status;
    return Boolean(plan.updates.length || plan.create || plan.deletions.length || plan.status);
  }

  /** The ReplicaSet controller and the node: pods come and go, and some of them become available. */
  work(pick: (count: number) => number): void {
    for (const each of this.replicaSets) {
      const { replicas = 0 } = each.spec;
      const available = Math.min(each.status?.availableReplicas ?? 0, replicas);
      const availableReplicas = available + pick(replicas - available);
      const status = { replicas, readyReplicas: availableReplicas, availableReplicas, terminatingReplicas: 0 };
      this.#replace(each, { ...each, status: { ...status, observedGeneration: each.metadata.generation ?? 0 } });
    }
  }

  get total(): number {
    return this.replicaSets.reduce((total, { spec }) => total + (spec.replicas ?? 0), 0);
  }

  /** Pods that stay available whatever the ReplicaSets delete: those that are not go first. */
  get available(): number {
    return this.replicaSets.reduce(
      (total, { spec, status }) => total + Math.min(spec.replicas ?? 0, status?.availableReplicas ?? 0),
      0,
    );
  }

  #replace(before: ReplicaSet, after: ReplicaSet): void {
    const grown = before.spec === after.spec ? 0 : 1;
    const generation = (after.metadata.generation ?? 0) + grown;
    const next = { ...after, metadata: { ...after.metadata, generation } };
    this.replicaSets = this.replicaSets.map((each) => (each === before ? next : each));
  }
}

const all = (count: number): number => count;

function settle(world: World): void {
  for (let round = 0; round < 200; round++) {
    const wrote = world.sync();
    world.work(all);
    if (!wrote && !world.sync()) return;
  }
  assert.fail('it never came to rest');
}

test('a rollout ends with all pods of the new template, and never has too many or too few', () =>
  fc.assert(
    fc.property(setting, fc.array(fc.nat(12), { minLength: 5, maxLength: 30 }), (chosen, luck) => {
      const world = new World(chosen);
      settle(world);
      world.setImage('web:2');
      const desired = desiredReplicas(world.deployment);
      for (const most of luck) {
        const before = world.available;
        world.sync();
        assert.ok(world.total <= desired + maxSurge(world.deployment), `${world.total} pods`);
        const least = Math.min(before, desired - maxUnavailable(world.deployment));
        assert.ok(world.available >= least, `${world.available} available`);
        world.work((count) => Math.min(count, most % 3));
      }
      settle(world);
      const sizes = world.replicaSets.map(({ spec }) => spec.replicas);
      assert.deepEqual(sizes, [0, desired]);
    }),
    { numRuns: 300 },
  ));

interface Step {
  image: string | null;
  replicas: number | null;
  paused: boolean | null;
  syncs: number;
  luck: number;
}

const step: Step = { image: null, replicas: null, paused: null, syncs: 0, luck: 0 };
/** Scaled in the middle of a rollout to the size that its only ReplicaSet with pods has just then. */
const scaledToWhatItIs: [Setting, Step[]] = [
  { replicas: 0, maxSurge: 0, maxUnavailable: 0 },
  [
    { ...step, image: 'web:3' },
    { ...step, replicas: 2, syncs: 1 },
    { ...step, image: 'web:1', syncs: 3, luck: 1 },
    { ...step, replicas: 1 },
  ],
];

test('whatever is changed in the middle of it, it comes to rest with what was wanted last', () =>
  fc.assert(
    fc.property(
      setting,
      fc.array(
        fc.record({
          image: fc.option(fc.constantFrom('web:1', 'web:2', 'web:3')),
          replicas: fc.option(fc.nat(12)),
          paused: fc.option(fc.boolean()),
          syncs: fc.nat(3),
          luck: fc.nat(3),
        }),
        { maxLength: 12 },
      ),
      (chosen, steps) => {
        const world = new World(chosen);
        for (const { image, replicas, paused, syncs, luck } of steps) {
          if (image !== null) world.setImage(image);
          if (replicas !== null) world.change({ replicas });
          if (paused !== null) world.change({ paused });
          for (let i = 0; i < syncs; i++) {
            world.sync();
            world.work((count) => Math.min(count, luck));
          }
        }
        world.change({ paused: false });
        settle(world);
        const { template } = world.deployment.spec;
        const active = world.replicaSets.filter(({ spec }) => (spec.replicas ?? 0) > 0);
        const desired = desiredReplicas(world.deployment);
        assert.deepEqual(
          active.map(({ spec }) => [spec.replicas, isSameTemplate(spec.template, template)]),
          desired ? [[desired, true]] : [],
        );
        const { status } = world.deployment;
        assert.equal(status?.updatedReplicas ?? 0, desired);
        assert.equal(status?.conditions?.find(({ type }) => type === 'Progressing')?.reason, 'NewReplicaSetAvailable');
      },
    ),
    { numRuns: 300, examples: [scaledToWhatItIs] },
  ));

test('a rollout that becomes one of Recreate while it is scaled goes on', () => {
  const world = new World({ replicas: 4, maxSurge: 1, maxUnavailable: 1 });
  settle(world);
  world.setImage('web:2');
  world.sync();
  assert.equal(world.replicaSets.filter(({ spec }) => spec.replicas).length, 2);
  world.change({ strategy: { type: 'Recreate' }, replicas: 6 });
  settle(world);
  assert.deepEqual(
    world.replicaSets.map(({ spec }) => spec.replicas),
    [0, 6],
  );
});

test('a finished rollout whose pods are away is not looked at by the second', () => {
  const world = new World({ replicas: 2, maxSurge: 1, maxUnavailable: 1 });
  settle(world);
  world.replicaSets = world.replicaSets.map((each) => ({
    ...each,
    status: { ...each.status, replicas: 2, availableReplicas: 0 },
  }));
  const nowMs = world.nowMs + 3_600_000;
  const { lookInMs } = planDeployment({ ...world, pods: [], nowMs });
  assert.equal(lookInMs, undefined);
});

test('templates are compared without their hash, and named after what is in them', () => {
  const spec = { containers: [{ name: 'web', image: 'web:1' }] };
  const plain = { metadata: { labels: { app: 'web' } }, spec };
  const hashed = { metadata: { labels: { app: 'web', 'pod-template-hash': 'x' } }, spec };
  assert.ok(isSameTemplate(plain, hashed));
  assert.ok(isSameTemplate({ metadata: {}, spec }, { spec }));
  assert.equal(isSameTemplate(plain, { ...plain, spec: { containers: [] } }), false);
  assert.match(templateHash(plain, undefined), /^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
  assert.equal(templateHash(plain, undefined), templateHash(hashed, undefined));
  assert.notEqual(templateHash(plain, undefined), templateHash(plain, 1));
  assert.equal(replicaSetName('a'.repeat(253), 'hash').length, 253);
});

test('a revision is an int64', () => {
  const annotations = { [revisionKey]: '3546343826724305832' };
  assert.equal(currentAnnotations({}, annotations, 3546343826724305833n)[revisionKey], '3546343826724305833');
});

test('the history of revisions drops its oldest where it would become too long', () => {
  const long = Array.from({ length: 500 }, (_, at) => String(at + 1000))
    .join(',')
    .slice(0, 1999);
  const before = { [revisionKey]: '7777', 'deployment.kubernetes.io/revision-history': long };
  const after = currentAnnotations({}, before, 8000n)['deployment.kubernetes.io/revision-history'] ?? '';
  assert.ok(after.length <= 2000 && after.endsWith(',7777') && !after.startsWith('1000,'));
});
