import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '../../client/types.ts';
import { apiError, ManualClock, silentLogger } from '../../kernel/index.ts';
import type { Pod } from '../../schema/generated/index.ts';
import { fullName, MirrorPods } from './mirror.ts';
import { podOf } from './testing.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const staticPod = (hash: string): Pod => {
  const pod = podOf();
  return { ...pod, metadata: { ...pod.metadata, uid: hash, annotations: { 'kubernetes.io/config.hash': hash } } };
};

/** An API that tells of a write before it answers, as the one in the same process does. */
class Fixture {
  readonly clock = new ManualClock();
  readonly calls: string[] = [];
  wanted: Pod | undefined;
  stored: Pod | undefined;
  isAway = false;
  readonly mirrors: MirrorPods;
  #made = 0;

  constructor(wanted: Pod | undefined) {
    this.wanted = wanted;
    const env = { client: this.#client(), clock: this.clock, log: silentLogger, nodeName: 'edge' };
    this.mirrors = new MirrorPods(env, () => this.wanted);
  }

  tell(pod: Pod, deleted = false): void {
    this.stored = deleted ? undefined : pod;
    this.mirrors.changed(pod, deleted);
  }

  #client(): Client {
    return {
      get: async () => ({ metadata: { name: 'edge', uid: 'n' } }),
      create: async (_ref: unknown, pod: Pod) => {
        this.calls.push('create');
        if (this.isAway) throw new Error('away');
        if (this.stored) throw apiError.alreadyExists({ group: '', resource: 'pods' }, 'web');
        this.tell({ ...pod, metadata: { ...pod.metadata, uid: `m${++this.#made}` } });
        return pod;
      },
      delete: async () => {
        this.calls.push('delete');
        if (this.stored) this.tell(this.stored, true);
      },
    } as unknown as Client;
  }
}

test('a mirror that somebody deletes comes back', async () => {
  const fixture = new Fixture(staticPod('a'));
  fixture.mirrors.reconcile('default/web');
  await settle();
  const mirror = fixture.stored as Pod;
  fixture.tell({ ...mirror, metadata: { ...mirror.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
  await settle();
  assert.deepEqual(fixture.calls, ['create', 'delete', 'create']);
  assert.equal(fixture.stored?.metadata.uid, 'm2');
});

test('a pod that ends while its mirror is being made leaves none', async () => {
  const fixture = new Fixture(staticPod('a'));
  fixture.mirrors.reconcile('default/web');
  fixture.wanted = undefined;
  fixture.mirrors.reconcile('default/web');
  await settle();
  assert.deepEqual(fixture.calls, ['create', 'delete']);
  assert.equal(fixture.stored, undefined);
});

test('however often it failed, one try at a time is to come', async () => {
  const fixture = new Fixture(staticPod('a'));
  fixture.isAway = true;
  for (let time = 0; time < 3; time++) {
    fixture.mirrors.reconcile('default/web');
    await settle();
  }
  fixture.calls.length = 0;
  fixture.clock.advance(5_000);
  await settle();
  assert.deepEqual(fixture.calls, ['create']);
  fixture.mirrors.stop();
  fixture.clock.advance(60_000);
  await settle();
  assert.deepEqual(fixture.calls, ['create']);
});

test('where another pod has the name, the mirror is made when that one has gone', async () => {
  const fixture = new Fixture(staticPod('a'));
  fixture.stored = podOf();
  fixture.mirrors.reconcile(fullName(fixture.stored));
  await settle();
  fixture.stored = undefined;
  fixture.clock.advance(5_000);
  await settle();
  assert.deepEqual(fixture.calls, ['create', 'create']);
  assert.ok(fixture.stored);
});
