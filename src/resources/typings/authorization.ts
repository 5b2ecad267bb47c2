import type { authorizationV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type LocalSubjectAccessReview = Unchecked<generated.LocalSubjectAccessReview>;
export type SelfSubjectAccessReview = Unchecked<generated.SelfSubjectAccessReview>;
export type SelfSubjectRulesReview = Unchecked<generated.SelfSubjectRulesReview>;
export type SubjectAccessReview = Unchecked<generated.SubjectAccessReview>;
