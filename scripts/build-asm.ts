/** Compiles every folder of asm/ that has an index.ts to build/NAME.wasm, and writes the schema table. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import asc from 'assemblyscript/asc';
import { writeServedTable } from '../src/wasm/served-table.ts';

const root = resolve(import.meta.dirname, '..');
mkdirSync(join(root, 'build'), { recursive: true });

for (const name of readdirSync(join(root, 'asm'))) {
  if (existsSync(join(root, 'asm', name, 'index.ts'))) await compile(name);
}
writeFileSync(join(root, 'build/schema.bin'), writeServedTable());

async function compile(name: string): Promise<void> {
  const { error, stderr } = await asc.main(
    [
      `asm/${name}/index.ts`,
      '--outFile',
      `build/${name}.wasm`,
      '--runtime',
      'stub',
      '-O3',
      '--enable',
      'simd',
      '--importMemory',
      '--zeroFilledMemory',
      // an assertion or an allocation that fails traps
      '--use',
      'abort=',
    ],
    { baseDir: root } as object,
  );
  if (stderr.toString()) console.error(stderr.toString());
  if (error) throw error;
}
