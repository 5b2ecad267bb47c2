import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import { assetPath } from '../kernel/index.ts';
import type { Budget } from './budget.ts';
import { ConfigError } from './errors.ts';

/** What is known of a board. */
export interface Profile {
  board: string;
  description: string;
  recognise: { dmi?: { vendor: string[]; product: string[] }; deviceTree?: { compatible: string[] } };
  budget: Budget;
}

/** What the machine says of itself; a field is '' when the machine does not say. */
export interface MachineIdentity {
  dmiVendor: string;
  dmiProduct: string;
  /** Entries of the device tree's `compatible` property. */
  compatible: readonly string[];
}

const mib = 1 << 20;
const kib = 1 << 10;
const minuteMs = 60_000;

type Bound = { field: keyof Budget; unit: number; min: number; max: number };

/** Keys of a profile's budget: what they set, their unit, and the range that hardware-profiles/schema.json states. */
const bounds: Readonly<Record<string, Bound>> = {
  heapMib: { field: 'heapMib', unit: 1, min: 32, max: 4096 },
  cacheMib: { field: 'cacheBytes', unit: mib, min: 16, max: 2048 },
  watchWindowMib: { field: 'watchWindowBytes', unit: mib, min: 1, max: 512 },
  watchWindowMinutes: { field: 'watchWindowMs', unit: minuteMs, min: 1, max: 10 },
  inFlightReads: { field: 'inFlightReads', unit: 1, min: 1, max: 10_000 },
  inFlightWrites: { field: 'inFlightWrites', unit: 1, min: 1, max: 10_000 },
  watches: { field: 'watches', unit: 1, min: 10, max: 100_000 },
  watcherQueueKib: { field: 'watcherQueueBytes', unit: kib, min: 64, max: 65_536 },
  watcherQueueEvents: { field: 'watcherQueueEvents', unit: 1, min: 10, max: 100_000 },
  requestBodyMib: { field: 'requestBodyBytes', unit: mib, min: 3, max: 16 },
  pendingWrites: { field: 'pendingWrites', unit: 1, min: 10, max: 100_000 },
  decodedObjects: { field: 'decodedObjects', unit: 1, min: 10, max: 100_000 },
  sqliteCacheKib: { field: 'sqliteCacheBytes', unit: kib, min: 256, max: 65_536 },
  softFlushMinutes: { field: 'softFlushMs', unit: minuteMs, min: 1, max: 1440 },
  flashMibPerDay: { field: 'flashBytesPerDay', unit: mib, min: 1, max: 1_048_576 },
  parallelPodStarts: { field: 'parallelPodStarts', unit: 1, min: 1, max: 100 },
  maxPods: { field: 'maxPods', unit: 1, min: 1, max: 500 },
  parallelImagePulls: { field: 'parallelImagePulls', unit: 1, min: 1, max: 100 },
  parallelProbes: { field: 'parallelProbes', unit: 1, min: 1, max: 1_000 },
  streams: { field: 'streams', unit: 1, min: 1, max: 10_000 },
  dnsQueries: { field: 'dnsQueries', unit: 1, min: 1, max: 10_000 },
  pendingEvents: { field: 'pendingEvents', unit: 1, min: 10, max: 100_000 },
};

/** Reads every profile that ships with the program. */
export function loadProfiles(folder = assetPath('hardware-profiles')): Profile[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => parseProfile(readFileSync(join(folder, name), 'utf8'), basename(name)));
}

/** Reads the profile of a board that the program does not know. Throws ConfigError naming the file or the key. */
export function readProfile(file: string): Profile {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(file, `cannot be read: ${(error as Error).message}`);
  }
  return parseProfile(text, basename(file));
}

/** Parses one profile. Throws ConfigError with the key's path. */
export function parseProfile(text: string, source: string): Profile {
  const document: unknown = parse(text);
  const root = object(document, source, '');
  onlyKeys(root, ['board', 'description', 'recognise', 'budget'], source, '');
  const recognise = object(root['recognise'], source, 'recognise');
  onlyKeys(recognise, ['dmi', 'deviceTree'], source, 'recognise');
  return {
    board: boardName(root['board'], source),
    description: nonEmpty(root['description'], source, 'description'),
    recognise: {
      ...(recognise['dmi'] !== undefined && { dmi: parseDmi(recognise['dmi'], source) }),
      ...(recognise['deviceTree'] !== undefined && { deviceTree: parseDeviceTree(recognise['deviceTree'], source) }),
    },
    budget: parseBudget(root['budget'], source),
  };
}

