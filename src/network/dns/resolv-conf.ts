/** Where the host asks for names (resolv.conf(5)). Looked at again, when asked, at most once in a while. */
import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Clock } from '../../kernel/index.ts';

/** As the C library's. */
const serversLimit = 3;
const lookAgainMs = 5_000;

export const parseResolvConf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? '')
    .filter((address) => isIP(address.split('%', 1)[0] ?? '') !== 0)
    .slice(0, serversLimit);

export class ResolvConf {
  readonly #path: string;
  readonly #clock: Clock;
  /** Of DNS servers of our own: asking them would go round in circles. */
  readonly #own: ReadonlySet<string>;
  #servers: readonly string[] = [];
  #version = '';
  #lookedMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;

  constructor(path: string, clock: Clock, own: Iterable<string>) {
    this.#path = path;
    this.#clock = clock;
    this.#own = new Set(own);
  }

  /** Addresses, the preferred first. */
  async servers(): Promise<readonly string[]> {
    if (this.#clock.monotonicMs() - this.#lookedMs >= lookAgainMs) {
      this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
      await this.#looking;
    }
    return this.#servers;
  }

  async #look(): Promise<void> {
    this.#lookedMs = this.#clock.monotonicMs();
    try {
      const { mtimeMs, size, ino } = await stat(this.#path);
      const version = `${ino} ${size} ${mtimeMs}`;
      if (version === this.#version) return;
      const found = parseResolvConf(await readFile(this.#path, 'utf8'));
      this.#servers = found.filter((address) => !this.#own.has(address));
      this.#version = version;
    } catch {
      // A host without the file has no upstream; one that is writing it has it in a moment.
      this.#version = '';
    }
  }
}
