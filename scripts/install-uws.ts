/**
 * Mends the uWebSockets.js addon. Its imports of glibc 2.38 are rebound, so that it loads on 2.36 and 2.37 (see
 * elf-rebind.ts); and a write while it reads no longer throws away what it has read and not decrypted yet, which ends a
 * slow upload with a TLS error. Writes `uws_<platform>_<arch>_<abi>.rebound.node` beside the addon;
 * src/api/http/uws-addon.ts looks for it. Older glibc, musl and other platforms are served by node:https.
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

export type Plan =
  | { do: 'mend'; recipe: Recipe }
  /** The addon does not load here. */
  | { do: 'nothing'; reason: string }
  /** It may load, with its defect. */
  | { do: 'warn'; reason: string };

/** What to do on `host`. */
export function planInstall(host: Platform): Plan {
  if (host.platform === 'linux') {
    if (!host.glibc) return { do: 'nothing', reason: 'the C library is not glibc: node:https will serve' };
    const minor = Number(/^2\.(\d+)/.exec(host.glibc)?.[1] ?? 0);
    if (minor < 36) return { do: 'nothing', reason: `glibc ${host.glibc} is older than 2.36: node:https will serve` };
  }
  const recipe = recipes[`${host.platform}-${host.arch}-${host.abi}`];
  if (recipe) return { do: 'mend', recipe };
  return { do: 'warn', reason: `no recipe for ${host.platform} ${host.arch}, Node ABI ${host.abi}` };
}

export interface Recipe {
  rule: RebindRule;
  /** The imports that must change; any other result is refused. */
  symbols: readonly string[];
  /** The instruction of us_internal_ssl_socket_write that sets ssl_read_input_length to 0, and a NOP as long as it. */
  fix: { offset: number; from: string; to: string };
  /** sha256 of uWebSockets.js 20.57.0's addon and of the result. */
  checksums: { input: string; output: string };
}

const rule = { library: 'libc.so.6', from: 'GLIBC_2.38', prefix: '__isoc23_' };

const recipes: Readonly<Record<string, Recipe>> = {
  'linux-x64-137': {
    rule: { ...rule, to: 'GLIBC_2.2.5' },
    symbols: ['sscanf', 'strtol', 'strtoul'],
    fix: { offset: 0x122e85, from: '41c7471000000000', to: '0f1f840000000000' },
    checksums: {
      input: '98128405dba2fb608448e921a979530f70c946a2cc9889c15f2fa70c2d00ab05',
      output: '34387fd859ae08d70d91a9ce615a6fddc88089109412ceb6c775037cad587a31',
    },
  },
  'linux-arm64-137': {
    rule: { ...rule, to: 'GLIBC_2.17' },
    symbols: ['strtol', 'strtoul'],
    fix: { offset: 0x11a854, from: 'df1200b9', to: '1f2003d5' },
    checksums: {
      input: '88618b30ddf6b2b62310db89f40a701616676352aac5e0f6184dd8ef876199ce',
      output: '146efde4f2d79327fbf09a2eb5cd1e6a9f4321a90a9b914816a297b69ca4c2a6',
    },
  },
};

/** The mended addon. Throws when the addon is not the one that the recipe was written for. */
export function mendedAddon(addon: Uint8Array, { rule, symbols: expected, fix, checksums }: Recipe): Uint8Array {
  if (sha256(addon) !== checksums.input) throw new Error(`unknown addon, sha256 ${sha256(addon)}`);
  const { bytes, symbols } = rebind(addon, rule);
  if (symbols.sort().join() !== expected.join()) throw new Error(`unexpected imports: ${symbols.join(', ')}`);
  const [from, to] = [Buffer.from(fix.from, 'hex'), Buffer.from(fix.to, 'hex')];
  if (!from.equals(bytes.subarray(fix.offset, fix.offset + from.length))) throw new Error('unexpected instruction');
  bytes.set(to, fix.offset);
  if (sha256(bytes) !== checksums.output) throw new Error(`unexpected result, sha256 ${sha256(bytes)}`);
  return bytes;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const consequence =
  'it is left as it is; where it loads, slow uploads (kubectl cp, exec -i, port-forward) may end with a TLS error, ' +
  'and `apiServer.front: node` avoids it';

/** Writes the mended addon into `directory`, or takes away the one of another version. Says what it did. */
export function install(directory: string, host: Platform): { text: string; isWarning: boolean } {
  const base = join(directory, `uws_${host.platform}_${host.arch}_${host.abi}`);
  const target = `${base}.rebound.node`;
  const leave = (text: string, isWarning: boolean): { text: string; isWarning: boolean } => {
    rmSync(target, { force: true });
    return { text: `uWebSockets.js: ${text}`, isWarning };
  };
  const plan = planInstall(host);
  if (plan.do === 'nothing') return leave(`nothing to do, ${plan.reason}`, false);
  if (plan.do === 'warn') return leave(`${plan.reason}: ${consequence}`, true);
  let bytes: Uint8Array;
  try {
    bytes = mendedAddon(readFileSync(`${base}.node`), plan.recipe);
  } catch (error) {
    return leave(`${(error as Error).message}: ${consequence}`, true);
  }
  if (existsSync(target) && readFileSync(target).equals(bytes)) {
    return { text: 'uWebSockets.js: already mended', isWarning: false };
  }
  const temporary = `${target}.${process.pid}`;
  writeFileSync(temporary, bytes);
  renameSync(temporary, target);
  const text = `uWebSockets.js: rebound ${plan.recipe.symbols.join(', ')}; writes keep what was read`;
  return { text, isWarning: false };
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
  const { text, isWarning } = install(directory, thisPlatform());
  console[isWarning ? 'warn' : 'log'](text);
}
