/** Transactions of nft. Small ones by one `nft -i` that lives as long as changes come, large ones by `nft -f -`. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Clock, Logger, Timer } from '../../kernel/index.ts';
import { NetworkError } from '../errors.ts';
import { commandEnv, firstLine, run } from '../host/command.ts';

/** Above it `nft -f` is faster (its own start included), as interactive lines pass a line editor. */
const interactiveLimitBytes = 16 << 10;
/** Without a change the process ends: it holds 8 MiB and more. */
const idleMs = 10_000;
/** And it remembers every line. */
const sessionLimitBytes = 1 << 20;
const answerLimitMs = 10_000;
/** After one that misbehaved, for so long every transaction goes by a process of its own. */
const distrustMs = 600_000;

export class Nft {
  readonly #clock: Clock;
  readonly #log: Logger;
  #session: Session | undefined;
  #idle: Timer | undefined;
  #distrustedUntilMs = 0;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Carries out all commands or none; throws NetworkError. One call at a time. */
  async apply(commands: readonly string[]): Promise<void> {
    const line = commands.join('; ');
    if (line.length > interactiveLimitBytes || this.#clock.monotonicMs() < this.#distrustedUntilMs) {
      await this.applyAll(commands);
      return;
    }
    const error = errorIn(await this.#ask(line));
    if (error) throw new NetworkError(`nft: ${error}`);
  }

  /** The same by a process of its own: says clearly what the machine lacks. */
  async applyAll(commands: readonly string[]): Promise<void> {
    const { code, stderr } = await run('nft', ['-f', '-'], `${commands.join('\n')}\n`);
    if (code === 0) return;
    if (/cache initialization failed/.test(stderr)) {
      throw new NetworkError(`the kernel has no nf_tables, or does not let this process use it: ${firstLine(stderr)}`);
    }
    throw new NetworkError(`nft: ${errorIn(stderr) ?? (firstLine(stderr) || `ended with ${code}`)}`);
  }

  /** True when the table still has this chain. */
  async hasChain(table: string, chain: string): Promise<boolean> {
    return (await run('nft', ['list', 'chain', ...table.split(' '), chain])).code === 0;
  }

  stop(): void {
    this.#idle?.cancel();
    this.#session?.end();
    this.#session = undefined;
  }

  async #ask(line: string): Promise<string> {
    this.#idle?.cancel();
    if (!this.#session?.isUsable) {
      this.#session?.end();
      this.#session = new Session(this.#clock);
    }
    try {
      const answer = await this.#session.ask(line);
      this.#idle = this.#clock.after(idleMs, () => this.stop());
      return answer;
    } catch (error) {
      this.stop();
      this.#distrustedUntilMs = this.#clock.monotonicMs() + distrustMs;
      this.#log.warn('nft -i failed, going on with nft -f', { error: String(error) });
      throw error;
    }
  }
}

/** What nft complains of, and the command that it complains of. */
function errorIn(output: string): string | undefined {
  const [, error, command = ''] = /(?:^|\n|nft> )(?:\S+ )?Error: (.*)\n?(.*)/.exec(output) ?? [];
  return error && `${error} (${command.trim().slice(0, commandLimit)})`;
}

const commandLimit = 200;

/** Prints one line that nothing else prints: what came before it belongs to the command before. */
const fence = { command: 'describe ipv4_addr', answer: 'datatype ipv4_addr (' };

class Session {
  readonly #clock: Clock;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  #waiting: { resolve(answer: string): void; reject(error: Error): void } | undefined;
  #output = '';
  #failure: NetworkError | undefined;
  #sentBytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    // Errors and answers in one stream keep their order.
    this.#child = spawn('sh', ['-c', 'exec nft -i 2>&1'], { env: commandEnv, stdio: ['pipe', 'pipe', 'ignore'] });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    this.#child.stdin.on('error', () => {});
    this.#child.on('error', (error) => this.#fail(`cannot run nft: ${error.message}`));
    this.#child.on('close', (code) => this.#fail(`nft -i ended with ${code}: ${firstLine(this.#output)}`));
  }

  /** False when it has ended by itself, or has become large. */
  get isUsable(): boolean {
    return !this.#failure && this.#sentBytes < sessionLimitBytes;
  }

  async ask(line: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#waiting = { resolve, reject };
    this.#sentBytes += line.length;
    this.#child.stdin.write(`${line}\n${fence.command}\n`);
    const timer = this.#clock.after(answerLimitMs, () => this.#fail(`nft -i gave no answer in ${answerLimitMs} ms`));
    try {
      return await promise;
    } finally {
      timer.cancel();
    }
  }

  end(): void {
    this.#child.stdin.end();
    if (this.#failure) this.#child.kill('SIGKILL');
  }

  #read(text: string): void {
    this.#output += text;
    if (!this.#output.includes(fence.answer) || !this.#output.endsWith('\n')) return;
    const answer = this.#output.slice(0, this.#output.indexOf(fence.answer));
    this.#output = '';
    this.#waiting?.resolve(answer);
    this.#waiting = undefined;
  }

  #fail(message: string): void {
    this.#failure ??= new NetworkError(message);
    this.#waiting?.reject(this.#failure);
    this.#waiting = undefined;
  }
}
