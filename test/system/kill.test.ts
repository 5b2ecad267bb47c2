import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { apiRequest } from '../support/api-request.ts';
import { freePort, startServer } from '../support/server.ts';

interface ConfigMap {
  metadata: { name: string; resourceVersion: string };
  data?: Record<string, string>;
}

const path = '/api/v1/namespaces/default/configmaps';

/** `KILLS=50 node --test test/system/kill.test.ts` is the long form. */
const kills = Number(process.env['KILLS'] ?? 5);

test(`no acknowledged write is lost and no revision is issued twice over ${kills} kills under load`, {
  timeout: kills * 30_000,
}, async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'nanoshift-kill-'));
  const port = await freePort();
  /** Name → acknowledged value and revision; undefined value = acknowledged deletion. */
  const acknowledged = new Map<string, { value: string | undefined; revision: number }>();
  const revisions = new Set<number>();
  try {
    for (let round = 0; round < kills; round++) {
      const server = await startServer({ dataDir, port });
      await verify(server.kubeconfig, acknowledged);
      const killAtMs = performance.now() + 50 + Math.random() * 700;
      let killed = false;
      const writers = Array.from({ length: 8 }, (_, writer) =>
        write(server.kubeconfig, `w${writer}`, round, acknowledged, revisions, () => killed),
      );
      await new Promise((done) => setTimeout(done, killAtMs - performance.now()));
      await server.stop('SIGKILL');
      killed = true;
      await Promise.all(writers);
    }
    const server = await startServer({ dataDir, port });
    await verify(server.kubeconfig, acknowledged);
    assert.equal(await server.stop(), 0);
    assert.ok(revisions.size > kills * 5, `only ${revisions.size} writes were acknowledged`);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});

/** Creates, updates and deletes objects of its own until the server is gone. A write that fails stays unknown: either state is right. */
async function write(
  kubeconfig: string,
  writer: string,
  round: number,
  acknowledged: Map<string, { value: string | undefined; revision: number }>,
  revisions: Set<number>,
  killed: () => boolean,
): Promise<void> {
  for (let step = 0; !killed(); step++) {
    const name = `${writer}-r${round}-${step % 7}`;
    const value = `${round}.${step}`;
    const known = acknowledged.get(name);
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value } };
    acknowledged.delete(name);
    try {
      if (known?.value !== undefined && step % 5 === 4) {
        await apiRequest(kubeconfig, 'DELETE', `${path}/${name}`);
        acknowledged.set(name, { value: undefined, revision: known.revision });
        continue;
      }
      const answer = (
        known?.value === undefined
          ? await apiRequest(kubeconfig, 'POST', path, body)
          : await apiRequest(kubeconfig, 'PUT', `${path}/${name}`, body)
      ) as ConfigMap;
      const revision = Number(answer.metadata.resourceVersion);
      assert.ok(!revisions.has(revision), `revision ${revision} was issued twice`);
      revisions.add(revision);
      acknowledged.set(name, { value, revision });
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      if (!['ECONNRESET', 'ECONNREFUSED', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      return;
    }
  }
}

async function verify(
  kubeconfig: string,
  acknowledged: ReadonlyMap<string, { value: string | undefined; revision: number }>,
): Promise<void> {
  const list = (await apiRequest(kubeconfig, 'GET', path)) as { items: ConfigMap[] };
  const found = new Map(list.items.map((item) => [item.metadata.name, item]));
  for (const [name, { value, revision }] of acknowledged) {
    const item = found.get(name);
    if (value === undefined) assert.equal(item, undefined, `${name} was deleted, acknowledged, and is back`);
    else {
      assert.equal(item?.data?.['value'], value, `${name} lost its acknowledged value`);
      assert.equal(Number(item.metadata.resourceVersion), revision);
    }
  }
}
