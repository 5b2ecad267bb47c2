/** A full disk: what is there stays readable, writes that need more space fail one by one, others go on. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sqliteBackend, type Store } from '../../src/store/index.ts';
import { openSampleStore, podKind, put, remove } from '../../src/store/testing.ts';

const directory = mkdtempSync(join(tmpdir(), 'store-full-'));
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', directory]).status === 0;
const skip = mounted ? false : 'a small file system cannot be mounted (needs root)';

after(() => {
  if (mounted) spawnSync('umount', ['--lazy', directory]);
  rmSync(directory, { recursive: true });
});

const open = async (): Promise<Store> =>
  openSampleStore({ backend: await sqliteBackend(join(directory, 'state.db'), { cacheBytes: 1 << 20 }) });

/** Takes all the space that is left. */
const fill = (): void => {
  try {
    writeFileSync(join(directory, 'fill'), Buffer.alloc(16 << 20));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  }
};

test('a full disk', { skip }, async () => {
  const store = await open();
  const payload = 'x'.repeat(10_000);
  for (let i = 0; i < 600; i++) await put(store, `p${i % 50}`, { payload });
  fill();

  // Updates and deletes go on: the log's own space is used again.
  for (let i = 0; i < 600; i++) await put(store, `p${i % 50}`, { payload });
  await remove(store, 'p0');

  const grow = async (): Promise<void> => {
    for (let i = 0; i < 1000; i++) await put(store, `more${i}`, { payload });
  };
  await assert.rejects(grow(), /database or disk is full/);
  const count = store.count(podKind);
  assert.equal(store.object(store.get(podKind, 'default', 'p1')!).metadata.name, 'p1');

  rmSync(join(directory, 'fill'));
  await put(store, 'after', { payload });
  await store.close();
  const reopened = await open();
  assert.equal(reopened.count(podKind), count + 1);
  await reopened.close();
});
