/** The port that receives what was asked of the API, by whom, and how it ended: `audit.k8s.io/v1` at level Metadata. */
import type { Status } from '../../kernel/status.ts';
import type { AccessAttributes } from '../types.ts';

/** A request over HTTP, or a write of a component in this process. */
export type AuditOrigin = 'http' | 'in-process';

export interface AuditUser {
  username?: string;
  uid?: string;
  groups?: readonly string[];
  extra?: Readonly<Record<string, readonly string[]>>;
}

export interface AuditObjectReference {
  resource?: string;
  namespace?: string;
  name?: string;
  apiGroup?: string;
  apiVersion?: string;
  subresource?: string;
}

/** Members in the order that upstream writes them. */
export interface AuditEvent {
  kind: 'Event';
  apiVersion: 'audit.k8s.io/v1';
  level: 'Metadata';
  auditID: string;
  /** Streams that go on for long are told twice: when they begin, and when they end. */
  stage: 'ResponseStarted' | 'ResponseComplete';
  requestURI: string;
  verb: string;
  user: AuditUser;
  impersonatedUser?: AuditUser;
  sourceIPs?: readonly string[];
  userAgent?: string;
  objectRef?: AuditObjectReference;
  responseStatus: Partial<Pick<Status, 'status' | 'message' | 'reason' | 'details' | 'code'>> & {
    metadata: Readonly<Record<string, never>>;
  };
  requestReceivedTimestamp: string;
  stageTimestamp: string;
  annotations?: Readonly<Record<string, string>>;
}

/** Where events go. Neither call may throw, wait, or keep more than a bounded number of events. */
export interface AuditSink {
  /** The policy: false leaves the request out. Asked before an event is made. */
  wants(request: AccessAttributes, origin: AuditOrigin): boolean;
  record(event: AuditEvent): void;
}
