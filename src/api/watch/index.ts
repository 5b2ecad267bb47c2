export { classify, type EventType } from './frames.ts';
export { WatchHub } from './hub.ts';
export { serveWatch } from './serve.ts';
