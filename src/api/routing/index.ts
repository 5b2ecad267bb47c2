export { PathRouter } from './paths.ts';
export { sendNotFound, sendText } from './plain-text.ts';
export { Registry, type Resource, resourceKey, storedKinds } from './registry.ts';
export { nameOf, parseRequestInfo, queryBoolean, type RequestInfo } from './request-info.ts';
