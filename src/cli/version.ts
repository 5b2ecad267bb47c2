import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { versionInfo } from '../kernel/index.ts';
import { CommandError } from './command.ts';

/** `nanoshift version [-o yaml|json]`. */
export function version(argv: readonly string[]): number {
  const { values } = parseArgs({ args: [...argv], options: { output: { type: 'string', short: 'o' } } });
  switch (values.output) {
    case undefined:
    case '':
      console.log(
        `nanoshift Version: ${versionInfo.program}\nBase Kubernetes Version: ${versionInfo.kubernetes.gitVersion}`,
      );
      return 0;
    case 'json':
      console.log(JSON.stringify(document(), null, 2));
      return 0;
    case 'yaml':
      process.stdout.write(stringify(document()));
      return 0;
    default:
      throw new CommandError(`--output must be yaml or json, not "${values.output}"`);
  }
}

function document(): Record<string, string> {
  const [major = '', minor = '', patch = ''] = versionInfo.program.split('.');
  const { gitCommit, gitTreeState, buildDate, goVersion, compiler, platform } = versionInfo.kubernetes;
  return {
    major,
    minor,
    patch,
    gitVersion: versionInfo.program,
    gitCommit,
    gitTreeState,
    buildDate,
    goVersion,
    compiler,
    platform,
  };
}
