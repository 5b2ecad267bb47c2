import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Store } from '../store/index.ts';

/** Process metrics (event-loop delay since the last scrape among them) and the store's. */
export function createRegistry(store: Store): { metrics(): Promise<string>; contentType: string } {
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
  return { metrics: () => register.metrics(), contentType: 'text/plain; version=0.0.4' };
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
