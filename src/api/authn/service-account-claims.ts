/** Claims of service account tokens, and the check that what they are bound to is still there. */
import type { KubeObject } from '../../schema/object.ts';
import type { UserInfo } from '../types.ts';
import type { SubjectKind, TokenSubjects } from './token-subjects.ts';
import {
  AuthenticationError,
  authenticatedUser,
  credentialIdKey,
  nodeNameKey,
  nodeUidKey,
  podNameKey,
  podUidKey,
  serviceAccountGroups,
  serviceAccountName,
  splitServiceAccountName,
} from './users.ts';

/** RFC 7519 claims, with times in seconds since the epoch. */
export interface Claims {
  iss?: string;
  sub?: string;
  aud?: string | readonly string[];
  exp?: number;
  nbf?: number;
  iat?: number;
  jti?: string;
  'kubernetes.io'?: BoundClaims;
}

export interface ObjectClaim {
  name: string;
  uid?: string;
}

export interface BoundClaims {
  namespace: string;
  serviceaccount: ObjectClaim;
  pod?: ObjectClaim;
  secret?: ObjectClaim;
  node?: ObjectClaim;
  warnafter?: number;
}

/** Clocks may differ this much. */
export const leewayMs = 60_000;

/** Throws AuthenticationError unless the token is valid now. */
export function checkTimes(claims: Claims, nowMs: number): void {
  if (claims.nbf !== undefined && nowMs + leewayMs < claims.nbf * 1000) {
    throw new AuthenticationError('service account token is not valid yet');
  }
  if (claims.exp !== undefined && nowMs - leewayMs > claims.exp * 1000) {
    throw new AuthenticationError('service account token has expired');
  }
  if (claims.iat !== undefined && nowMs + leewayMs < claims.iat * 1000) {
    throw new AuthenticationError('service account token is issued in the future');
  }
}

/** Throws AuthenticationError when the account or the bound object is gone or another one of the same name. */
export function checkBoundObjects(bound: BoundClaims, subjects: TokenSubjects, nowMs: number): void {
  const { namespace, serviceaccount, pod, secret, node } = bound;
  const account = subjects.find('ServiceAccount', namespace, serviceaccount.name);
  if (!account) throw new AuthenticationError(`serviceaccounts ${JSON.stringify(serviceaccount.name)} not found`);
  if (account.metadata.uid !== serviceaccount.uid) {
    throw new AuthenticationError(
      `service account UID (${account.metadata.uid}) does not match claim (${serviceaccount.uid})`,
    );
  }
  if (isDeleted(account, nowMs)) {
    throw new AuthenticationError(`service account ${namespace}/${serviceaccount.name} has been deleted`);
  }
  const check = (kind: SubjectKind, claim: ObjectClaim | undefined, as: string): void => {
    if (!claim) return;
    const object = subjects.find(kind, namespace, claim.name);
    if (object && object.metadata.uid !== claim.uid) {
      throw new AuthenticationError(
        `${kind.toLowerCase()} UID (${object.metadata.uid}) does not match service account ${as} ref claim (${claim.uid})`,
      );
    }
    if (!object || isDeleted(object, nowMs))
      throw new AuthenticationError('service account token has been invalidated');
  };
  check('Secret', secret, 'secret');
  check('Pod', pod, 'pod');
  if (!pod) check('Node', node, 'node'); // of a pod's token it only tells where the pod runs
}

const isDeleted = ({ metadata }: KubeObject, nowMs: number): boolean =>
  metadata.deletionTimestamp !== undefined && Date.parse(metadata.deletionTimestamp) < nowMs - leewayMs;

/** The user that a bound token stands for. */
export function boundUser(bound: BoundClaims, jti: string | undefined): UserInfo {
  const { namespace, serviceaccount, pod, node } = bound;
  const extra: Record<string, readonly string[]> = {};
  if (pod?.name && pod.uid) {
    extra[podNameKey] = [pod.name];
    extra[podUidKey] = [pod.uid];
  }
  if (jti) extra[credentialIdKey] = [`JTI=${jti}`];
  if (node?.name) {
    extra[nodeNameKey] = [node.name];
    if (node.uid) extra[nodeUidKey] = [node.uid];
  }
  return serviceAccountUser(namespace, serviceaccount.name, serviceaccount.uid, extra);
}

function serviceAccountUser(
  namespace: string,
  name: string,
  uid: string | undefined,
  extra: Record<string, readonly string[]> = {},
): UserInfo {
  return authenticatedUser({
    name: serviceAccountName(namespace, name),
    ...(uid && { uid }),
    groups: serviceAccountGroups(namespace),
    ...(Object.keys(extra).length > 0 && { extra }),
  });
}

// --- tokens in secrets of type kubernetes.io/service-account-token: no end, no audience

export const legacyIssuer = 'kubernetes/serviceaccount';
const legacy = 'kubernetes.io/serviceaccount/';
const invalidSinceLabel = 'kubernetes.io/legacy-token-invalid-since';

/** Claims of the token that a token secret carries. */
export function legacyClaims(account: KubeObject, secretName: string): object {
  const { namespace = '', name = '', uid } = account.metadata;
  return {
    iss: legacyIssuer,
    [`${legacy}namespace`]: namespace,
    [`${legacy}secret.name`]: secretName,
    [`${legacy}service-account.name`]: name,
    [`${legacy}service-account.uid`]: uid,
    sub: serviceAccountName(namespace, name),
  };
}

/** The user of a token secret's token. Throws AuthenticationError when secret or account do not bear it out. */
export function legacyUser(claims: Record<string, unknown>, token: string, subjects: TokenSubjects): UserInfo {
  const claim = (name: string, as: string): string => {
    const value = claims[name];
    if (typeof value !== 'string' || value === '') throw new AuthenticationError(`${as} claim is missing`);
    return value;
  };
  const subject = splitServiceAccountName(claim('sub', 'sub'));
  const namespace = claim(`${legacy}namespace`, 'namespace');
  const secretName = claim(`${legacy}secret.name`, 'secretName');
  const name = claim(`${legacy}service-account.name`, 'serviceAccountName');
  const uid = claim(`${legacy}service-account.uid`, 'serviceAccountUID');
  if (subject?.namespace !== namespace || subject.name !== name) throw new AuthenticationError('sub claim is invalid');

  const secret = subjects.find('Secret', namespace, secretName) as
    | (KubeObject & { data?: Record<string, string> })
    | undefined;
  if (!secret || secret.metadata.deletionTimestamp) throw new AuthenticationError('Token has been invalidated');
  if (Buffer.from(secret.data?.['token'] ?? '', 'base64').toString() !== token) {
    throw new AuthenticationError("Token does not match server's copy");
  }
  const account = subjects.find('ServiceAccount', namespace, name);
  if (!account) throw new AuthenticationError(`serviceaccounts ${JSON.stringify(name)} not found`);
  if (account.metadata.deletionTimestamp) {
    throw new AuthenticationError(`ServiceAccount ${namespace}/${name} has been deleted`);
  }
  if (account.metadata.uid !== uid) {
    throw new AuthenticationError(`ServiceAccount UID (${account.metadata.uid}) does not match claim (${uid})`);
  }
  if (secret.metadata.labels?.[invalidSinceLabel]) {
    throw new AuthenticationError(
      `the token in secret ${namespace}/${secretName} for service account ${namespace}/${name} has been marked invalid. ` +
        `Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the '${invalidSinceLabel}' ` +
        'label from the secret to temporarily allow use of this token',
    );
  }
  return serviceAccountUser(namespace, name, uid);
}
