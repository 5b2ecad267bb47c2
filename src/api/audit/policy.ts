/** What is told of: the rules of OpenShift's audit policy, whose profile `Default` MicroShift takes. */
import type { AccessAttributes } from '../types.ts';
import type { AuditOrigin } from './types.ts';

const quietPaths = new Set(['/version', '/healthz', '/readyz', '/livez']);

/**
 * Metadata for all but discovery, version and health, and the heartbeats that components in this process write, a Lease
 * each time.
 */
export function isAudited({ user, verb, path, group, resource }: AccessAttributes, origin: AuditOrigin): boolean {
  if (origin === 'in-process') {
    return !(verb === 'update' && group === 'coordination.k8s.io' && resource === 'leases');
  }
  if (path === undefined || !(quietPaths.has(path) || path.startsWith('/api'))) return true;
  return !user.groups.includes('system:authenticated') && !user.groups.includes('system:unauthenticated');
}
