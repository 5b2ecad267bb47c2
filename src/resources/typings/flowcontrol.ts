import type { flowcontrolV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type FlowSchema = Unchecked<generated.FlowSchema>;
export type FlowSchemaSpec = Unchecked<generated.FlowSchemaSpec>;
export type LimitedPriorityLevelConfiguration = Unchecked<generated.LimitedPriorityLevelConfiguration>;
export type PolicyRulesWithSubjects = Unchecked<generated.PolicyRulesWithSubjects>;
export type PriorityLevelConfiguration = Unchecked<generated.PriorityLevelConfiguration>;
export type Subject = Unchecked<generated.Subject>;
export type ResourcePolicyRule = Unchecked<generated.ResourcePolicyRule>;
