import type { authenticationV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type SelfSubjectReview = Unchecked<generated.SelfSubjectReview>;
export type TokenReview = Unchecked<generated.TokenReview>;
