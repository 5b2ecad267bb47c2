import assert from 'node:assert/strict';
import { lstat, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { type FileProjection, type Payload, writeAtomically } from './atomic-writer.ts';
import { temporaryFolder } from './testing.ts';

const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
const file = (text: string, mode = 0o644): FileProjection => ({ data: Buffer.from(text), mode });
const files = (contents: Record<string, string>): Payload =>
  new Map(Object.entries(contents).map(([path, text]) => [path, file(text)]));

const write = (target: string, contents: Record<string, string>): Promise<boolean> =>
  writeAtomically(target, files(contents), { nowMs });

/** What a container sees: files by path, through the links. */
async function visible(target: string): Promise<Record<string, string>> {
  const seen: Record<string, string> = {};
  const walk = async (folder: string, prefix: string): Promise<void> => {
    for (const name of await readdir(folder)) {
      if (prefix === '' && name.startsWith('..')) continue;
      const path = join(folder, name);
      if ((await stat(path)).isDirectory()) await walk(path, `${prefix}${name}/`);
      else seen[prefix + name] = await readFile(path, 'utf8');
    }
  };
  await walk(target, '');
  return seen;
}

const hidden = async (target: string): Promise<string[]> =>
  (await readdir(target)).filter((name) => name.startsWith('..')).sort();

test('files are links through ..data into a timestamped folder', async (t) => {
  const target = await temporaryFolder(t);
  assert.equal(await write(target, { top: '1', 'a/b/c': '2', 'a/d': '3' }), true);
  assert.deepEqual(await visible(target), { top: '1', 'a/b/c': '2', 'a/d': '3' });
  assert.equal(await readlink(join(target, 'top')), '..data/top');
  assert.equal(await readlink(join(target, 'a')), '..data/a');
  const data = await readlink(join(target, '..data'));
  assert.match(data, /^\.\.2026_01_02_03_04_05\..+/);
  assert.equal((await stat(join(target, data))).mode & 0o777, 0o755);
});

test('what has not changed is not written', async (t) => {
  const target = await temporaryFolder(t);
  await write(target, { a: '1', 'b/c': '2' });
  const before = await readlink(join(target, '..data'));
  assert.equal(await write(target, { a: '1', 'b/c': '2' }), false);
  assert.equal(await readlink(join(target, '..data')), before);
});

test('a change swaps everything at once and leaves one data folder', async (t) => {
  const target = await temporaryFolder(t);
  await write(target, { a: '1', gone: '2', 'dir/gone': '3', 'dir/stays': '4' });
  assert.equal(await write(target, { a: 'new', 'dir/stays': '4', 'more/x': '5' }), true);
  assert.deepEqual(await visible(target), { a: 'new', 'dir/stays': '4', 'more/x': '5' });
  assert.equal((await hidden(target)).length, 2);
});

test('nothing is left when the payload is empty', async (t) => {
  const target = await temporaryFolder(t);
  await write(target, { a: '1', 'b/c': '2' });
  await write(target, {});
  assert.deepEqual(await visible(target), {});
});

test('a file becomes a folder and a folder a file', async (t) => {
  const target = await temporaryFolder(t);
  await write(target, { a: '1', 'b/c': '2' });
  await write(target, { 'a/x': '1', b: '2' });
  assert.deepEqual(await visible(target), { 'a/x': '1', b: '2' });
});

test('modes are what they should be whatever the umask', async (t) => {
  const target = await temporaryFolder(t);
  await writeAtomically(
    target,
    new Map([
      ['open', file('x', 0o666)],
      ['shut', file('y', 0o400)],
    ]),
    { nowMs },
  );
  assert.equal((await stat(join(target, 'open'))).mode & 0o777, 0o666);
  assert.equal((await stat(join(target, 'shut'))).mode & 0o777, 0o400);
});

test('permissions are set before anybody sees the files', async (t) => {
  const target = await temporaryFolder(t);
  let seen: string[] = [];
  const setPermissions = async (): Promise<void> => {
    seen = await readdir(target);
  };
  await writeAtomically(target, files({ a: '1' }), { nowMs, setPermissions });
  assert.equal(seen.length, 1);
  assert.match(seen[0] ?? '', /^\.\.2026/);
});

test('what a killed writer left behind is cleared away', async (t) => {
  const target = await temporaryFolder(t);
  await write(target, { a: '1' });
  await mkdir(join(target, '..2020_01_01_00_00_00.zzz'));
  await symlink('..2020_01_01_00_00_00.zzz', join(target, '..data_tmp'));
  await write(target, { a: '2' });
  assert.deepEqual(await visible(target), { a: '2' });
  assert.equal((await hidden(target)).length, 2);
});

test('a visible link that is missing is made without a write', async (t) => {
  const target = await temporaryFolder(t);
  await write(target, { a: '1' });
  await mkdir(join(target, 'nested'));
  const { rm } = await import('node:fs/promises');
  await rm(join(target, 'a'));
  assert.equal(await write(target, { a: '1' }), false);
  assert.deepEqual(await visible(target), { a: '1' });
  assert.ok((await lstat(join(target, 'nested'))).isDirectory());
});

test('..data that leads nowhere is written anew', async (t) => {
  const target = await temporaryFolder(t);
  await symlink('..gone', join(target, '..data'));
  await write(target, { a: '1' });
  assert.deepEqual(await visible(target), { a: '1' });
});

for (const [path, message] of [
  ['', /must not be empty/],
  ['/abs', /must be relative path: \/abs/],
  ['a/../b', /must not contain '\.\.': a\/\.\.\/b/],
  ['..', /must not contain/],
  ['..hidden', /must not start with '\.\.': \.\.hidden/],
  ['a'.repeat(256), /filenames must be less than or equal to 255 characters/],
  ['a/'.repeat(2100), /must be less than or equal to 4096 characters/],
] as const) {
  test(`the path ${JSON.stringify(path.slice(0, 20))} is refused`, async (t) => {
    const target = await temporaryFolder(t);
    await assert.rejects(write(target, { [path]: 'x' }), message);
    assert.deepEqual(await readdir(target), []);
  });
}

for (const path of ['a/..b', '...', 'a//b', './a']) {
  test(`the path ${path} is taken`, async (t) => {
    const target = await temporaryFolder(t);
    if (path === '...') await assert.rejects(write(target, { [path]: 'x' }));
    else assert.equal(await write(target, { [path]: 'x' }), true);
  });
}

test('whatever was there before, exactly the payload is visible afterwards', async (t: TestContext) => {
  const name = fc.constantFrom('a', 'b', 'c', 'd/x', 'd/y', 'e/f/g', 'e/h');
  const payload = fc.dictionary(name, fc.constantFrom('1', '2', ''));
  await fc.assert(
    fc.asyncProperty(fc.array(payload, { minLength: 1, maxLength: 5 }), async (steps) => {
      const target = await temporaryFolder(t);
      for (const step of steps) {
        await write(target, step);
        assert.deepEqual(await visible(target), { ...step });
      }
    }),
    { numRuns: 30 },
  );
});

test('a folder that is a mount point for another volume stays', async (t) => {
  const target = await temporaryFolder(t);
  await mkdir(join(target, 'other'));
  await writeFile(join(target, 'other', 'x'), 'kept');
  await write(target, { a: '1' });
  await write(target, { a: '2' });
  assert.deepEqual(await visible(target), { a: '2', 'other/x': 'kept' });
});
