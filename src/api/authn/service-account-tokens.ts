import type { Clock } from '../../kernel/clock.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { UserInfo } from '../types.ts';
import { BoundedCache } from './bounded-cache.ts';
import {
  JwtSigner,
  type VerificationKey,
  jsonWebKeySet,
  unverifiedClaims,
  verificationKeys,
  verifyJwt,
} from './jwt.ts';
import {
  type BoundClaims,
  type Claims,
  boundUser,
  checkBoundObjects,
  checkTimes,
  legacyClaims,
  legacyIssuer,
  legacyUser,
} from './service-account-claims.ts';
import type { TokenSubjects } from './token-subjects.ts';
import { AuthenticationError } from './users.ts';

export interface ServiceAccountTokenOptions {
  /** PEM of the key that signs. */
  privateKeyPem: string;
  /** PEM of further keys whose tokens are still good. */
  publicKeyPems?: readonly string[];
  issuer?: string;
  /** Issuers of the past whose tokens are still good, e.g. of the MicroShift that was here before. */
  formerIssuers?: readonly string[];
  subjects: TokenSubjects;
  clock: Clock;
  cacheEntries?: number;
}

export const defaultIssuer = 'https://kubernetes.default.svc.cluster.local';
const microShiftIssuer = 'https://kubernetes.default.svc';

export interface TokenIdentity {
  user: UserInfo;
  /** Those asked for that the token is meant for. */
  audiences: readonly string[];
}

interface Verified {
  claims: Claims;
  user: UserInfo;
  /** The identity for the API server's own audiences, once asked for: every request but TokenReview asks for that. */
  here?: TokenIdentity;
  /** Revision of the subjects at which the user was last found good. */
  revision: number;
}

/** Signs and verifies the tokens of service accounts. */
export class ServiceAccountTokens {
  readonly issuer: string;
  /** Audiences of the API server itself: tokens for them are good here. */
  readonly apiAudiences: readonly string[];
  readonly #issuers: ReadonlySet<string>;
  readonly #signer: JwtSigner;
  readonly #keys: readonly VerificationKey[];
  readonly #subjects: TokenSubjects;
  readonly #clock: Clock;
  readonly #verified: BoundedCache<Verified>;

  constructor(options: ServiceAccountTokenOptions) {
    const { privateKeyPem, publicKeyPems = [], formerIssuers = [microShiftIssuer] } = options;
    this.issuer = options.issuer ?? defaultIssuer;
    this.apiAudiences = [this.issuer, ...formerIssuers];
    this.#issuers = new Set([this.issuer, ...formerIssuers, legacyIssuer]);
    this.#signer = new JwtSigner(privateKeyPem);
    this.#keys = verificationKeys([privateKeyPem, ...publicKeyPems]);
    this.#subjects = options.subjects;
    this.#clock = options.clock;
    this.#verified = new BoundedCache(options.cacheEntries ?? 1_000);
  }

  sign(claims: Claims): Promise<string> {
    return this.#signer.sign({ ...claims, iss: this.issuer });
  }

  /** The token that a secret of type kubernetes.io/service-account-token carries. */
  signForSecret(account: KubeObject, secretName: string): Promise<string> {
    return this.#signer.sign(legacyClaims(account, secretName));
  }

  /** The public keys, for others who verify tokens. */
  keySet(): object {
    return jsonWebKeySet(this.#keys);
  }

  /** Who holds `token`; undefined when it is not one of ours. Throws AuthenticationError when it is not good. */
  identify(token: string, audiences: readonly string[] = this.apiAudiences): TokenIdentity | undefined {
    const verified = this.#verified.get(token) ?? this.#verify(token);
    if (!verified) return undefined;
    const isHere = audiences === this.apiAudiences;
    const identity = (isHere && verified.here) || {
      user: verified.user,
      audiences: this.#commonAudiences(verified.claims, audiences),
    };
    if (isHere) verified.here = identity;
    this.#checkStillGood(token, verified);
    return identity;
  }

  #commonAudiences({ aud }: Claims, audiences: readonly string[]): readonly string[] {
    const meantFor = listOf(aud);
    const all = meantFor.length > 0 ? meantFor : this.apiAudiences;
    const common = all.filter((audience) => audiences.includes(audience));
    if (common.length > 0) return common;
    const [has, wants] = [all, audiences].map((list) => `[${list.map((item) => JSON.stringify(item)).join(' ')}]`);
    throw new AuthenticationError(`token audiences ${has} is invalid for the target audiences ${wants}`);
  }

  #verify(token: string): Verified | undefined {
    const issuer = unverifiedClaims(token)?.['iss'];
    if (typeof issuer !== 'string' || !this.#issuers.has(issuer)) return undefined;
    const claims = verifyJwt(token, this.#keys) as Claims;
    const bound = claims['kubernetes.io'];
    if (issuer !== legacyIssuer && !isBound(bound))
      throw new AuthenticationError('service account token has no subject');
    const user = isBound(bound)
      ? boundUser(bound, claims.jti)
      : legacyUser(claims as Record<string, unknown>, token, this.#subjects);
    const verified: Verified = { claims, user, revision: -1 };
    this.#checkStillGood(token, verified);
    this.#verified.set(token, verified);
    return verified;
  }

  /** Times are checked always, bound objects when anything has changed. A token that fails is forgotten. */
  #checkStillGood(token: string, verified: Verified): void {
    const { claims } = verified;
    const bound = claims['kubernetes.io'];
    const nowMs = this.#clock.nowMs();
    try {
      checkTimes(claims, nowMs);
      if (verified.revision === this.#subjects.revision) return;
      if (bound) checkBoundObjects(bound, this.#subjects, nowMs);
      else legacyUser(claims as Record<string, unknown>, token, this.#subjects);
      verified.revision = this.#subjects.revision;
    } catch (error) {
      this.#verified.delete(token);
      throw error;
    }
  }
}

const isBound = (bound: BoundClaims | undefined): bound is BoundClaims =>
  typeof bound?.namespace === 'string' && typeof bound.serviceaccount?.name === 'string';

const listOf = (audience: Claims['aud']): readonly string[] =>
  typeof audience === 'string' ? [audience] : (audience ?? []);
