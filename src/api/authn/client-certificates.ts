import { X509Certificate } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';
import type { UserInfo } from '../types.ts';
import { BoundedCache } from './bounded-cache.ts';
import { AuthenticationError, authenticatedUser, credentialIdKey } from './users.ts';

interface Known {
  certificate: CheckedCertificate | AuthenticationError;
  notBeforeMs: number;
  notAfterMs: number;
}

export interface CheckedCertificate {
  commonName: string;
  /** undefined without a common name. */
  user: UserInfo | undefined;
}

/**
 * Verifies client certificates against a bundle of CAs: signed by one of them, meant for clients, valid now. TLS has
 * verified the chain against all bundles together; this tells whose the certificate is. Results are kept by PEM.
 */
export class ClientCertificates {
  readonly #authorities: readonly X509Certificate[];
  readonly #clock: Clock;
  readonly #known: BoundedCache<Known>;

  constructor(bundlePem: string, clock: Clock, cacheEntries = 256) {
    this.#authorities = certificatesIn(bundlePem);
    this.#clock = clock;
    this.#known = new BoundedCache(cacheEntries);
  }

  /** The certificate's holder. Throws AuthenticationError. */
  check(pem: string): CheckedCertificate {
    let known = this.#known.get(pem);
    if (!known) {
      known = this.#examine(pem);
      this.#known.set(pem, known);
    }
    if (known.certificate instanceof AuthenticationError) throw known.certificate;
    const nowMs = this.#clock.nowMs();
    if (nowMs < known.notBeforeMs || nowMs > known.notAfterMs) {
      throw new AuthenticationError('x509: certificate has expired or is not yet valid');
    }
    return known.certificate;
  }

  #examine(pem: string): Known {
    const certificate = new X509Certificate(pem);
    const times = { notBeforeMs: Date.parse(certificate.validFrom), notAfterMs: Date.parse(certificate.validTo) };
    const isKnown = this.#authorities.some((ca) => certificate.checkIssued(ca) && certificate.verify(ca.publicKey));
    if (!isKnown)
      return { ...times, certificate: new AuthenticationError('x509: certificate signed by unknown authority') };
    if (!isForClients(certificate)) {
      return {
        ...times,
        certificate: new AuthenticationError('x509: certificate specifies an incompatible key usage'),
      };
    }
    return { ...times, certificate: subjectOf(certificate) };
  }
}

const uidAttribute = '1.3.6.1.4.1.57683.2';
const clientAuth = '1.3.6.1.5.5.7.3.2';
const anyPurpose = '2.5.29.37.0';

/** A certificate without the extension serves every purpose. */
const isForClients = ({ keyUsage }: X509Certificate): boolean =>
  !keyUsage?.length || keyUsage.includes(clientAuth) || keyUsage.includes(anyPurpose);

function subjectOf(certificate: X509Certificate): CheckedCertificate | AuthenticationError {
  const subject = certificate.toLegacyObject().subject as unknown as Record<string, string | string[] | undefined>;
  const commonName = listOf(subject['CN']).at(-1) ?? '';
  const uids = listOf(subject[uidAttribute]);
  if (uids.length > 1) return new AuthenticationError(`expected 1 UID, but found multiple: [${uids.join(' ')}]`);
  if (uids[0] === '') return new AuthenticationError('UID cannot be an empty string');
  if (!commonName) return { commonName, user: undefined };
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  const user = authenticatedUser({
    name: commonName,
    ...(uids[0] && { uid: uids[0] }),
    groups: listOf(subject['O']),
    extra: { [credentialIdKey]: [`X509SHA256=${fingerprint}`] },
  });
  return { commonName, user };
}

const listOf = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];

const certificatesIn = (bundle: string): X509Certificate[] =>
  (bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (pem) => new X509Certificate(pem),
  );
