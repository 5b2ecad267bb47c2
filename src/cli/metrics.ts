import type { AuditLog } from '../api/audit/index.ts';
import type { PathHandler } from '../api/types.ts';
import type { Store } from '../store/index.ts';

/** GET /metrics in the Prometheus text form. The library and its event-loop monitor are loaded at the first scrape. */
export function metricsPath(store: Store, audit: AuditLog | undefined): PathHandler {
  let registry: Promise<{ metrics(): Promise<string>; contentType: string }> | undefined;
  return {
    path: '/metrics',
    methods: ['GET'],
    async handle() {
      registry ??= import('./metrics-registry.ts').then(({ createRegistry }) => createRegistry(store, audit));
      const { metrics, contentType } = await registry;
      return { status: 200, contentType, body: await metrics() };
    },
  };
}
