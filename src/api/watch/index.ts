export { classify, type EventType } from './frames.ts';
export { WatchHub } from './hub.ts';
export { replayFrom, serveWatch } from './serve.ts';
