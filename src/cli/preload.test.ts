import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '../kernel/index.ts';
import { preloadImages } from './preload.ts';

test('an archive that cannot be looked at is told of and ends nothing', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'preload-'));
  t.after(() => rm(folder, { recursive: true }));
  await symlink('/nowhere/image.tar', join(folder, 'image.tar'));
  const told: string[] = [];
  const log = { ...silentLogger, warn: (message: string) => void told.push(message) };
  await preloadImages({ folders: [folder], record: join(folder, 'record'), socketPath: '/nowhere/socket', log });
  assert.deepEqual(told, ['not all image archives could be looked at or remembered']);
});
