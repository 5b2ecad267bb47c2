/** The resources that components speak of, and how they tell users what happens. How they speak to the API: types.ts. */
export { createEventRecorder, type EventRecorderOptions } from './event-recorder.ts';
export { type Follower, type FollowOptions, type Following, follow } from './follow.ts';
export * from './refs.ts';
