// authentication.k8s.io/v1: questions that are answered and never stored.
import { nameColumn, resource } from '../shared/resource.ts';
import type { SelfSubjectReview, TokenReview } from '../typings/authentication.ts';

export const tokenReview = resource<TokenReview>('authentication.k8s.io/v1/tokenreviews', {
  columns: [nameColumn],
  review: true,
});

export const selfSubjectReview = resource<SelfSubjectReview>('authentication.k8s.io/v1/selfsubjectreviews', {
  columns: [nameColumn],
  review: true,
});
