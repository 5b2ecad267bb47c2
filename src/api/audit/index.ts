export { AuditedClient } from './client.ts';
export { HttpTrail } from './http-trail.ts';
export { AuditLog, type AuditLogOptions } from './log-file.ts';
export { isAudited } from './policy.ts';
export type { AuditEvent, AuditOrigin, AuditSink } from './types.ts';
