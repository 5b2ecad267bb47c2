export {
  type Conversion,
  contentTypeOf,
  type Media,
  mediaOfBody,
  negotiate,
  negotiateStream,
  type Offer,
  type Output,
} from './accept.ts';
export { sendError, sendObject, sendPlain, statusOf } from './answer.ts';
export { type BodyRules, decodeBody, type FieldValidation, unregistered } from './body.ts';
export { goJson } from './go-json.ts';
export { prettyJson } from './pretty.ts';
export { checkShape, type ListFrame, type Projection, projectionFor, protobufItemHead } from './projection.ts';
export { entrySource, objectSource, restampedSource, type Source, statusSource } from './source.ts';
export { concat, fromUtf8, type ListMeta, protobufFrame, utf8, varintLength } from './wire.ts';
export { type ParsedYaml, parseYaml, yamlErrors, yamlText } from './yaml.ts';
