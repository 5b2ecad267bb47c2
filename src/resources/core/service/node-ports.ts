import { randomInt } from 'node:crypto';
import { apiError } from '../../../kernel/status.ts';
import type { HookContext } from '../../define.ts';
import type { Service } from '../../typings/core.ts';
import { needsHealthCheck } from './defaults.ts';
import { nodePortsOf } from './strategy.ts';

const services = { group: '', version: 'v1', resource: 'services' };
const usualRange = { first: 30_000, last: 32_767 };

/** Ports that writes on their way have chosen, until the store shows them; forgotten after a while in any case. */
type PendingPorts = Map<number, number>;

/** By server: its client is what all of its writes share. */
const pendingOf = new WeakMap<HookContext['client'], PendingPorts>();
const forgetAfterMs = 60_000;

/** Ports given to one write. `release` once the write has ended, well or not. */
export interface NodePortLease {
  take(port: number, fail: (reason: string) => Error): void;
  takeNext(service: Service): number;
  release(): void;
}

/** Looks at what all Services hold now. */
export async function openNodePorts(context: HookContext, service: Service): Promise<NodePortLease> {
  const range = context.nodePorts ?? usualRange;
  const { items } = await context.client.list<Service>(services);
  const used = new Set<number>();
  for (const other of items) {
    if (other.metadata.uid !== undefined && other.metadata.uid === service.metadata.uid) continue;
    for (const port of nodePortsOf(other.spec ?? {})) used.add(port);
    if (other.spec && needsHealthCheck(other.spec)) used.add(other.spec.healthCheckNodePort ?? 0);
  }
  return new Lease(range, used, context, pendingPorts(context));
}

function pendingPorts({ client, nowMs }: HookContext): PendingPorts {
  const pending = pendingOf.get(client) ?? new Map<number, number>();
  pendingOf.set(client, pending);
  for (const [port, sinceMs] of pending) if (nowMs - sinceMs > forgetAfterMs) pending.delete(port);
  return pending;
}

class Lease implements NodePortLease {
  readonly #range: { first: number; last: number };
  readonly #used: Set<number>;
  readonly #context: HookContext;
  readonly #pending: PendingPorts;
  readonly #mine = new Set<number>();

  constructor(range: { first: number; last: number }, used: Set<number>, context: HookContext, pending: PendingPorts) {
    this.#range = range;
    this.#used = used;
    this.#context = context;
    this.#pending = pending;
  }

  take(port: number, fail: (reason: string) => Error): void {
    const { first, last } = this.#range;
    const dryRun = this.#context.dryRun;
    if (!dryRun && (port < first || port > last)) {
      throw fail(`provided port is not in the valid range. The range of valid ports is ${first}-${last}`);
    }
    if (this.#mine.has(port)) return;
    if (this.#isUsed(port)) throw fail('provided port is already allocated');
    this.#keep(port);
  }

  /** From a random start in the upper band, then in the lower one, which is left for ports asked for by hand. */
  takeNext(service: Service): number {
    const { first, last } = this.#range;
    const low = lowBandSize(last - first + 1);
    for (const [start, count] of [
      [first + low, last - first + 1 - low],
      [first, low],
    ] as const) {
      const offset = count > 0 ? randomInt(count) : 0;
      for (let i = 0; i < count; i++) {
        const port = start + ((offset + i) % count);
        if (this.#isUsed(port)) continue;
        this.#keep(port);
        return port;
      }
    }
    throw apiError.internal(`failed to allocate a nodePort for Service "${service.metadata.name}": range is full`);
  }

  release(): void {
    for (const port of this.#mine) this.#pending.delete(port);
  }

  #isUsed(port: number): boolean {
    return this.#used.has(port) || this.#mine.has(port) || this.#pending.has(port);
  }

  #keep(port: number): void {
    this.#mine.add(port);
    if (!this.#context.dryRun) this.#pending.set(port, this.#context.nowMs);
  }
}

/** min(max(16, size / 32), 128) ports; none in ranges of up to 16. */
const lowBandSize = (size: number): number => (size <= 16 ? 0 : Math.min(Math.max(16, Math.floor(size / 32)), 128));
