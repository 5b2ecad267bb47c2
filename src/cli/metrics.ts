import type { PathHandler } from '../api/types.ts';
import type { Store } from '../store/types.ts';

/** GET /metrics in the Prometheus text form. The library and its event-loop monitor are loaded at the first scrape. */
export function metricsPath(store: Store): PathHandler {
  let registry: Promise<{ metrics(): Promise<string>; contentType: string }> | undefined;
  return {
    path: '/metrics',
    methods: ['GET'],
    async handle() {
      registry ??= createRegistry(store);
      const { metrics, contentType } = await registry;
      return { status: 200, contentType: contentType.replace(/; charset=[^;]*/, ''), body: await metrics() };
    },
  };
}

async function createRegistry(store: Store): Promise<{ metrics(): Promise<string>; contentType: string }> {
  const { collectDefaultMetrics, Gauge, Registry } = await import('prom-client');
  const register = new Registry();
  collectDefaultMetrics({ register });
  for (const [name, help] of storeGauges) {
    new Gauge({
      name: `nanoshift_store_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`,
      help,
      registers: [register],
      collect() {
        this.set(store.stats()[name]);
      },
    });
  }
  return { metrics: () => register.metrics(), contentType: register.contentType };
}

const storeGauges = [
  ['objects', 'Objects in the cache.'],
  ['liveBytes', 'Bytes of live records.'],
  ['usedBytes', 'Bytes of linear memory in use, fragmentation included.'],
  ['capacityBytes', 'Bytes of linear memory that the profile allows.'],
  ['windowEvents', 'Events that a watch can still be resumed from.'],
  ['pendingWrites', 'Writes waiting for the backend.'],
  ['flushedBytes', 'Bytes handed to the backend since the start.'],
] as const;
