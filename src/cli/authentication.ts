import {
  createAuthenticator,
  openIdPaths,
  ServiceAccountTokens,
  storeSubjects,
  TokenRequestHandler,
  TokenReviewHandler,
} from '../api/authn/index.ts';
import type { ActionHandler, Authenticator, PathHandler, ReviewHandler } from '../api/types.ts';
import type { Pki } from '../host/pki/index.ts';
import type { Clock } from '../kernel/index.ts';
import type { KubeObject } from '../schema/object.ts';
import type { Store } from '../store/index.ts';

export interface Authentication {
  authenticator: Authenticator;
  /** By `group/version/resource`. */
  reviews: Iterable<[string, ReviewHandler]>;
  /** By `group/version/resource/subresource`. */
  actions: Iterable<[string, ActionHandler]>;
  paths: PathHandler[];
  /** Signs what secrets of type kubernetes.io/service-account-token carry. */
  signForSecret(account: KubeObject, secretName: string): Promise<string>;
}

/** Who may come in: client certificates of our signers, our service account tokens, the front proxy. */
export function createAuthentication(pki: Pki, store: Store, clock: Clock): Authentication {
  const tokens = new ServiceAccountTokens({
    privateKeyPem: pki.serviceAccountKey.privateKeyPem,
    subjects: storeSubjects(store),
    clock,
  });
  return {
    authenticator: createAuthenticator({
      clientCaPem: pki.bundle('client-ca.crt').pem,
      frontProxyCaPem: pki.signer('aggregator-signer').certPem,
      tokens,
      clock,
    }),
    reviews: [['authentication.k8s.io/v1/tokenreviews', new TokenReviewHandler(tokens)]],
    actions: [['/v1/serviceaccounts/token', new TokenRequestHandler(tokens, clock)]],
    paths: openIdPaths(tokens),
    signForSecret: (account, secretName) => tokens.signForSecret(account, secretName),
  };
}
