/** Checks that arrows point downward only and that rooms are entered through their index or a contract file. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** Rooms by level; a room may import rooms of lower levels, and those that its own level allows. */
const levels: readonly (readonly string[])[] = [
  ['kernel'],
  ['config'],
  ['schema'],
  ['wasm'],
  ['client'],
  ['resources', 'store'],
  ['api'],
  ['controllers', 'scheduler', 'kubelet', 'network', 'openshift', 'host'],
  ['cli'],
];

/** Files that stand beside index.ts as contracts: interfaces and data types only. */
const contracts = [
  'types.ts',
  'define.ts',
  'model.ts',
  'codec.ts',
  'object.ts',
  'budget.ts',
  'clock.ts',
  'status.ts',
  'log.ts',
];

const source = resolve(import.meta.dirname, '../src');
const problems: string[] = [];

for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
  const text = readFileSync(join(source, file), 'utf8');
  for (const match of text.matchAll(/(?:from|import\()\s*['"](\.[^'"]+)['"]/g)) check(file, match[1] as string);
}

function check(file: string, specifier: string): void {
  const from = roomOf(file);
  const target = relative(source, resolve(source, dirname(file), specifier));
  if (target.startsWith('..')) return;
  const to = roomOf(target);
  if (from === to || from === '') return;
  if (level(to) > level(from) || (level(to) === level(from) && to !== from)) {
    problems.push(`src/${file}: ${from} may not import ${to} (${target})`);
    return;
  }
  const inside = target.slice(to.length + 1);
  if (inside !== 'index.ts' && !contracts.includes(inside) && !/^[a-z]+\/(types|index)\.ts$/.test(inside)) {
    problems.push(`src/${file}: enter ${to} through its index.ts, not ${target}`);
  }
}

function roomOf(file: string): string {
  return file.includes('/') ? (file.split('/')[0] as string) : '';
}

function level(room: string): number {
  const found = levels.findIndex((rooms) => rooms.includes(room));
  if (found < 0) throw new Error(`src/${room} is not a known room: add it to scripts/check-imports.ts`);
  return found;
}

for (const problem of problems) console.error(problem);
console.log(`${problems.length === 0 ? 'ok' : 'FAILED'}: arrows between rooms`);
process.exitCode = problems.length === 0 ? 0 : 1;
