import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { apiRequest } from '../support/api-request.ts';
import { type ServerOverStore, setups, startOver } from '../support/setups.ts';

interface ConfigMap {
  metadata: { name: string; uid: string; ownerReferences?: { name: string }[]; deletionTimestamp?: string };
}

const path = '/api/v1/namespaces/default/configmaps';
const deadlineMs = 20_000;

/** Deletion in every propagation mode against the built program: ConfigMaps that own ConfigMaps. */
for (const setup of setups) {
  describe(setup.title, { skip: setup.skip }, () => {
    let server: ServerOverStore;

    before(async () => {
      server = await startOver(setup);
    });
    after(async () => assert.equal(await server?.stop(), 0));

    const ask = (method: string, target: string, body?: unknown) =>
      apiRequest(server.kubeconfig, method, target, body) as Promise<ConfigMap>;

    const make = (name: string, owner?: ConfigMap, finalizers: string[] = []): Promise<ConfigMap> => {
      const reference = owner && {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        name: owner.metadata.name,
        uid: owner.metadata.uid,
      };
      const ownerReferences = reference ? [{ ...reference, blockOwnerDeletion: true }] : [];
      return ask('POST', path, { metadata: { name, ownerReferences, finalizers } });
    };

    /** The ConfigMaps of one test, once there are as many as wanted. */
    const left = async (prefix: string, count: number): Promise<ConfigMap[]> => {
      for (const endMs = performance.now() + deadlineMs; ; ) {
        const { items } = (await apiRequest(server.kubeconfig, 'GET', path)) as { items: ConfigMap[] };
        const mine = items.filter(({ metadata }) => metadata.name.startsWith(prefix));
        if (mine.length === count || performance.now() > endMs) return mine;
        await new Promise((done) => setTimeout(done, 20));
      }
    };

    test('background: dependents follow, through two levels', async () => {
      const a = await make('back-a');
      const b = await make('back-b', a);
      await make('back-c', b);
      await ask('DELETE', `${path}/back-a?propagationPolicy=Background`);
      assert.deepEqual(await left('back-', 0), []);
    });

    test('foreground: the owner waits for a dependent that others hold', async () => {
      const a = await make('fore-a');
      await make('fore-b', a);
      await make('fore-c', a, ['test.io/hold']);
      await ask('DELETE', `${path}/fore-a?propagationPolicy=Foreground`);
      const held = await left('fore-', 2);
      assert.deepEqual(
        held.map(({ metadata }) => metadata.name),
        ['fore-a', 'fore-c'],
      );
      assert.ok(held.every(({ metadata }) => metadata.deletionTimestamp));
      await ask('PATCH', `${path}/fore-c`, { metadata: { finalizers: null } });
      assert.deepEqual(await left('fore-', 0), []);
    });

    test('orphan: dependents stay, without their owner', async () => {
      const a = await make('orphan-a');
      await make('orphan-b', a);
      await ask('DELETE', `${path}/orphan-a?propagationPolicy=Orphan`);
      const [b, ...others] = await left('orphan-', 1);
      assert.deepEqual([b?.metadata.name, b?.metadata.ownerReferences, others], ['orphan-b', undefined, []]);
    });
  });
}
