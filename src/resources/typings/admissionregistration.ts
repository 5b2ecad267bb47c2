import type { admissionregistrationV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type MatchCondition = Unchecked<generated.MatchCondition>;
export type MatchResources = Unchecked<generated.MatchResources>;
export type MutatingAdmissionPolicy = Unchecked<generated.MutatingAdmissionPolicy>;
export type MutatingAdmissionPolicyBinding = Unchecked<generated.MutatingAdmissionPolicyBinding>;
export type MutatingWebhook = Unchecked<generated.MutatingWebhook>;
export type MutatingWebhookConfiguration = Unchecked<generated.MutatingWebhookConfiguration>;
export type ParamKind = Unchecked<generated.ParamKind>;
export type ParamRef = Unchecked<generated.ParamRef>;
export type RuleWithOperations = Unchecked<generated.RuleWithOperations>;
export type ValidatingAdmissionPolicy = Unchecked<generated.ValidatingAdmissionPolicy>;
export type ValidatingAdmissionPolicyBinding = Unchecked<generated.ValidatingAdmissionPolicyBinding>;
export type ValidatingWebhookConfiguration = Unchecked<generated.ValidatingWebhookConfiguration>;
export type Variable = Unchecked<generated.Variable>;
