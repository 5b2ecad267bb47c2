/** Who is asking: client certificates, service account tokens, front proxy, impersonation; and the issuing of tokens. */
export { type AuthenticatorOptions, createAuthenticator } from './authenticator.ts';
export { openIdPaths } from './discovery.ts';
export { frontProxyNames } from './front-proxy.ts';
export {
  type ImpersonationMode,
  type RequestedUser,
  createImpersonation,
  impersonation,
  impersonationModes,
} from './impersonation.ts';
export {
  type ServiceAccountTokenOptions,
  ServiceAccountTokens,
  type TokenIdentity,
  defaultIssuer,
} from './service-account-tokens.ts';
export { TokenRequestHandler } from './token-request.ts';
export { TokenReviewHandler } from './token-review.ts';
export { type SubjectKind, type TokenSubjects, storeSubjects } from './token-subjects.ts';
export {
  AuthenticationError,
  anonymousUser,
  authenticatedUser,
  serviceAccountGroups,
  serviceAccountName,
  splitServiceAccountName,
} from './users.ts';
