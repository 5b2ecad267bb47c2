import { spawn } from 'node:child_process';
import { NetworkError } from '../errors.ts';

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Debian's packages of the programs that are run. */
const packages = { nft: 'nftables', ip: 'iproute2', conntrack: 'conntrack', modprobe: 'kmod' } as const;

export type Program = keyof typeof packages;

const outputLimit = 8 << 20;
/** A program that hangs keeps nothing waiting for ever. */
const timeLimitMs = 120_000;

/** Administrators' folders are not on everybody's PATH. No history files, no translated messages. */
export const commandEnv: Readonly<NodeJS.ProcessEnv> = {
  PATH: `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`,
  HOME: '/dev/null',
  LC_ALL: 'C',
};

/** Runs a program to its end. Throws NetworkError when there is no such program; a failure is in `code`. */
export function run(program: Program, args: readonly string[], input = ''): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const limit = { timeout: timeLimitMs, killSignal: 'SIGKILL' } as const;
    const child = spawn(program, args, { env: commandEnv, stdio: ['pipe', 'pipe', 'pipe'], ...limit });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        if (output[name].length < outputLimit) output[name] += text;
      });
    }
    child.on('error', (error: NodeJS.ErrnoException) => reject(startError(program, error)));
    child.on('close', (code) => resolve({ code: code ?? -1, ...output }));
    // A program that has failed early does not read its input.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

export function startError(program: Program, error: NodeJS.ErrnoException): NetworkError {
  const why = error.code === 'ENOENT' ? `not found (Debian: apt install ${packages[program]})` : error.message;
  return new NetworkError(`cannot run ${program}: ${why}`);
}

/** Like `run`, but a failure throws NetworkError with the program's own words. */
export async function must(program: Program, args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, input);
  if (code === 0) return stdout;
  throw new NetworkError(`${program} ${args.join(' ')}: ${firstLine(stderr) || `ended with ${code}`}`);
}

export const firstLine = (text: string): string => text.trim().split('\n', 1)[0] ?? '';
