/** The one view of Services that the proxy and DNS share. */
export { keyOf, presentKeys } from './present.ts';
export { ServiceIndex } from './service-index.ts';
export type * from './types.ts';
