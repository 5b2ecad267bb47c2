import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReason } from '../../kernel/status.ts';
import type { KubeObject } from '../../schema/index.ts';
import { testCluster } from '../testing/cluster.ts';

const maps = { group: '', version: 'v1', resource: 'configmaps' };
const controller = { name: 'system:serviceaccount:kube-system:test-controller', groups: ['system:authenticated'] };

type Map = KubeObject & { data?: Record<string, string> };

test('who loses a race reads what won it', async () => {
  const cluster = await testCluster();
  const client = cluster.api.client(controller);
  const first = await client.create<Map>(maps, { metadata: { name: 'a', namespace: 'default' } });
  const winner = client.update<Map>(maps, { ...first, data: { by: 'winner' } });
  await assert.rejects(client.update<Map>(maps, { ...first, data: { by: 'loser' } }), (error) =>
    isReason(error, 'Conflict'),
  );
  const seen = await client.get<Map>(maps, 'a', 'default');
  assert.equal(seen.data?.['by'], 'winner');
  await winner;
  await cluster.close();
});

test('who keeps losing leaves the loop to others', async () => {
  const cluster = await testCluster();
  const client = cluster.api.client(controller);
  const stale = await client.create<Map>(maps, { metadata: { name: 'a', namespace: 'default' } });
  await client.update<Map>(maps, { ...stale, data: { by: 'winner' } });
  let turns = 0;
  const count = (): void => {
    turns++;
    if (turns < 10) setImmediate(count);
  };
  setImmediate(count);
  for (let attempt = 0; attempt < 10; attempt++) {
    await assert.rejects(client.update<Map>(maps, { ...stale, data: { by: 'loser' } }));
  }
  assert.ok(turns >= 9, `${turns} turns`);
  await cluster.close();
});
