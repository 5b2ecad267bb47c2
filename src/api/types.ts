/** Contracts inside the API room, and the ports that upper rooms fill. */
import type { Client } from '../client/types.ts';
import type { ResourceDefinition, UserInfo } from '../resources/define.ts';
import type { KubeObject } from '../schema/object.ts';

export type { UserInfo } from '../resources/define.ts';

/** An authenticated caller and what it was authenticated by. */
export interface Identity {
  user: UserInfo;
  /** Set by impersonation: who really asked. */
  impersonator?: UserInfo;
}

export interface AccessAttributes {
  user: UserInfo;
  verb: string;
  /** Resource request … */
  group?: string;
  version?: string;
  resource?: string;
  subresource?: string;
  namespace?: string;
  name?: string;
  /** … or a path: `/healthz`. */
  path?: string;
}

export interface Decision {
  allowed: boolean;
  /** `RBAC: allowed by ClusterRoleBinding "x" of ClusterRole "y" to User "z"`; '' when none. */
  reason: string;
}

export interface Authorizer {
  /** Synchronous: reads its own index of roles and bindings, kept from the cache. */
  authorize(attributes: AccessAttributes): Decision;
}

export interface CredentialSource {
  /** First value of a request header; name in lower case. */
  header(name: string): string | undefined;
  /** Every header, lower-case names, in order: for those that come several times (X-Remote-Group). */
  headers?(): Iterable<readonly [string, string]>;
  /** PEM of the client certificate that TLS verified against the client CA bundle; undefined when none. */
  clientCertificatePem?: string | undefined;
}

export interface Authenticator {
  /** undefined = no credentials of a kind it knows. Throws StatusError Unauthorized for bad ones. */
  authenticate(source: CredentialSource): Promise<UserInfo | undefined> | UserInfo | undefined;
}

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export interface AdmissionRequest {
  operation: Operation;
  definition: ResourceDefinition;
  subresource: string;
  namespace: string;
  /** '' while generateName has not been resolved. */
  name: string;
  /** CREATE, UPDATE: may be changed in place by `admit`. Subresource bodies (Binding, Eviction …) too. */
  object?: KubeObject;
  /** UPDATE, DELETE. Frozen. */
  oldObject?: KubeObject;
  options: KubeObject | undefined;
  dryRun: boolean;
  user: UserInfo;
  /** Adds a Warning header to the answer. */
  warn(text: string): void;
}

/** One plugin of the chain. Throws StatusError to refuse. `admit` runs before schema validation, `validate` after. */
export interface AdmissionPlugin {
  readonly name: string;
  handles(operation: Operation): boolean;
  admit?(request: AdmissionRequest): Promise<void> | void;
  validate?(request: AdmissionRequest): Promise<void> | void;
}

/** Create-only kinds that are evaluated and never stored: TokenReview, SubjectAccessReview … */
export interface ReviewHandler {
  review(object: KubeObject, namespace: string, user: UserInfo): Promise<KubeObject>;
}

/** Actions on a parent object: serviceaccounts/token, pods/binding, pods/eviction. */
export interface ActionHandler {
  act(
    parent: { namespace: string; name: string },
    body: KubeObject,
    context: { user: UserInfo; dryRun: boolean; client: Client },
  ): Promise<KubeObject>;
}

/** A path outside the resource tree: /version, /healthz, /openapi/v3, /.well-known/openid-configuration … */
export interface PathHandler {
  /** Exact path, or a prefix when it ends in '/'. */
  path: string;
  /** Absent = every method. */
  methods?: readonly string[];
  handle(request: PathRequest): Promise<PathAnswer> | PathAnswer;
}

export interface PathRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  header(name: string): string | undefined;
  user: UserInfo;
}

export interface PathAnswer {
  status: number;
  contentType: string;
  headers?: readonly (readonly [string, string])[];
  body: Uint8Array | string;
}
