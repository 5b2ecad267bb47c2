import assert from 'node:assert/strict';
import { mkdir, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeSubPath, prepareSubPath } from './subpath.ts';
import { FakeMounter, temporaryFolder } from './testing.ts';

/** A volume with folders and links in it, and a secret of the host beside it. */
async function volume(t: TestContext) {
  const root = await temporaryFolder(t);
  const volumePath = join(root, 'volume');
  await mkdir(join(volumePath, 'dir/inner'), { recursive: true });
  await writeFile(join(volumePath, 'dir/file'), 'x');
  await mkdir(join(root, 'outside'));
  await symlink('dir', join(volumePath, 'inside-link'));
  await symlink('../outside', join(volumePath, 'outside-link'));
  await symlink('/etc/passwd', join(volumePath, 'host-file'));
  await symlink('loop', join(volumePath, 'loop'));
  const mounter = new Recording();
  const prepare = (path: string) =>
    prepareSubPath({ root, podUid: 'p', container: 'c', volume: 'v', index: 0, volumePath, path }, mounter);
  return { root, volumePath, mounter, prepare };
}

/** What a bind source leads to at the time of the mount: descriptors are closed afterwards. */
class Recording extends FakeMounter {
  sources: string[] = [];

  override async bind(source: string, target: string): Promise<void> {
    this.sources.push(await readlink(source));
    await super.bind(source, target);
  }
}

for (const [path, leadsTo] of [
  ['dir', 'dir'],
  ['dir/inner', 'dir/inner'],
  ['dir/file', 'dir/file'],
  ['inside-link/inner', 'dir/inner'],
  ['./dir//inner/', 'dir/inner'],
] as const) {
  test(`${path} is mounted`, async (t) => {
    const { root, volumePath, mounter, prepare } = await volume(t);
    const target = await prepare(path);
    assert.equal(target, join(root, 'pods/p/volume-subpaths/v/c/0'));
    assert.deepEqual(mounter.sources, [join(volumePath, leadsTo)]);
    const [source, made] = await Promise.all([stat(join(volumePath, leadsTo)), stat(target)]);
    assert.equal(made.isDirectory(), source.isDirectory());
  });
}

for (const path of ['outside-link', 'host-file', 'loop', 'none', 'dir/file/x']) {
  test(`${path} is not mounted`, async (t) => {
    const { mounter, prepare } = await volume(t);
    await assert.rejects(prepare(path));
    assert.deepEqual(mounter.sources, []);
  });
}

test('missing folders are made inside the volume, with its mode', async (t) => {
  const { volumePath } = await volume(t);
  const { mode } = await stat(volumePath);
  await makeSubPath(volumePath, 'new/deep/er');
  assert.equal((await stat(join(volumePath, 'new/deep/er'))).mode, mode);
  await makeSubPath(volumePath, 'inside-link/more');
  assert.ok((await stat(join(volumePath, 'dir/more'))).isDirectory());
});

test('no folder is made outside the volume', async (t) => {
  const { root, volumePath } = await volume(t);
  await assert.rejects(makeSubPath(volumePath, 'outside-link/new'), /not within volume path/);
  await assert.rejects(stat(join(root, 'outside/new')), { code: 'ENOENT' });
});

test('a target of the wrong sort that was left behind is replaced', async (t) => {
  const { root, prepare } = await volume(t);
  await mkdir(join(root, 'pods/p/volume-subpaths/v/c/0'), { recursive: true });
  const target = await prepare('dir/file');
  assert.ok((await stat(target)).isFile());
});
