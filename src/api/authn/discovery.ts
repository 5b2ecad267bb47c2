import type { PathHandler } from '../types.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';

const maxAgeSeconds = 3600;
const headers = [['Cache-Control', `public, max-age=${maxAgeSeconds}`]] as const;

/** OpenID Connect discovery: lets others verify service account tokens (KEP-1393). */
export function openIdPaths(tokens: ServiceAccountTokens): PathHandler[] {
  const keySetPath = '/openid/v1/jwks';
  const configuration = JSON.stringify({
    issuer: tokens.issuer,
    jwks_uri: tokens.issuer + keySetPath,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
  });
  const keySet = JSON.stringify(tokens.keySet());
  return [
    {
      path: '/.well-known/openid-configuration',
      methods: ['GET'],
      handle: () => ({ status: 200, contentType: 'application/json', headers, body: configuration }),
    },
    {
      path: keySetPath,
      methods: ['GET'],
      handle: () => ({ status: 200, contentType: 'application/jwk-set+json', headers, body: keySet }),
    },
  ];
}
