/** Answers for names that are not the cluster's: from the host's own servers. */
import type { Clock } from '../../kernel/index.ts';
import { AnswerCache } from './cache.ts';
import type { ResolvConf } from './resolv-conf.ts';
import { exchange, type Transport } from './upstream.ts';
import { datagramLimit, type Query, rcodes } from './wire.ts';

const cacheLimitBytes = 256 << 10;
/** Times that the list of servers is gone through. */
const rounds = 2;

export class Forwarder {
  readonly #clock: Clock;
  readonly #resolvConf: ResolvConf;
  readonly #cache: AnswerCache;
  /** Questions under way; above: none. */
  readonly #limit: number;
  #underWay = 0;
  /** The server that answered last is asked first. */
  #preferred = '';

  constructor(clock: Clock, resolvConf: ResolvConf, limit: number) {
    this.#clock = clock;
    this.#resolvConf = resolvConf;
    this.#limit = limit;
    this.#cache = new AnswerCache(clock, cacheLimitBytes);
  }

  /** An answer, or the code of why there is none. */
  async forward(query: Query, transport: Transport): Promise<Buffer | number> {
    const cached = this.#cache.find(query, transport === 'udp' ? datagramLimit(query) : Number.POSITIVE_INFINITY);
    if (cached) return cached;
    if (this.#underWay >= this.#limit) return rcodes.refused;
    this.#underWay++;
    try {
      return await this.#ask(query, transport);
    } finally {
      this.#underWay--;
    }
  }

  async #ask(query: Query, transport: Transport): Promise<Buffer | number> {
    const listed = await this.#resolvConf.servers();
    if (listed.length === 0) return rcodes.refused;
    const servers = listed.includes(this.#preferred)
      ? [this.#preferred, ...listed.filter((server) => server !== this.#preferred)]
      : listed;
    for (let round = 0; round < rounds; round++) {
      for (const server of servers) {
        const answer = await exchange(this.#clock, server, query, transport).catch(() => undefined);
        if (!answer) continue;
        this.#preferred = server;
        this.#cache.store(query, answer);
        return answer;
      }
    }
    return rcodes.servFail;
  }
}
