import type { nodeV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type RuntimeClass = Unchecked<generated.RuntimeClass>;
