import type { schedulingV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type PriorityClass = Unchecked<generated.PriorityClass>;
