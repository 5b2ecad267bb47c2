export type { Impersonation } from './pipeline.ts';
export { storedKinds } from './routing/index.ts';
export { type ApiServer, type ApiServerOptions, createApiServer } from './server.ts';
export type { ConnectHandler, ConnectRequest } from './subresources/index.ts';
