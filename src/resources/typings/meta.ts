import type { metaV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type LabelSelector = Unchecked<generated.LabelSelector>;
export type LabelSelectorRequirement = Unchecked<generated.LabelSelectorRequirement>;
