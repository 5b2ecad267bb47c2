// authorization.k8s.io/v1: questions that are answered and never stored.
import { nameColumn, resource } from '../shared/resource.ts';
import type {
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
} from '../typings/authorization.ts';

const behaviour = { columns: [nameColumn], review: true } as const;

export const subjectAccessReview = resource<SubjectAccessReview>(
  'authorization.k8s.io/v1/subjectaccessreviews',
  behaviour,
);
export const localSubjectAccessReview = resource<LocalSubjectAccessReview>(
  'authorization.k8s.io/v1/localsubjectaccessreviews',
  behaviour,
);
export const selfSubjectAccessReview = resource<SelfSubjectAccessReview>(
  'authorization.k8s.io/v1/selfsubjectaccessreviews',
  behaviour,
);
export const selfSubjectRulesReview = resource<SelfSubjectRulesReview>(
  'authorization.k8s.io/v1/selfsubjectrulesreviews',
  behaviour,
);
