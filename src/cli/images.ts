import { stat } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { dataPaths } from '../config/index.ts';
import { silentLogger, systemClock } from '../kernel/index.ts';
import { createCriClient } from '../kubelet/index.ts';
import { ImageImportError, importImage } from '../kubelet/images/index.ts';
import { findRuntimeSocket } from '../kubelet/runtime/index.ts';
import type { CriClient, Image } from '../kubelet/cri/types.ts';
import { CommandError } from './command.ts';
import { readSettings } from './options.ts';

const imagesUsage = 'images import FILE…|list';

/** `nanoshift images import FILE…|list`: what the node's container runtime has, and more for it. */
export async function images(argv: readonly string[]): Promise<number> {
  const { positionals, values } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { config: { type: 'string' }, 'data-dir': { type: 'string' }, profile: { type: 'string' } },
  });
  const [verb = '', ...files] = positionals;
  const flags = Object.entries(values).flatMap(([name, value]) => [`--${name}`, value]);
  if (verb === 'list' && files.length === 0) return list(flags);
  if (verb === 'import' && files.length > 0) return importAll(files, flags);
  throw new CommandError(`usage: nanoshift ${imagesUsage}`);
}

async function list(flags: readonly string[]): Promise<number> {
  return withRuntime(flags, async (cri) => {
    const { images: found } = await cri.call('ListImages', {});
    console.log(table(found));
    return 0;
  });
}

async function importAll(files: readonly string[], flags: readonly string[]): Promise<number> {
  return withRuntime(flags, async (cri, socketPath) => {
    const { runtimeName } = await cri.call('Version', {});
    if (runtimeName !== 'containerd') {
      throw new CommandError(`images cannot be imported into ${runtimeName}; use podman load or skopeo copy`);
    }
    let failed = 0;
    for (const file of files) {
      try {
        await stat(file);
        const names = await importImage(socketPath, file);
        console.log(`${file}: ${names.join(' ') || 'imported'}`);
      } catch (error) {
        if (!(error instanceof ImageImportError || (error as NodeJS.ErrnoException).code === 'ENOENT')) throw error;
        failed++;
        console.error(`nanoshift: ${file}: ${(error as Error).message}`);
      }
    }
    return failed === 0 ? 0 : 1;
  });
}

async function withRuntime(
  flags: readonly string[],
  work: (cri: CriClient, socketPath: string) => Promise<number>,
): Promise<number> {
  const { config, dataDir } = readSettings(flags);
  const { mode } = config.runtime;
  if (mode === 'none') throw new CommandError('this configuration runs no containers (runtime.mode: none)');
  const endpoint = config.kubelet.containerRuntimeEndpoint;
  const socketPath = await findRuntimeSocket({ endpoint, mode, paths: dataPaths(dataDir) });
  if (!socketPath) {
    const where = endpoint && mode !== 'own' ? `at ${endpoint}` : `for ${dataDir}`;
    throw new CommandError(`no container runtime answers ${where}; is nanoshift running?`);
  }
  const cri = createCriClient({ socketPath, clock: systemClock, log: silentLogger });
  try {
    return await work(cri, socketPath);
  } finally {
    cri.close();
  }
}

const idLength = 13;

/** A row a name, as crictl prints them. */
function table(found: readonly Image[]): string {
  const rows = found.flatMap(({ id, repoTags, repoDigests, size }) => {
    const names = repoTags.length > 0 ? repoTags : [`${repoDigests[0]?.split('@')[0] ?? '<none>'}:<none>`];
    return names.map((name) => {
      const colon = name.lastIndexOf(':');
      return [name.slice(0, colon), name.slice(colon + 1), id.replace(/^sha256:/, '').slice(0, idLength), human(size)];
    });
  });
  const all = [['IMAGE', 'TAG', 'IMAGE ID', 'SIZE'], ...rows.sort((a, b) => (a.join() < b.join() ? -1 : 1))];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')).join('\n');
}

/** Three digits and a decimal unit: `1.06MB`. */
function human(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${Number(value.toPrecision(3))}${units[unit]}`;
}
