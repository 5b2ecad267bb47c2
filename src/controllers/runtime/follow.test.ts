import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '../../client/types.ts';
import { apiError, silentLogger } from '../../kernel/index.ts';
import type { KubeObject } from '../../schema/object.ts';
import { FakeCluster } from '../testing.ts';
import { follow } from './follow.ts';

const pods = { group: '', version: 'v1', resource: 'pods' };
const named = (name: string): KubeObject => ({ metadata: { name } });

function fixture(wrap: (client: Client) => Client = (client) => client) {
  const cluster = new FakeCluster();
  const admin = cluster.clientFor('admin');
  const seen: string[] = [];
  const start = () =>
    follow<KubeObject>(
      pods,
      { client: wrap(cluster.clientFor('reader')), clock: cluster.clock, log: silentLogger },
      {
        changed: ({ metadata }, deleted) => seen.push(`${deleted ? '-' : '+'}${metadata.name}`),
        relisted: () => seen.push('relisted'),
      },
    );
  return { cluster, admin, seen, start };
}

test('what is there comes first, then every change', async () => {
  const { cluster, admin, seen, start } = fixture();
  await admin.create(pods, named('a'));
  start();
  await cluster.settle();
  await admin.create(pods, named('b'));
  await admin.delete(pods, 'a');
  assert.deepEqual(seen, ['+a', '+b', '-a']);
});

test('after a lost watch everything is listed again, and the follower is told', async () => {
  const { cluster, admin, seen, start } = fixture();
  start();
  await cluster.settle();
  cluster.closeWatches(apiError.expired('too old'));
  await admin.create(pods, named('a'));
  assert.deepEqual(seen, []);
  cluster.clock.advance(50);
  await cluster.settle();
  assert.deepEqual(seen, ['+a', 'relisted']);
  await admin.create(pods, named('b'));
  assert.deepEqual(seen.at(-1), '+b');
});

test('a list that fails is tried again, ever more slowly', async () => {
  let lists = 0;
  const { cluster, start } = fixture((client) => {
    const failing: Client = Object.create(client);
    failing.list = () => {
      lists++;
      return Promise.reject(apiError.serviceUnavailable('not yet'));
    };
    return failing;
  });
  start();
  await cluster.settle();
  for (const waitMs of [50, 100, 200, 400]) {
    const before = lists;
    cluster.clock.advance(waitMs - 1);
    await cluster.settle();
    assert.equal(lists, before);
    cluster.clock.advance(1);
    await cluster.settle();
    assert.equal(lists, before + 1);
  }
});

test('once stopped, nothing is heard of any more', async () => {
  const { cluster, admin, seen, start } = fixture();
  const following = start();
  following.stop();
  await cluster.settle();
  await admin.create(pods, named('a'));
  cluster.clock.advance(60_000);
  await cluster.settle();
  assert.deepEqual(seen, []);
});
