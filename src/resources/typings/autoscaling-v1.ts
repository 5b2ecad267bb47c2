import type { autoscalingV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type HorizontalPodAutoscaler = Unchecked<generated.HorizontalPodAutoscaler>;
