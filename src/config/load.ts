import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { mergePatch } from '../kernel/index.ts';
import { type Config, readConfig } from './config.ts';
import { ConfigError } from './errors.ts';

/** Where the configuration is read from. */
export interface ConfigSources {
  /** `/etc/microshift/config.yaml`; may be absent unless `required`. */
  file: string;
  /** `/etc/microshift/config.d`: every *.yaml below it, in lexical order. */
  dropInFolder: string;
  /** The file was named by the user: its absence is an error. */
  required?: boolean;
}

export const defaultSources: ConfigSources = {
  file: '/etc/microshift/config.yaml',
  dropInFolder: '/etc/microshift/config.d',
};

/** Reads and merges (RFC 7386, as MicroShift) all sources. Throws ConfigError naming the file or the key. */
export function loadConfig(sources: ConfigSources, warn: (line: string) => void): Config {
  let merged: unknown = {};
  for (const file of [sources.file, ...dropIns(sources.dropInFolder)]) {
    const text = readIfPresent(file, file === sources.file && sources.required === true);
    if (text !== undefined && text.trim() !== '') merged = mergePatch(merged, parseYaml(text, file));
  }
  return readConfig(merged, warn);
}

function dropIns(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch (error) {
    if (isMissing(error)) return [];
    throw new ConfigError(folder, `cannot be read: ${(error as Error).message}`);
  }
  return names
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

function readIfPresent(file: string, required: boolean): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isMissing(error) && !required) return undefined;
    throw new ConfigError(file, `cannot be read: ${(error as Error).message}`);
  }
}

function parseYaml(text: string, file: string): unknown {
  const document = parseDocument(text, { prettyErrors: true });
  const [problem] = document.errors;
  if (problem) throw new ConfigError(file, problem.message.split('\n')[0] as string);
  return document.toJS() ?? {};
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';
