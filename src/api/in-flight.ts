/** How many requests are served at once. Above the limit a client is told to come back. */
import type { Budget } from '../config/budget.ts';
import type { RequestInfo } from './routing/index.ts';

const longRunningVerbs = new Set(['watch', 'proxy']);
const longRunningSubresources = new Set(['attach', 'exec', 'proxy', 'log', 'portforward']);
const readVerbs = new Set(['get', 'list', 'watch', 'head', 'options']);
const exemptGroup = 'system:masters';
const probePaths = new Set(['/healthz', '/livez', '/readyz']);

/** Streams do not count: they have limits of their own. */
export const isLongRunning = (info: RequestInfo): boolean =>
  longRunningVerbs.has(info.verb) || (info.isResource && longRunningSubresources.has(info.subresource));

/** As upstream's flow schema `probes`: who only asks how the server does is never sent away. */
const isProbe = (info: RequestInfo): boolean => !info.isResource && info.verb === 'get' && probePaths.has(info.path);

export class InFlight {
  readonly #limits: { reads: number; writes: number };
  #reads = 0;
  #writes = 0;

  constructor(budget: Pick<Budget, 'inFlightReads' | 'inFlightWrites'>) {
    this.#limits = { reads: budget.inFlightReads, writes: budget.inFlightWrites };
  }

  /** Call the result when the request is done; undefined = no room. */
  enter(info: RequestInfo, groups: readonly string[]): (() => void) | undefined {
    if (isLongRunning(info) || isProbe(info)) return () => {};
    const exempt = groups.includes(exemptGroup);
    if (readVerbs.has(info.verb)) {
      if (!exempt && this.#reads >= this.#limits.reads) return undefined;
      this.#reads++;
      return () => {
        this.#reads--;
      };
    }
    if (!exempt && this.#writes >= this.#limits.writes) return undefined;
    this.#writes++;
    return () => {
      this.#writes--;
    };
  }
}