/** The profile named `board`, else the one that recognises the machine, else the small default. Never fails for unknown machines. */
export function chooseProfile(profiles: readonly Profile[], machine: MachineIdentity, board?: string): Profile {
  if (board) {
    const named = profiles.find((profile) => profile.board === board);
    if (!named) {
      throw new ConfigError(
        'hardwareProfile',
        `no profile is named "${board}"; known: ${profiles.map((p) => p.board).join(', ')}`,
      );
    }
    return named;
  }
  const found = profiles.find((profile) => recognises(profile, machine));
  const fallback = profiles.find((profile) => profile.board === 'default');
  if (!found && !fallback) throw new ConfigError('hardwareProfile', 'hardware-profiles/default.yaml is missing');
  return (found ?? fallback) as Profile;
}

/** Asks DMI and the device tree. Unreadable files count as silence. */
export function identifyMachine(root = '/'): MachineIdentity {
  return {
    dmiVendor: read(join(root, 'sys/class/dmi/id/sys_vendor')).trim(),
    dmiProduct:
      read(join(root, 'sys/class/dmi/id/product_name')).trim() ||
      read(join(root, 'sys/class/dmi/id/board_name')).trim(),
    compatible: read(join(root, 'proc/device-tree/compatible'))
      .split('\0')
      .filter((entry) => entry !== ''),
  };
}

function recognises(profile: Profile, machine: MachineIdentity): boolean {
  const { dmi, deviceTree } = profile.recognise;
  const startsWithAny = (value: string, prefixes: readonly string[]): boolean =>
    prefixes.some((prefix) => value.toLowerCase().startsWith(prefix.toLowerCase()));
  if (dmi && startsWithAny(machine.dmiVendor, dmi.vendor) && startsWithAny(machine.dmiProduct, dmi.product))
    return true;
  return deviceTree?.compatible.some((entry) => machine.compatible.includes(entry)) ?? false;
}

function parseBudget(value: unknown, source: string): Budget {
  const given = object(value, source, 'budget');
  onlyKeys(given, Object.keys(bounds), source, 'budget');
  const budget: Partial<Budget> = {};
  for (const [key, bound] of Object.entries(bounds)) {
    const amount = given[key];
    if (typeof amount !== 'number' || !Number.isInteger(amount) || amount < bound.min || amount > bound.max) {
      throw new ConfigError(`${source}: budget.${key}`, `must be a whole number from ${bound.min} to ${bound.max}`);
    }
    budget[bound.field] = amount * bound.unit;
  }
  return budget as Budget;
}

function parseDmi(value: unknown, source: string): { vendor: string[]; product: string[] } {
  const dmi = object(value, source, 'recognise.dmi');
  onlyKeys(dmi, ['vendor', 'product'], source, 'recognise.dmi');
  return {
    vendor: texts(dmi['vendor'], source, 'recognise.dmi.vendor'),
    product: texts(dmi['product'], source, 'recognise.dmi.product'),
  };
}

function parseDeviceTree(value: unknown, source: string): { compatible: string[] } {
  const tree = object(value, source, 'recognise.deviceTree');
  onlyKeys(tree, ['compatible'], source, 'recognise.deviceTree');
  return { compatible: texts(tree['compatible'], source, 'recognise.deviceTree.compatible') };
}

function object(value: unknown, source: string, path: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new ConfigError(path ? `${source}: ${path}` : source, 'must be a mapping');
}

function boardName(value: unknown, source: string): string {
  const name = nonEmpty(value, source, 'board');
  if (/^[a-z0-9-]+$/.test(name)) return name;
  throw new ConfigError(`${source}: board`, 'must consist of lower-case letters, digits and hyphens');
}

function nonEmpty(value: unknown, source: string, path: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new ConfigError(`${source}: ${path}`, 'must be a non-empty string');
}

function texts(value: unknown, source: string, path: string): string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new ConfigError(`${source}: ${path}`, 'must be a list of strings');
}

function onlyKeys(value: Record<string, unknown>, known: readonly string[], source: string, path: string): void {
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) throw new ConfigError(`${source}: ${path ? `${path}.` : ''}${key}`, 'is not a known key');
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
