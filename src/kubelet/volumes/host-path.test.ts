import assert from 'node:assert/strict';
import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { HostPathVolumeSource } from '../../schema/generated/index.ts';
import { checkHostPath } from './host-path.ts';
import { temporaryFolder } from './testing.ts';

type Type = NonNullable<HostPathVolumeSource['type']>;

const all: Type[] = ['DirectoryOrCreate', 'Directory', 'FileOrCreate', 'File', 'Socket', 'CharDevice', 'BlockDevice'];
const nouns: Partial<Record<Type, string>> = {
  DirectoryOrCreate: 'directory',
  Directory: 'directory',
  FileOrCreate: 'file',
  File: 'file',
  Socket: 'socket file',
  CharDevice: 'character device',
  BlockDevice: 'block device',
};

test('each type takes what it says and nothing else', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'dir'));
  await writeFile(join(folder, 'file'), '');
  await symlink('dir', join(folder, 'link'));
  const server = createServer().listen(join(folder, 'socket'));
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  for (const [path, fits] of [
    [join(folder, 'dir'), ['DirectoryOrCreate', 'Directory']],
    [join(folder, 'link'), ['DirectoryOrCreate', 'Directory']],
    [join(folder, 'file'), ['FileOrCreate', 'File']],
    [join(folder, 'socket'), ['Socket']],
    ['/dev/null', ['CharDevice']],
  ] as const) {
    for (const type of all) {
      if ((fits as readonly Type[]).includes(type)) await checkHostPath({ path, type });
      else {
        const message = `hostPath type check failed: ${path} is not a ${nouns[type]}`;
        await assert.rejects(checkHostPath({ path, type }), { message });
      }
    }
    await checkHostPath({ path });
  }
});

test('what is missing is made when the type says so', async (t) => {
  const folder = await temporaryFolder(t);
  await checkHostPath({ path: join(folder, 'a/b'), type: 'DirectoryOrCreate' });
  assert.ok((await stat(join(folder, 'a/b'))).isDirectory());
  await checkHostPath({ path: join(folder, 'file'), type: 'FileOrCreate' });
  assert.ok((await stat(join(folder, 'file'))).isFile());
  await assert.rejects(checkHostPath({ path: join(folder, 'none'), type: 'Directory' }), /is not a directory/);
  await checkHostPath({ path: join(folder, 'none') });
});

test('a path that climbs is refused', async () => {
  const message = "invalid HostPath `/a/../b`: must not contain '..'";
  await assert.rejects(checkHostPath({ path: '/a/../b' }), { message });
});
