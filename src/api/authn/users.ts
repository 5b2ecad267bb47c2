/** Names and groups that the authenticators give out. */
import type { UserInfo } from '../types.ts';

export const authenticatedGroup = 'system:authenticated';
export const unauthenticatedGroup = 'system:unauthenticated';
export const anonymousName = 'system:anonymous';
export const credentialIdKey = 'authentication.kubernetes.io/credential-id';
export const podNameKey = 'authentication.kubernetes.io/pod-name';
export const podUidKey = 'authentication.kubernetes.io/pod-uid';
export const nodeNameKey = 'authentication.kubernetes.io/node-name';
export const nodeUidKey = 'authentication.kubernetes.io/node-uid';

/** Credentials of a known kind that do not hold. The client sees `Unauthorized`; TokenReview tells the message. */
export class AuthenticationError extends Error {
  override readonly name = 'AuthenticationError';
}

/** Who sends no credentials. */
export const anonymousUser: UserInfo = Object.freeze({ name: anonymousName, groups: [unauthenticatedGroup] });

/** A user with the group of all authenticated users, frozen: one object may serve many requests. */
export function authenticatedUser(user: UserInfo): UserInfo {
  const { groups } = user;
  const hasGroup = groups.includes(authenticatedGroup) || groups.includes(unauthenticatedGroup);
  return Object.freeze({ ...user, groups: Object.freeze(hasGroup ? groups : [...groups, authenticatedGroup]) });
}

const serviceAccountPrefix = 'system:serviceaccount:';

export const serviceAccountName = (namespace: string, name: string): string =>
  `${serviceAccountPrefix}${namespace}:${name}`;

export const serviceAccountGroups = (namespace: string): string[] => [
  'system:serviceaccounts',
  `system:serviceaccounts:${namespace}`,
];

/** Namespace and name in `system:serviceaccount:<namespace>:<name>`; undefined for any other user name. */
export function splitServiceAccountName(username: string): { namespace: string; name: string } | undefined {
  if (!username.startsWith(serviceAccountPrefix)) return undefined;
  const [namespace, name, ...more] = username.slice(serviceAccountPrefix.length).split(':');
  if (more.length > 0 || !isLabel(namespace) || !isSubdomain(name)) return undefined;
  return { namespace, name };
}

/** Name in `system:node:<name>`; undefined for any other user name. */
export function nodeOfUserName(username: string): string | undefined {
  const prefix = 'system:node:';
  const name = username.startsWith(prefix) ? username.slice(prefix.length) : undefined;
  return isSubdomain(name) ? name : undefined;
}

const isLabel = (text: string | undefined): text is string =>
  text !== undefined && text.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(text);

const isSubdomain = (text: string | undefined): text is string =>
  text !== undefined &&
  text.length <= 253 &&
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text);
