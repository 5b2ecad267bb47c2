/** The resources that components speak of, and how they tell users what happens. How they speak to the API: types.ts. */
export { createEventRecorder, type EventRecorderOptions } from './event-recorder.ts';
export * from './refs.ts';
