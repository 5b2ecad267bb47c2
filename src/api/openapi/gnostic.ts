/** The OpenAPI 2 document in gnostic's protobuf (OpenAPIv2.proto), which client-go's OpenAPISchema asks for. */
import type { ResourceDefinition } from '../../resources/define.ts';
import { documentInfo, documentParts } from './documents.ts';
import { isSchema, ProtoMessage } from './proto-message.ts';
import type { SchemaObject } from './schemas.ts';

/** The Document in chunks: repeated occurrences of `paths` and `definitions` merge on decoding. */
export function* gnosticDocument(definitions: readonly ResourceDefinition[]): Generator<Uint8Array> {
  const parts = documentParts('v2', definitions);
  const head = new ProtoMessage().string(1, '2.0');
  head.message(2, new ProtoMessage().string(1, documentInfo.title).string(2, documentInfo.version));
  yield head.bytes();
  for (const [name, item] of parts.paths()) {
    const named = new ProtoMessage().string(1, name).message(2, pathItem(item));
    yield new ProtoMessage().message(8, new ProtoMessage().message(2, named)).bytes();
  }
  for (const [name, definition] of parts.definitions()) {
    const named = new ProtoMessage().string(1, name).message(2, schemaMessage(definition));
    yield new ProtoMessage().message(9, new ProtoMessage().message(1, named)).bytes();
  }
  yield securityMessage().bytes();
}

const securityMessage = (): ProtoMessage => {
  const key = new ProtoMessage().string(1, 'apiKey').string(2, 'authorization').string(3, 'header');
  key.string(4, 'Bearer Token authentication');
  const named = new ProtoMessage().string(1, 'BearerToken').message(2, new ProtoMessage().message(2, key));
  const requirement = new ProtoMessage().string(1, 'BearerToken').message(2, new ProtoMessage());
  return new ProtoMessage()
    .message(12, new ProtoMessage().message(1, requirement))
    .message(13, new ProtoMessage().message(1, named));
};

/** `x-…` members as NamedAny; the value is YAML, of which JSON is a part. */
function extensions(message: ProtoMessage, field: number, object: SchemaObject): ProtoMessage {
  for (const [name, value] of Object.entries(object)) {
    if (name.startsWith('x-')) message.message(field, new ProtoMessage().string(1, name).message(2, anyMessage(value)));
  }
  return message;
}

const anyMessage = (value: unknown): ProtoMessage => new ProtoMessage().string(2, `${JSON.stringify(value)}\n`);

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

function schemaMessage(schema: SchemaObject): ProtoMessage {
  const {
    $ref,
    format,
    description,
    default: fallback,
    required,
    additionalProperties,
    type,
    items,
    properties,
  } = schema;
  const message = new ProtoMessage().string(1, text($ref)).string(2, text(format)).string(4, text(description));
  if (fallback !== undefined) message.message(5, anyMessage(fallback));
  for (const name of list(required)) message.string(19, text(name));
  for (const value of list(schema['enum'])) message.message(20, anyMessage(value));
  if (isSchema(additionalProperties)) {
    message.message(21, new ProtoMessage().message(1, schemaMessage(additionalProperties)));
  }
  if (type) message.message(22, new ProtoMessage().string(1, text(type)));
  if (isSchema(items)) message.message(23, new ProtoMessage().message(1, schemaMessage(items)));
  if (isSchema(properties)) message.message(25, propertiesMessage(properties));
  return extensions(message, 31, schema);
}

function propertiesMessage(properties: SchemaObject): ProtoMessage {
  const message = new ProtoMessage();
  for (const [name, property] of Object.entries(properties)) {
    if (isSchema(property)) message.message(1, new ProtoMessage().string(1, name).message(2, schemaMessage(property)));
  }
  return message;
}

const operationFields = { get: 2, put: 3, post: 4, delete: 5, patch: 8 } as const;

function pathItem(item: SchemaObject): ProtoMessage {
  const message = new ProtoMessage();
  for (const [method, field] of Object.entries(operationFields)) {
    const operation = item[method];
    if (isSchema(operation)) message.message(field, operationMessage(operation));
  }
  for (const parameter of list(item['parameters'])) message.message(9, parameterMessage(parameter as SchemaObject));
  return message;
}

function operationMessage(operation: SchemaObject): ProtoMessage {
  const message = new ProtoMessage();
  for (const tag of list(operation['tags'])) message.string(1, text(tag));
  message.string(5, text(operation['operationId']));
  for (const type of list(operation['produces'])) message.string(6, text(type));
  for (const type of list(operation['consumes'])) message.string(7, text(type));
  for (const parameter of list(operation['parameters']))
    message.message(8, parameterMessage(parameter as SchemaObject));
  if (isSchema(operation['responses'])) message.message(9, responsesMessage(operation['responses']));
  return extensions(message, 13, operation);
}

function responsesMessage(responses: SchemaObject): ProtoMessage {
  const message = new ProtoMessage();
  for (const [code, response] of Object.entries(responses)) {
    const { description, schema } = response as SchemaObject;
    const value = new ProtoMessage().string(1, text(description));
    if (isSchema(schema)) value.message(2, new ProtoMessage().message(1, schemaMessage(schema)));
    message.message(1, new ProtoMessage().string(1, code).message(2, new ProtoMessage().message(1, value)));
  }
  return message;
}

/** ParametersItem: body parameters, and path and query ones with their type. */
function parameterMessage(parameter: SchemaObject): ProtoMessage {
  const wrap = (message: ProtoMessage, ...fields: number[]): ProtoMessage =>
    fields.reduce((inner, field) => new ProtoMessage().message(field, inner), message);
  const { name, in: place, required, schema, type, uniqueItems } = parameter;
  if (place === 'body') {
    const body = new ProtoMessage()
      .string(2, text(name))
      .string(3, 'body')
      .bool(4, required === true);
    if (isSchema(schema)) body.message(5, schemaMessage(schema));
    return wrap(body, 1, 1);
  }
  const isQuery = place === 'query';
  const message = new ProtoMessage()
    .bool(1, required === true)
    .string(2, text(place))
    .string(4, text(name));
  message.string(isQuery ? 6 : 5, text(type)).bool(isQuery ? 20 : 18, uniqueItems === true);
  return wrap(message, isQuery ? 3 : 4, 2, 1);
}
