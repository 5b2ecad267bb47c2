import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import type { TarEntry } from '../../src/kubelet/images/index.ts';
import { effectiveUidProgram } from './effective-uid.ts';
import { file, folder, link, merged } from './userland.ts';

const run = promisify(execFile);
const skip = ['/bin/busybox', '/usr/bin/busybox'].some(existsSync) ? false : 'needs busybox-static';

async function temporary(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'images-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

test('images are made once, and again when something in them or the archive has changed', { skip }, async (t) => {
  const home = await temporary(t);
  const archive = join(home, 'hello.tar');
  const make = async (): Promise<string> =>
    (await run(process.execPath, [join(import.meta.dirname, 'make.ts'), home])).stdout;
  assert.match(await make(), /hello\.tar made in \d+ ms: docker\.io\/nanoshift\/hello:1\n$/);
  const { size } = await stat(archive);
  assert.ok(size < 3 << 20, String(size));
  assert.match(await make(), /hello\.tar is up to date\n$/);
  await writeFile(`${archive}.key`, 'of another version');
  assert.match(await make(), /hello\.tar made in/);
  await rm(archive);
  assert.match(await make(), /hello\.tar made in/);
});

test('of entries with the same path the last one counts; folders stay before what is in them', () => {
  const paths = (entries: readonly TarEntry[]): string[] => entries.map(({ type, path }) => `${type} ${path}`);
  const base = [folder('usr'), file('usr/a', '1'), link('usr/b', 'a')];
  assert.deepEqual(paths(merged(base, [folder('usr'), file('usr/b', '2')])), [
    'folder usr',
    'file usr/a',
    'file usr/b',
  ]);
});

test('the program that tells its user runs', { skip: process.arch !== 'x64' && 'needs x86-64' }, async (t) => {
  const program = join(await temporary(t), 'uid');
  await writeFile(program, effectiveUidProgram('amd64'), { mode: 0o755 });
  assert.equal((await run(program)).stdout, `Effective uid: ${process.geteuid?.()}\n`);
});
