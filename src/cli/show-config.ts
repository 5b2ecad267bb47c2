import { stringify } from 'yaml';
import { defaultConfig, derive } from '../config/index.ts';
import { CommandError } from './command.ts';
import { readSettings } from './options.ts';

/** `nanoshift show-config [-m effective|default]`: the configuration as YAML, warnings as comments at the end. */
export function showConfig(argv: readonly string[]): number {
  const { config, profile, warnings, mode } = readSettings(argv);
  if (mode === 'default') {
    process.stdout.write(`${stringify(defaultConfig())}\n`);
    return 0;
  }
  if (mode !== 'effective') throw new CommandError(`--mode must be effective or default, not "${mode}"`);
  const { nodeName, nodeIP, advertiseAddress } = derive(config);
  const effective = {
    ...config,
    apiServer: { ...config.apiServer, advertiseAddress },
    node: { hostnameOverride: nodeName, nodeIP },
    hardwareProfile: profile.board,
  };
  process.stdout.write(`${stringify(effective)}\n`);
  for (const line of warnings) console.log(`# WARNING: ${line}`);
  return 0;
}
