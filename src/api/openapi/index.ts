export { v2Document, v3Document } from './documents.ts';
export { gnosticDocument } from './gnostic.ts';
export { OpenApi, type OpenApiOptions } from './open-api.ts';
