/** The scheduler: which node each pod runs on, decided as Kubernetes' default profile does. */
export { type SchedulerOptions, startScheduler } from './scheduler.ts';
