import type { Clock } from '../../kernel/clock.ts';
import { apiError } from '../../kernel/status.ts';
import type { Authenticator, CredentialSource, UserInfo } from '../types.ts';
import { bearerToken, webSocketToken } from './bearer.ts';
import { ClientCertificates } from './client-certificates.ts';
import { frontProxyNames, frontProxyUser } from './front-proxy.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';
import { AuthenticationError, anonymousUser } from './users.ts';

export interface AuthenticatorOptions {
  /** PEM bundle of the CAs whose certificates name users. */
  clientCaPem: string;
  /** PEM of the CA whose certificates are proxies' (X-Remote-User …). */
  frontProxyCaPem: string;
  /** Common names of proxies that are trusted. */
  frontProxyNames?: readonly string[];
  tokens: ServiceAccountTokens;
  clock: Clock;
}

/**
 * All ways to say who one is, in upstream's order: front proxy, client certificate, bearer token, token in a WebSocket
 * subprotocol. The first that holds wins; credentials that do not hold are an error only when none does; none at all is
 * `system:anonymous`. Synchronous, and the same credentials give the same object.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { tokens, clock } = options;
  const users = new ClientCertificates(options.clientCaPem, clock);
  const proxies = new ClientCertificates(options.frontProxyCaPem, clock);
  const allowedNames = options.frontProxyNames ?? frontProxyNames;
  const ways: readonly ((source: CredentialSource) => UserInfo | undefined)[] = [
    (source) => frontProxyUser(source, proxies, allowedNames),
    ({ clientCertificatePem }) => (clientCertificatePem ? users.check(clientCertificatePem).user : undefined),
    (source) => identifyToken(tokens, bearerToken(source)),
    (source) => identifyToken(tokens, webSocketToken(source)),
  ];
  return {
    authenticate(source) {
      let failed = false;
      for (const way of ways) {
        try {
          const user = way(source);
          if (user) return user;
        } catch (error) {
          if (!(error instanceof AuthenticationError)) throw error;
          failed = true;
        }
      }
      if (failed) throw apiError.unauthorized();
      return anonymousUser;
    },
  };
}

function identifyToken(tokens: ServiceAccountTokens, token: string | undefined): UserInfo | undefined {
  if (token === undefined) return undefined;
  const identity = tokens.identify(token);
  if (!identity) throw new AuthenticationError('invalid bearer token');
  return identity.user;
}
