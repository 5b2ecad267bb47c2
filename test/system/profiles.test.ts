/** Every board's profile starts, serves, and is what the process really keeps to. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { httpClient } from '../support/http.ts';
import { startServer } from '../support/server.ts';

const folder = resolve(import.meta.dirname, '../../hardware-profiles');
const probe = resolve(import.meta.dirname, '../support/limits-probe.mjs');
const boards = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => basename(name, '.yaml'));

/** Young generation: three semi-spaces of 4 MiB at most. */
const youngMib = 12;

for (const board of boards) {
  test(`${board} starts, serves and keeps to its budget`, async () => {
    const profile = parse(readFileSync(`${folder}/${board}.yaml`, 'utf8')) as { budget: Record<string, number> };
    const { heapMib = 0, cacheMib = 0, sqliteCacheKib } = profile.budget;
    const server = await startServer({ profile: board, env: { NODE_OPTIONS: `--import=${probe}` } });
    const send = httpClient(server.kubeconfig);
    const created = await send({
      method: 'POST',
      path: '/api/v1/namespaces/default/configmaps',
      headers: { 'content-type': 'application/json' },
      body: '{"metadata":{"name":"one"}}',
    });
    assert.equal(created.status, 201, created.text);
    const { text } = await send({ path: '/metrics' });
    const capacityMib = Number(/^nanoshift_store_capacity_bytes (\S+)$/m.exec(text)?.[1]) / 2 ** 20;
    // What the modules' own data takes of the memory is not for objects.
    assert.ok(capacityMib <= cacheMib && capacityMib > cacheMib - 4, `cache of ${capacityMib} MiB`);
    send.close();
    assert.equal(await server.stop(), 0);
    const told = (name: string): number[] =>
      [...server.output().matchAll(new RegExp(`^probe ${name}=(\\d+)$`, 'gm'))].map((match) => Number(match[1]));
    const heapLimitMib = told('heapLimitBytes').at(-1)! / 2 ** 20;
    assert.ok(heapLimitMib >= heapMib && heapLimitMib <= heapMib + youngMib, `heap of ${heapLimitMib} MiB`);
    assert.deepEqual(told('sqliteCacheKib'), [sqliteCacheKib]);
  });
}
