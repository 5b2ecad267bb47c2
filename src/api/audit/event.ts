/** Makes audit events from what is known of a request. */
import { formatMicroTime } from '../../kernel/clock.ts';
import { StatusError } from '../../kernel/status.ts';
import type { AccessAttributes, Decision, UserInfo } from '../types.ts';
import type { AuditEvent, AuditObjectReference, AuditUser } from './types.ts';

export type ResponseStatus = Omit<AuditEvent['responseStatus'], 'metadata'>;

/** A request as far as it has come. */
export interface AuditedRequest {
  auditId: string;
  uri: string;
  verb: string;
  /** Who was authenticated; undefined when nobody was. */
  user: UserInfo | undefined;
  /** Who the request acts as, if that is someone else. */
  impersonated: UserInfo | undefined;
  sourceIps: readonly string[];
  userAgent: string;
  target: Omit<AccessAttributes, 'user'>;
  decision: Decision | undefined;
  receivedMs: number;
}

const maxUserAgentLength = 1024;
const noMetadata = {};

export function auditEvent(
  request: AuditedRequest,
  stage: AuditEvent['stage'],
  status: ResponseStatus,
  nowMs: number,
): AuditEvent {
  const { user, impersonated, sourceIps, userAgent, target, decision } = request;
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID: request.auditId,
    stage,
    requestURI: request.uri,
    verb: request.verb,
    user: user ? userOf(user) : {},
    ...(impersonated && { impersonatedUser: userOf(impersonated) }),
    ...(sourceIps.length > 0 && { sourceIPs: sourceIps }),
    ...(userAgent !== '' && { userAgent: shortened(userAgent) }),
    ...(target.path === undefined && { objectRef: referenceOf(target) }),
    responseStatus: { metadata: noMetadata, ...status },
    requestReceivedTimestamp: formatMicroTime(request.receivedMs),
    stageTimestamp: formatMicroTime(nowMs),
    ...(decision && { annotations: annotationsOf(decision) }),
  };
}

/** The Status that `error` is answered with. */
export function failureOf(error: unknown): ResponseStatus {
  if (!(error instanceof StatusError)) {
    return { status: 'Failure', message: error instanceof Error ? error.message : String(error), code: 500 };
  }
  const { message, reason, details, code } = error.status;
  return {
    status: 'Failure',
    ...(message && { message }),
    ...(reason && { reason }),
    ...(details && { details }),
    code,
  };
}

const userOf = ({ name, uid, groups, extra }: UserInfo): AuditUser => ({
  username: name,
  ...(uid && { uid }),
  ...(groups.length > 0 && { groups }),
  ...(extra && Object.keys(extra).length > 0 && { extra }),
});

const shortened = (userAgent: string): string =>
  userAgent.length > maxUserAgentLength ? `${userAgent.slice(0, maxUserAgentLength)}...TRUNCATED` : userAgent;

const referenceOf = (target: AuditedRequest['target']): AuditObjectReference => ({
  ...(target.resource && { resource: target.resource }),
  ...(target.namespace && { namespace: target.namespace }),
  ...(target.name && { name: target.name }),
  ...(target.group && { apiGroup: target.group }),
  ...(target.version && { apiVersion: target.version }),
  ...(target.subresource && { subresource: target.subresource }),
});

const annotationsOf = ({ allowed, reason }: Decision): Record<string, string> => ({
  'authorization.k8s.io/decision': allowed ? 'allow' : 'forbid',
  'authorization.k8s.io/reason': reason,
});
