export type { ConnectHandler, ConnectRequest } from './connect.ts';
export { legacyBinding, podBinding } from './pod-binding.ts';
export { podEviction } from './pod-eviction.ts';
export { type Scale, scaleGvk, scaleMessage, scaleOf, withScale } from './scale.ts';
export {
  runAction,
  runReview,
  scaleTarget,
  serveAction,
  serveConnect,
  serveReview,
  serveScale,
  updateScale,
} from './serve.ts';
