import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { assemble, x86 } from './machine-code.ts';
import { type Image, writeImage, writeImages } from './oci.ts';
import { pauseImage, pauseProgram } from './pause.ts';
import { type TarEntry, writeTar } from './tar.ts';

// --- a reader of what we write ------------------------------------------------------------------------------------

interface Read {
  path: string;
  type: string;
  mode: number;
  uid: number;
  target: string;
  content: Buffer;
}

function readTar(bytes: Buffer): Read[] {
  const found: Read[] = [];
  let pax: Record<string, string> = {};
  for (let at = 0; bytes[at] !== 0; ) {
    const block = bytes.subarray(at, at + 512);
    const text = (from: number, length: number): string =>
      block
        .subarray(from, from + length)
        .toString('utf8')
        .split('\0', 1)[0] ?? '';
    const octal = (from: number, length: number): number => Number.parseInt(text(from, length).trim() || '0', 8);
    const sum = Buffer.from(block)
      .fill(' ', 148, 156)
      .reduce((total, byte) => total + byte, 0);
    assert.equal(octal(148, 8), sum, 'checksum');
    const size = octal(124, 12);
    const content = bytes.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
    if (text(156, 1) === 'x') {
      pax = paxOf(content.toString('utf8'));
      continue;
    }
    const [path, target] = [pax['path'] ?? text(0, 100), pax['linkpath'] ?? text(157, 100)];
    found.push({ path, target, type: text(156, 1), mode: octal(100, 8), uid: octal(108, 8), content });
    pax = {};
  }
  return found;
}

function paxOf(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (let rest = Buffer.from(text); rest.length > 0; ) {
    const length = Number.parseInt(rest.toString('utf8'), 10);
    const record = rest.subarray(0, length).toString('utf8');
    const [, key = '', value = ''] = /^\d+ ([^=]+)=(.*)\n$/s.exec(record) ?? [];
    found[key] = value;
    rest = rest.subarray(length);
  }
  return found;
}

async function tarOf(entries: readonly TarEntry[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar(entries)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

// --- tar ----------------------------------------------------------------------------------------------------------

const name = fc
  .stringMatching(/^[a-zA-Zäöü0-9._-]{1,40}(\/[a-zA-Z0-9._-]{1,40}){0,6}$/)
  .filter((path) => !path.endsWith('/'));

test('what is written as tar reads back the same, whatever the names and sizes', async () => {
  const entry = fc.oneof(
    fc.record({
      type: fc.constant('file' as const),
      path: name,
      content: fc.uint8Array({ maxLength: 1500 }),
      mode: fc.nat(0o7777),
      uid: fc.nat(70_000),
    }),
    fc.record({ type: fc.constant('symlink' as const), path: name, target: name }),
    fc.record({ type: fc.constant('folder' as const), path: name, mode: fc.nat(0o7777) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 8 }), async (entries) => {
      const read = readTar(await tarOf(entries));
      assert.deepEqual(
        read.map(({ path, type, target, content }) => [path, type, target, content.toString('hex')]),
        entries.map((one) => [
          one.type === 'folder' ? `${one.path}/` : one.path,
          { file: '0', symlink: '2', folder: '5' }[one.type],
          one.type === 'symlink' ? one.target : '',
          one.type === 'file' ? Buffer.from(one.content).toString('hex') : '',
        ]),
      );
      read.forEach((found, index) => {
        const one = entries[index];
        if (one && one.type !== 'symlink') assert.equal(found.mode, one.mode);
        if (one?.type === 'file') assert.equal(found.uid, one.uid);
      });
    }),
    { numRuns: 60 },
  );
});

test('a file that shrinks while it is read spoils no archive unnoticed', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'tar-')), 'f');
  await writeFile(path, 'short');
  await assert.rejects(tarOf([{ type: 'file', path: 'f', content: { path, sizeBytes: 99 } }]), /has changed/);
  await rm(join(path, '..'), { recursive: true });
});

// --- images -------------------------------------------------------------------------------------------------------

