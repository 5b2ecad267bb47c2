import { CommandError, usage } from './command.ts';

/** Runs one command line and returns the exit code. One line on standard error says what went wrong. */
export async function main(argv: readonly string[]): Promise<number> {
  const [name = '', ...rest] = argv;
  try {
    switch (name) {
      case 'run':
        return await (await import('./run.ts')).run(rest);
      case 'version':
        return (await import('./version.ts')).version(rest);
      case 'show-config':
        return (await import('./show-config.ts')).showConfig(rest);
      case 'images':
        return await (await import('./images.ts')).images(rest);
      case 'cleanup':
        return await (await import('./cleanup.ts')).cleanup(rest);
      case 'help':
      case '--help':
      case '-h':
        console.log(usage);
        return 0;
      case '':
        console.log(usage);
        return 1;
      default:
        throw new CommandError(`unknown command "${name}"; see nanoshift help`);
    }
  } catch (error) {
    if (!isExpected(error)) throw error;
    console.error(`nanoshift: ${error.message}`);
    return 1;
  }
}

const expectedErrors: readonly string[] = [
  'CommandError',
  'ConfigError',
  'ImageImportError',
  'NetworkError',
  'PortInUseError',
  'RuntimeError',
  'StatusError',
  'StoreOpenError',
];

/** Errors that are the user's or the machine's, told in one line; anything else is a bug and shows its stack. */
function isExpected(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return (
    expectedErrors.includes(error.name) ||
    code.startsWith('ERR_PARSE_ARGS') ||
    ['EACCES', 'EPERM', 'ENOSPC', 'EROFS', 'ENOENT', 'EADDRINUSE', 'ENOTDIR', 'EISDIR'].includes(code)
  );
}
