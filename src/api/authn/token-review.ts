import { apiError } from '../../kernel/status.ts';
import type { TokenReview, TokenReviewStatus } from '../../schema/generated/index.ts';
import type { ReviewHandler } from '../types.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';
import { AuthenticationError } from './users.ts';

/** authentication.k8s.io TokenReview: who holds this token, for these audiences? */
export class TokenReviewHandler implements ReviewHandler {
  readonly #tokens: ServiceAccountTokens;

  constructor(tokens: ServiceAccountTokens) {
    this.#tokens = tokens;
  }

  async review(object: TokenReview): Promise<TokenReview> {
    const { token, audiences } = object.spec;
    if (!token) throw apiError.badRequest('token is required for TokenReview in authentication');
    return { ...object, status: this.#status(token, audiences?.length ? audiences : this.#tokens.apiAudiences) };
  }

  #status(token: string, audiences: readonly string[]): TokenReviewStatus {
    try {
      const identity = this.#tokens.identify(token, audiences);
      if (!identity) return { user: {}, error: 'invalid bearer token' };
      const { name, uid, groups, extra = {} } = identity.user;
      return {
        authenticated: true,
        user: {
          username: name,
          ...(uid && { uid }),
          groups: [...groups],
          extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]])),
        },
        audiences: [...identity.audiences],
      };
    } catch (error) {
      if (error instanceof AuthenticationError) return { user: {}, error: error.message };
      throw error;
    }
  }
}
