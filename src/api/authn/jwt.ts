/**
 * JSON Web Tokens in compact form, signed with RS256 (RFC 7515, 7519) and nothing else.
 *
 * On node:crypto, because a JOSE library costs 15 MiB of resident memory and 30 ms of start for these few lines; the
 * tests hold them against one.
 */
import { type KeyObject, createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { AuthenticationError } from './users.ts';

/** A public key with its id, derived from the key as Kubernetes does. */
export interface VerificationKey {
  id: string;
  key: KeyObject;
}

/** Public keys from PEM: of public or of private keys. */
export function verificationKeys(pems: readonly string[]): VerificationKey[] {
  return pems.map((pem) => {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType !== 'rsa') throw new Error('only RSA keys sign service account tokens');
    return { id: keyId(key), key };
  });
}

const keyId = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url');

/** Signs claims with one key, off the event loop. */
export class JwtSigner {
  readonly #key: KeyObject;
  readonly #header: string;

  constructor(privateKeyPem: string) {
    this.#key = createPrivateKey(privateKeyPem);
    this.#header = encode({ alg, kid: keyId(createPublicKey(privateKeyPem)) });
  }

  sign(claims: object): Promise<string> {
    const input = `${this.#header}.${encode(claims)}`;
    return new Promise((resolve, reject) => {
      sign('sha256', Buffer.from(input), this.#key, (error, signature) => {
        if (error) reject(error);
        else resolve(`${input}.${signature.toString('base64url')}`);
      });
    });
  }
}

/** The claims of a token, not verified; undefined when it is no JWT. */
export function unverifiedClaims(token: string): Record<string, unknown> | undefined {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined;
  return decode(token.split('.')[1]!);
}

/** The claims of a token that one of the keys has signed. Throws AuthenticationError. */
export function verifyJwt(token: string, keys: readonly VerificationKey[]): Record<string, unknown> {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const { alg: usedAlg, kid, crit } = decode(header) ?? {};
  const candidates = keys.filter(({ id }) => kid === undefined || kid === '' || kid === id);
  if (candidates.length === 0) throw new AuthenticationError('invalid signature, no keys found');
  const input = Buffer.from(`${header}.${payload}`);
  const bytes = Buffer.from(signature, 'base64url');
  const isSigned =
    usedAlg === alg && crit === undefined && candidates.some(({ key }) => verify('sha256', input, key, bytes));
  const claims = isSigned ? decode(payload) : undefined;
  if (!claims) throw new AuthenticationError('go-jose/go-jose: error in cryptographic primitive');
  return claims;
}

/** The keys as a JSON Web Key Set (RFC 7517). */
export function jsonWebKeySet(keys: readonly VerificationKey[]): object {
  return {
    keys: keys.map(({ id, key }) => {
      const { kty, n, e } = key.export({ format: 'jwk' });
      return { use: 'sig', kty, kid: id, alg, n, e };
    }),
  };
}

const alg = 'RS256';

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function decode(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
