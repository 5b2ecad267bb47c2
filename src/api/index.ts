export type { Impersonation } from './pipeline.ts';
export { storedKinds } from './routing/index.ts';
export { generateName } from './verbs/meta.ts';
export { forbidden, requireAccess } from './verbs/authorize.ts';
export { type ApiServer, type ApiServerOptions, createApiServer } from './server.ts';
export type { ConnectHandler, ConnectRequest } from './subresources/index.ts';
