import type { rbacV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type ClusterRole = Unchecked<generated.ClusterRole>;
export type ClusterRoleBinding = Unchecked<generated.ClusterRoleBinding>;
export type PolicyRule = Unchecked<generated.PolicyRule>;
export type Role = Unchecked<generated.Role>;
export type RoleBinding = Unchecked<generated.RoleBinding>;
export type Subject = Unchecked<generated.Subject>;
