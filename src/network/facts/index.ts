/** The one view of Services that the proxy and DNS share. */
export { keyOf } from './extract.ts';
export { ServiceIndex } from './service-index.ts';
export type * from './types.ts';
