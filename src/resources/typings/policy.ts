import type { policyV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type PodDisruptionBudget = Unchecked<generated.PodDisruptionBudget>;
