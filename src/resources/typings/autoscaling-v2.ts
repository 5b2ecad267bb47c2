import type { autoscalingV2 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type HPAScalingRules = Unchecked<generated.HPAScalingRules>;
export type HorizontalPodAutoscaler = Unchecked<generated.HorizontalPodAutoscaler>;
export type HorizontalPodAutoscalerBehavior = Unchecked<generated.HorizontalPodAutoscalerBehavior>;
export type MetricIdentifier = Unchecked<generated.MetricIdentifier>;
export type MetricSpec = Unchecked<generated.MetricSpec>;
export type MetricStatus = Unchecked<generated.MetricStatus>;
export type MetricTarget = Unchecked<generated.MetricTarget>;
export type MetricValueStatus = Unchecked<generated.MetricValueStatus>;
