/**
 * Makes the uWebSockets.js addon load on glibc 2.36 and 2.37 by rebinding the imports that ask for 2.38
 * (see elf-rebind.ts). Writes `uws_<platform>_<arch>_<abi>.rebound.node` beside the addon; src/api/http/uws-addon.ts
 * looks for it. Newer glibc needs nothing; older ones, musl and other platforms are served by node:https.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type RebindRule, rebind } from './elf-rebind.ts';

export interface Platform {
  platform: string;
  arch: string;
  /** NODE_MODULE_VERSION: 137 is Node 24. */
  abi: string;
  /** undefined when the C library is not glibc. */
  glibc: string | undefined;
}

/** What to do on `host`: rebind with a recipe, or nothing and why. */
export function planInstall(host: Platform): { do: 'rebind'; recipe: Recipe } | { do: 'nothing'; reason: string } {
  const recipe = recipes[`${host.platform}-${host.arch}-${host.abi}`];
  if (!recipe) return { do: 'nothing', reason: `no recipe for ${host.platform} ${host.arch}, Node ABI ${host.abi}` };
  if (!host.glibc) return { do: 'nothing', reason: 'the C library is not glibc: node:https will serve' };
  const minor = Number(/^2\.(\d+)/.exec(host.glibc)?.[1] ?? 0);
  if (minor >= 38) return { do: 'nothing', reason: `glibc ${host.glibc} loads it as it is` };
  if (minor < 36) return { do: 'nothing', reason: `glibc ${host.glibc} is older than 2.36: node:https will serve` };
  return { do: 'rebind', recipe };
}

export interface Recipe {
  rule: RebindRule;
  /** The imports that must change; any other result is refused. */
  symbols: readonly string[];
  /** sha256 of uWebSockets.js 20.57.0's addon and of the result, where the result has been run. */
  checksums?: { input: string; output: string };
}

const rule = { library: 'libc.so.6', from: 'GLIBC_2.38', prefix: '__isoc23_' };

const recipes: Readonly<Record<string, Recipe>> = {
  'linux-x64-137': {
    rule: { ...rule, to: 'GLIBC_2.2.5' },
    symbols: ['sscanf', 'strtol', 'strtoul'],
    checksums: {
      input: '98128405dba2fb608448e921a979530f70c946a2cc9889c15f2fa70c2d00ab05',
      output: '2630bb59236deeadf501d6abaf79c1a655b4a0b78579fba408eea84d1a30f6ca',
    },
  },
  'linux-arm64-137': { rule: { ...rule, to: 'GLIBC_2.17' }, symbols: ['strtol', 'strtoul'] },
};

/** The rebound addon. Throws when the addon is not the one that the recipe was written for. */
export function reboundAddon(addon: Uint8Array, recipe: Recipe): Uint8Array {
  const { checksums } = recipe;
  if (checksums && sha256(addon) !== checksums.input) throw new Error(`unknown addon, sha256 ${sha256(addon)}`);
  const { bytes, symbols } = rebind(addon, recipe.rule);
  if (symbols.sort().join() !== recipe.symbols.join()) throw new Error(`unexpected imports: ${symbols.join(', ')}`);
  if (checksums && sha256(bytes) !== checksums.output) throw new Error(`unexpected result, sha256 ${sha256(bytes)}`);
  return bytes;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function install(directory: string, host: Platform): string {
  const base = join(directory, `uws_${host.platform}_${host.arch}_${host.abi}`);
  const target = `${base}.rebound.node`;
  const plan = planInstall(host);
  if (plan.do === 'nothing') {
    rmSync(target, { force: true });
    return `uWebSockets.js: nothing to do, ${plan.reason}`;
  }
  const bytes = reboundAddon(readFileSync(`${base}.node`), plan.recipe);
  if (existsSync(target) && readFileSync(target).equals(bytes)) return 'uWebSockets.js: already rebound';
  const temporary = `${target}.${process.pid}`;
  writeFileSync(temporary, bytes);
  renameSync(temporary, target);
  return `uWebSockets.js: rebound ${plan.recipe.symbols.join(', ')} for glibc ${host.glibc}`;
}

function thisPlatform(): Platform {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return {
    platform: process.platform,
    arch: process.arch,
    abi: process.versions.modules,
    glibc: report?.header?.glibcVersionRuntime,
  };
}

if (import.meta.main) {
  const directory = dirname(createRequire(import.meta.url).resolve('uWebSockets.js'));
  console.log(install(directory, thisPlatform()));
}
