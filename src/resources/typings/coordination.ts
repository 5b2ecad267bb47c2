import type { coordinationV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type Lease = Unchecked<generated.Lease>;
