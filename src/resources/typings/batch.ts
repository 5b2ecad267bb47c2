import type { batchV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type CronJob = Unchecked<generated.CronJob>;
export type CronJobSpec = Unchecked<generated.CronJobSpec>;
export type Job = Unchecked<generated.Job>;
export type JobSpec = Unchecked<generated.JobSpec>;
export type JobStatus = Unchecked<generated.JobStatus>;
export type PodFailurePolicyRule = Unchecked<generated.PodFailurePolicyRule>;
