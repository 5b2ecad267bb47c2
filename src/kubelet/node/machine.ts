/** What the node is made of: read once, when nanoshift starts. */
import { readdir, readFile, statfs } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import { dirname } from 'node:path';

export interface Machine {
  cpus: number;
  memoryBytes: number;
  swapBytes: number;
  /** Pre-allocated huge pages by resource name (`hugepages-2Mi`), in bytes. */
  hugePages: Readonly<Record<string, number>>;
  machineId: string;
  systemUuid: string;
  bootId: string;
  kernelVersion: string;
  /** `PRETTY_NAME` and `ID` of os-release. */
  osImage: string;
  osId: string;
  architecture: string;
}

/** Reads the machine. What this machine does not tell stays empty or zero. */
export async function readMachine(): Promise<Machine> {
  const [memory, os, machineId, bootId, hugePages] = await Promise.all([
    firstOf('/proc/meminfo'),
    firstOf('/etc/os-release', '/usr/lib/os-release'),
    firstOf('/etc/machine-id', '/var/lib/dbus/machine-id'),
    firstOf('/proc/sys/kernel/random/boot_id'),
    readHugePages(),
  ]);
  const uuid = await firstOf('/sys/class/dmi/id/product_uuid', '/proc/device-tree/vm,uuid');
  const { PRETTY_NAME: osImage = 'Unknown', ID: osId = '' } = parseOsRelease(os);
  return {
    cpus: cpus().length || 1,
    memoryBytes: memoryField(memory, 'MemTotal'),
    swapBytes: memoryField(memory, 'SwapTotal'),
    hugePages,
    machineId,
    systemUuid: uuid.replaceAll('\0', '').trim() || machineId,
    bootId,
    kernelVersion: release(),
    osImage,
    osId,
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
  };
}

/** One field of /proc/meminfo, in bytes. */
export const memoryField = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;

/** Shell-like assignments, quoted or not. */
export function parseOsRelease(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, key = '', value = ''] of text.matchAll(/^([A-Z_]+)=(.*)$/gm)) {
    found[key] = value.replace(/^(["'])(.*)\1$/, '$2').replace(/\\(.)/g, '$1');
  }
  return found;
}

async function firstOf(...paths: string[]): Promise<string> {
  for (const path of paths) {
    const text = await readFile(path, 'utf8').catch(() => '');
    if (text.trim()) return text.trim();
  }
  return '';
}

const hugePageFolder = '/sys/kernel/mm/hugepages';

async function readHugePages(): Promise<Record<string, number>> {
  const names = await readdir(hugePageFolder).catch(() => []);
  const found: Record<string, number> = {};
  for (const name of names.sort()) {
    const pageBytes = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1] ?? 0) * 1024;
    const count = Number(await firstOf(`${hugePageFolder}/${name}/nr_hugepages`));
    if (pageBytes > 0) found[`hugepages-${binary(pageBytes)}`] = count * pageBytes;
  }
  return found;
}

function binary(bytes: number): string {
  const units = ['', 'Ki', 'Mi', 'Gi', 'Ti'];
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  return `${bytes / 1024 ** power}${units[power]}`;
}

export interface Disk {
  sizeBytes: number;
  freeBytes: number;
  inodes: number;
  freeInodes: number;
}

/** The file system under `folder`, or where it will be made. */
export async function readDisk(folder: string): Promise<Disk> {
  const found = await statfs(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' && folder !== '/') return undefined;
    throw error;
  });
  if (!found) return readDisk(dirname(folder));
  const { bsize, blocks, bavail, files, ffree } = found;
  return { sizeBytes: blocks * bsize, freeBytes: bavail * bsize, inodes: files, freeInodes: ffree };
}

/** What could be given to processes without swapping. */
export const readAvailableMemory = async (): Promise<number> =>
  memoryField(await firstOf('/proc/meminfo'), 'MemAvailable');
