export { type CriClientOptions, createCriClient } from './client.ts';
export type * from './types.ts';
export { CriError, grpcCode } from './types.ts';
