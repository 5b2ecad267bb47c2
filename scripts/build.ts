/** Builds what `nanoshift` runs from: WASM modules, the binary schema table and the bundle. Does nothing when all is newer than its sources. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const root = resolve(import.meta.dirname, '..');
const stamp = join(root, 'dist/.built');

if (!process.argv.includes('--force') && isFresh()) process.exit(0);

const asm = spawnSync(process.execPath, [join(root, 'scripts/build-asm.ts')], { stdio: 'inherit' });
if (asm.status !== 0) process.exit(asm.status ?? 1);

rmSync(join(root, 'dist'), { recursive: true, force: true });
mkdirSync(join(root, 'dist'));
await build({
  entryPoints: { nanoshift: join(root, 'src/main.ts') },
  outdir: join(root, 'dist'),
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  chunkNames: 'chunk-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node24',
  minify: true,
  keepNames: true,
  legalComments: 'none',
  // Native, or rare and loaded only when chosen: they stay in node_modules.
  external: ['uWebSockets.js', 'etcd3'],
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
writeFileSync(stamp, '');

function isFresh(): boolean {
  if (!existsSync(stamp)) return false;
  const builtMs = statSync(stamp).mtimeMs;
  return ['src', 'asm', 'scripts', 'package-lock.json'].every((name) => newestMs(join(root, name)) < builtMs);
}

function newestMs(path: string): number {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newestMs(join(path, name))));
}
