import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { AuditLog } from '../api/audit/index.ts';
import type { Store } from '../store/index.ts';

/** Process metrics (event-loop delay since the last scrape among them), the store's and the audit log's. */
export function createRegistry(
  store: Store,
  audit: AuditLog | undefined,
): { metrics(): Promise<string>; contentType: string } {
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
  if (audit) countAudit(register, audit);
  return { metrics: () => register.metrics(), contentType: 'text/plain; version=0.0.4' };
}

/** Upstream's names. */
function countAudit(register: Registry, audit: AuditLog): void {
  new Counter({
    name: 'apiserver_audit_event_total',
    help: 'Counter of audit events generated and sent to the audit backend.',
    registers: [register],
    collect() {
      this.reset();
      this.inc(audit.stats().events);
    },
  });
  new Counter({
    name: 'apiserver_audit_error_total',
    help: 'Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by the error.',
    labelNames: ['plugin'],
    registers: [register],
    collect() {
      this.reset();
      this.inc({ plugin: 'log' }, audit.stats().dropped);
    },
  });
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
