import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '../client/types.ts';
import { inTurn } from './in-turn.ts';

test('no more than the limit are under way, also when one comes while another is woken', async () => {
  let running = 0;
  let most = 0;
  const ends: (() => void)[] = [];
  const under: Promise<void>[] = [];
  const create = (): Promise<unknown> => {
    most = Math.max(most, ++running);
    const { promise, resolve } = Promise.withResolvers<void>();
    ends.push(() => {
      running--;
      resolve();
    });
    under.push(promise);
    return promise;
  };
  const client = inTurn({ create } as Partial<Client> as Client, 1);
  const ref = { group: '', version: 'v1', resource: 'configmaps' };
  const write = (): Promise<unknown> => client.create(ref, { metadata: {} });

  const all = [write(), write()];
  // Runs after the first has handed its place over and before the second takes it.
  const third = under[0]?.then(() => void all.push(write()));
  for (let end = ends.shift(); end; end = ends.shift()) {
    end();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await third;
  await Promise.all(all);
  assert.deepEqual([all.length, most], [3, 1]);
});
