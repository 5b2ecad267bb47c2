/** Container images as OCI layout archives, made without any tool: OCI image-spec 1.1. */
import { createHash, type Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type TarEntry, writeTar } from './tar.ts';

export type Architecture = 'amd64' | 'arm64';

/** What runs when a container of the image starts; field names as in the image's own configuration. */
export interface ImageConfig {
  User?: string;
  ExposedPorts?: Readonly<Record<string, object>>;
  Env?: readonly string[];
  Entrypoint?: readonly string[];
  Cmd?: readonly string[];
  WorkingDir?: string;
  StopSignal?: string;
}

export interface Image {
  /** Full references: `registry.k8s.io/pause:3.10`. */
  names: readonly string[];
  architecture: Architecture;
  config: ImageConfig;
  /** From the bottom up. */
  layers: readonly (readonly TarEntry[])[];
}

export interface WrittenImage {
  /** The configuration's digest: what runtimes call the image's id. */
  id: string;
}

/** The architecture's name in images, for this machine. Undefined where no containers of ours run. */
export const ownArchitecture = (arch: string = process.arch): Architecture | undefined =>
  arch === 'x64' ? 'amd64' : arch === 'arm64' ? 'arm64' : undefined;

interface Blob {
  digest: string;
  sizeBytes: number;
  content: Uint8Array | { path: string; sizeBytes: number };
}

interface Layer extends Blob {
  /** Digest of what the layer unpacks to. */
  diffId: string;
}

const mediaType = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;

/** Writes an archive with one image. */
export async function writeImage(image: Image, file: string): Promise<WrittenImage> {
  const [written] = await writeImages([image], file);
  return written as WrittenImage;
}

/** Writes one archive with all `images`, whole or not at all. The same images give the same bytes. */
export async function writeImages(images: readonly Image[], file: string): Promise<WrittenImage[]> {
  const layers = new Map<readonly TarEntry[], Layer>();
  const unfinished = `${file}.part`;
  const layerFile = (index: number): string => `${file}.layer-${index}`;
  try {
    // A layer that images share is the same list, and packed once.
    for (const entries of images.flatMap((image) => image.layers)) {
      if (!layers.has(entries)) layers.set(entries, await packLayer(entries, layerFile(layers.size)));
    }
    const described = images.map((image) => describe(image, (entries) => layers.get(entries) as Layer));
    const blobs = new Map(described.flatMap((one) => one.blobs).map((blob) => [blob.digest, blob]));
    const entries: TarEntry[] = [
      { type: 'file', path: 'oci-layout', content: json({ imageLayoutVersion: '1.0.0' }) },
      { type: 'file', path: 'index.json', content: json(indexOf(described.flatMap((one) => one.rows))) },
      ...[...blobs.values()].map(
        ({ digest, content }): TarEntry => ({ type: 'file', path: `blobs/${digest.replace(':', '/')}`, content }),
      ),
    ];
    await pipeline(Readable.from(writeTar(entries)), createWriteStream(unfinished));
    await rename(unfinished, file);
    return described.map(({ id }) => ({ id }));
  } finally {
    await rm(unfinished, { force: true });
    for (let index = 0; index < layers.size + 1; index++) await rm(layerFile(index), { force: true });
  }
}

interface Described {
  id: string;
  blobs: Blob[];
  /** Of the index. */
  rows: object[];
}

function describe(image: Image, layerOf: (entries: readonly TarEntry[]) => Layer): Described {
  const layers = image.layers.map(layerOf);
  const config = jsonBlob(configOf(image, layers));
  const manifest = jsonBlob(manifestOf(config, layers));
  return { id: config.digest, blobs: [...layers, config, manifest], rows: rowsOf(image, manifest) };
}

/** Packs one layer to disk, so that no layer has to fit in memory. */
async function packLayer(entries: readonly TarEntry[], path: string): Promise<Layer> {
  const plain = createHash('sha256');
  const packed = createHash('sha256');
  await pipeline(
    Readable.from(writeTar(entries)),
    tap(plain),
    createGzip(),
    tap(packed),
    createWriteStream(path, { mode: 0o600 }),
  );
  const { size: sizeBytes } = await stat(path);
  return { digest: digestOf(packed), diffId: digestOf(plain), sizeBytes, content: { path, sizeBytes } };
}

const tap = (hash: Hash): Transform =>
  new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      hash.update(chunk);
      callback(null, chunk);
    },
  });

const digestOf = (hash: Hash): string => `sha256:${hash.digest('hex')}`;
const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

function jsonBlob(value: unknown): Blob {
  const content = json(value);
  return { digest: digestOf(createHash('sha256').update(content)), sizeBytes: content.length, content };
}

const configOf = ({ architecture, config }: Image, layers: readonly Layer[]): object => ({
  created: '1970-01-01T00:00:00Z',
  architecture,
  os: 'linux',
  config,
  rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
  history: layers.map(() => ({ created: '1970-01-01T00:00:00Z' })),
});

const descriptor = (type: keyof typeof mediaType, { digest, sizeBytes }: Blob): object => ({
  mediaType: mediaType[type],
  digest,
  size: sizeBytes,
});

const manifestOf = (config: Blob, layers: readonly Layer[]): object => ({
  schemaVersion: 2,
  mediaType: mediaType.manifest,
  config: descriptor('config', config),
  layers: layers.map((layer) => descriptor('layer', layer)),
});

/** One row a name: runtimes take the reference from the annotation. */
const rowsOf = ({ names, architecture }: Image, manifest: Blob): object[] =>
  names.map((name) => ({
    ...descriptor('manifest', manifest),
    platform: { architecture, os: 'linux' },
    annotations: {
      'io.containerd.image.name': name,
      'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
    },
  }));

const indexOf = (manifests: readonly object[]): object => ({
  schemaVersion: 2,
  mediaType: mediaType.index,
  manifests,
});
