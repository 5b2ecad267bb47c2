/** What is told of: the rules of OpenShift's audit policy, whose profile `Default` MicroShift takes. */
import type { AccessAttributes } from '../types.ts';
import type { AuditOrigin } from './types.ts';

const quietPaths = new Set(['/version', '/healthz', '/readyz', '/livez']);
const readVerbs = new Set(['get', 'list', 'watch']);

/**
 * Metadata for all but discovery, version and health. Components in this process read the cache directly, as upstream's
 * read their informers: no request to tell of. Nor is the heartbeat that they write, a Lease each time.
 */
export function isAudited({ user, verb, path, group, resource }: AccessAttributes, origin: AuditOrigin): boolean {
  if (origin === 'in-process') {
    const isHeartbeat = verb === 'update' && group === 'coordination.k8s.io' && resource === 'leases';
    return !readVerbs.has(verb) && !isHeartbeat;
  }
  if (path === undefined || !(quietPaths.has(path) || path.startsWith('/api'))) return true;
  return !user.groups.includes('system:authenticated') && !user.groups.includes('system:unauthenticated');
}