async function written(images: readonly Image[]): Promise<{ bytes: Buffer; entries: Map<string, Buffer> }> {
  const folder = await mkdtemp(join(tmpdir(), 'oci-'));
  try {
    await writeImages(images, join(folder, 'i.tar'));
    const bytes = await readFile(join(folder, 'i.tar'));
    return { bytes, entries: new Map(readTar(bytes).map(({ path, content }) => [path, content])) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

const parse = (bytes: Buffer | undefined): Record<string, never> => JSON.parse(String(bytes));
const blobPath = (digest: string): string => `blobs/${digest.replace(':', '/')}`;

test('an archive holds what its digests say, and the names that the image goes by', async () => {
  const { entries } = await written([pauseImage('arm64')]);
  for (const [path, content] of entries) {
    if (!path.startsWith('blobs/')) continue;
    assert.equal(path, `blobs/sha256/${createHash('sha256').update(content).digest('hex')}`);
  }
  const index = parse(entries.get('index.json')) as unknown as {
    manifests: { digest: string; annotations: Record<string, string>; platform: object }[];
  };
  assert.deepEqual(
    index.manifests.map(({ annotations }) => annotations['io.containerd.image.name']),
    ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10.2'],
  );
  assert.deepEqual(index.manifests[0]?.platform, { architecture: 'arm64', os: 'linux' });
  const manifest = parse(entries.get(blobPath(index.manifests[0]?.digest ?? ''))) as unknown as {
    config: { digest: string };
    layers: { digest: string }[];
  };
  const config = parse(entries.get(blobPath(manifest.config.digest))) as unknown as {
    config: object;
    rootfs: { diff_ids: string[] };
  };
  const layer = gunzipSync(entries.get(blobPath(manifest.layers[0]?.digest ?? '')) ?? '');
  assert.deepEqual(config.rootfs.diff_ids, [`sha256:${createHash('sha256').update(layer).digest('hex')}`]);
  assert.deepEqual(
    readTar(layer).map(({ path, mode }) => [path, mode]),
    [['pause', 0o755]],
  );
});

test('the same images give the same bytes, and a layer that two share is there once', async () => {
  const base: TarEntry[] = [{ type: 'file', path: 'base', content: Buffer.from('base') }];
  const image = (label: string): Image => ({
    names: [`docker.io/a/${label}:1`],
    architecture: 'amd64',
    config: {},
    layers: [base, [{ type: 'file', path: label, content: Buffer.from(label) }]],
  });
  const images = [image('x'), image('y')];
  const [one, two] = [await written(images), await written(images)];
  assert.deepEqual(one.bytes, two.bytes);
  assert.equal([...one.entries.keys()].filter((path) => path.startsWith('blobs/')).length, 3 + 2 * 2);
});

test('an archive that cannot be made leaves nothing behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'oci-'));
  const missing: TarEntry = { type: 'file', path: 'x', content: { path: join(folder, 'none'), sizeBytes: 1 } };
  const image: Image = { names: ['a:1'], architecture: 'amd64', config: {}, layers: [[missing]] };
  await assert.rejects(writeImage(image, join(folder, 'i.tar')));
  const { readdir } = await import('node:fs/promises');
  assert.deepEqual(await readdir(folder), []);
  await rm(folder, { recursive: true });
});

// --- machine code -------------------------------------------------------------------------------------------------

for (const [architecture, machine, sizeBytes] of [
  ['amd64', 62, 258],
  ['arm64', 183, 300],
] as const) {
  test(`pause for ${architecture} is an executable of ${sizeBytes} bytes that starts at its code`, () => {
    const file = Buffer.from(pauseProgram(architecture));
    assert.equal(file.length, sizeBytes);
    assert.equal(file.subarray(0, 4).toString('latin1'), '\x7fELF');
    assert.equal(file.readUInt16LE(18), machine);
    assert.equal(file.readBigUInt64LE(24), 0x400000n + 64n + 2n * 56n);
    assert.equal(file.readBigUInt64LE(64 + 32), BigInt(sizeBytes));
  });
}

test('jumps forward and back land where their names stand', () => {
  const { bytes, jump } = x86;
  const code = assemble(['start', jump(0x74, 'end'), bytes(0x90), jump(0xeb, 'start'), 'end', bytes(0xc3)]);
  assert.deepEqual([...code], [0x74, 3, 0x90, 0xeb, 0xfb, 0xc3]);
  assert.throws(() => assemble([jump(0xeb, 'nowhere')]), /nothing is named nowhere/);
});
