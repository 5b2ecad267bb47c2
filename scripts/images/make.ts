/**
 * Makes container images from what is installed here, without a registry and without container tools:
 *
 *   node scripts/images/make.ts OUT_DIR                    hello.tar: the web server of the first steps
 *   node scripts/images/make.ts OUT_DIR --agnhost PROGRAM  and conformance.tar: stand-ins for the suite's images
 *
 * Import them by `nanoshift images import FILE…`. What is up to date is left alone.
 */
import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Image, ownArchitecture, writeImages } from '../../src/kubelet/images/index.ts';
import { conformanceImages, helloImage, type ServingCertificate } from './images.ts';
import { servingCertificate } from './serving-certificate.ts';
import { MissingProgramError } from './userland.ts';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { agnhost: { type: 'string' } } });
const [folder] = positionals;
if (!folder || positionals.length > 1) {
  console.error('usage: node scripts/images/make.ts OUT_DIR [--agnhost PROGRAM]');
  process.exit(2);
}
try {
  await make(folder, values.agnhost);
} catch (error) {
  if (!(error instanceof MissingProgramError)) throw error;
  console.error(error.message);
  process.exit(1);
}

async function make(folder: string, agnhost: string | undefined): Promise<void> {
  const architecture = ownArchitecture();
  if (!architecture) throw new MissingProgramError(`there are no images for ${process.arch}`);
  await mkdir(folder, { recursive: true });
  await makeArchive(join(folder, 'hello.tar'), [helloImage(architecture)]);
  if (!agnhost) return;
  const serving = await kept(join(folder, 'serving-certificate.json'), servingCertificate);
  await makeArchive(join(folder, 'conformance.tar'), conformanceImages(architecture, agnhost, serving));
}

async function makeArchive(file: string, images: readonly Image[]): Promise<void> {
  const keyFile = `${file}.key`;
  const key = await keyOf(images);
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  if (isThere && (await readFile(keyFile, 'utf8').catch(() => '')) === key) {
    console.log(`${file} is up to date`);
    return;
  }
  const beganMs = performance.now();
  await writeImages(images, file);
  await writeFile(keyFile, key);
  console.log(
    `${file} made in ${Math.round(performance.now() - beganMs)} ms: ${images.flatMap(({ names }) => names).join(' ')}`,
  );
}

/** Of what the images are made of: their description, and the contents of the files in them. */
async function keyOf(images: readonly Image[]): Promise<string> {
  const hash = createHash('sha256').update(await builderKey());
  const contents = new Map<string, string>();
  for (const { names, architecture, config, layers } of images) {
    hash.update(JSON.stringify({ names, architecture, config }));
    for (const entry of layers.flat()) {
      const { content, ...described } = entry.type === 'file' ? entry : { ...entry, content: undefined };
      hash.update(JSON.stringify(described));
      if (content instanceof Uint8Array) hash.update(content);
      else if (content) {
        const digest =
          contents.get(content.path) ??
          createHash('sha256')
            .update(await readFile(content.path))
            .digest('hex');
        contents.set(content.path, digest);
        hash.update(digest);
      }
    }
  }
  return hash.digest('hex');
}

/** Of the code that writes archives. */
async function builderKey(): Promise<string> {
  const home = join(import.meta.dirname, '../../src/kubelet/images');
  const names = (await readdir(home)).filter((name) => /^(tar|oci)\.ts$/.test(name)).sort();
  return (await Promise.all(names.map((name) => readFile(join(home, name), 'utf8')))).join('');
}

/** What was made once, so that images that carry it stay the same. */
async function kept(file: string, make: () => Promise<ServingCertificate>): Promise<ServingCertificate> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as ServingCertificate;
  } catch {
    const made = await make();
    await writeFile(file, JSON.stringify(made), { mode: 0o600 });
    return made;
  }
}
