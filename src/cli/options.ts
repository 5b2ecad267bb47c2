import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import {
  type Config,
  type ConfigSources,
  chooseProfile,
  defaultDataDir,
  defaultSources,
  identifyMachine,
  loadConfig,
  loadProfiles,
  type Profile,
  readProfile,
} from '../config/index.ts';

/** What `run` and `show-config` have in common. */
export interface Settings {
  config: Config;
  profile: Profile;
  /** Absolute, without a slash at the end: other paths follow from its text. */
  dataDir: string;
  warnings: string[];
  mode: string;
  welcome: boolean;
}

/** Reads flags, configuration and hardware profile. Throws ConfigError or a parse error with one clear line. */
export function readSettings(argv: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      config: { type: 'string' },
      'data-dir': { type: 'string', default: defaultDataDir },
      profile: { type: 'string' },
      mode: { type: 'string', short: 'm', default: 'effective' },
      welcome: { type: 'boolean', default: false },
    },
  });
  const warnings: string[] = [];
  const sources: ConfigSources = values.config
    ? { file: values.config, dropInFolder: `${values.config}.d`, required: true }
    : defaultSources;
  const config = loadConfig(sources, (line) => warnings.push(line));
  const profile = findProfile(values.profile ?? config.hardwareProfile);
  const { mode, welcome } = values;
  return { config, profile, dataDir: resolve(values['data-dir']), warnings, mode, welcome };
}

/** A name with a slash is the file of a board of the user's own. */
const findProfile = (name: string): Profile =>
  name.includes('/') ? readProfile(name) : chooseProfile(loadProfiles(), identifyMachine(), name);
