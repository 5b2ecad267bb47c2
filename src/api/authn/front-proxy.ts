import type { CredentialSource, UserInfo } from '../types.ts';
import type { ClientCertificates } from './client-certificates.ts';
import { AuthenticationError, authenticatedUser } from './users.ts';

/** Names in the certificates of proxies that may say who asks; the same as MicroShift allows. */
export const frontProxyNames: readonly string[] = [
  'kube-apiserver-proxy',
  'system:kube-apiserver-proxy',
  'system:openshift-aggregator',
];

/** Who a trusted proxy says is asking, in X-Remote-* headers. Throws AuthenticationError for a proxy that is not trusted. */
export function frontProxyUser(
  source: CredentialSource,
  proxies: ClientCertificates,
  allowedNames: readonly string[],
): UserInfo | undefined {
  const name = source.header('x-remote-user');
  if (!name || !source.clientCertificatePem) return undefined;
  const { commonName } = proxies.check(source.clientCertificatePem);
  if (allowedNames.length > 0 && !allowedNames.includes(commonName)) {
    throw new AuthenticationError(`x509: subject with cn=${commonName} is not in the allowed list`);
  }
  const uid = source.header('x-remote-uid');
  const groups: string[] = [];
  const extras = new Map<string, readonly string[]>();
  for (const [header, value] of source.headers?.() ?? []) {
    if (header === 'x-remote-group' && value) groups.push(value);
    if (header.startsWith(extraPrefix)) {
      const key = unescaped(header.slice(extraPrefix.length));
      extras.set(key, [...(extras.get(key) ?? []), value]);
    }
  }
  const extra = extras.size > 0 && { extra: Object.fromEntries(extras) };
  return authenticatedUser({ name, ...(uid && { uid }), groups, ...extra });
}

const extraPrefix = 'x-remote-extra-';

/** Keys are percent-encoded; one that is not well-formed counts as it stands. */
export function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
