/**
 * The one registry of API errors. Every error that a client can see is a `StatusError` made here: reason, code and
 * message as in Kubernetes' apimachinery (pkg/api/errors), because clients match on them.
 */

/** meta/v1 Status, failure form. */
export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: { continue?: string; resourceVersion?: string };
  status: 'Failure' | 'Success';
  message?: string;
  reason?: StatusReason;
  details?: StatusDetails;
  code: number;
}

export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

export interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}

const codeOfReason = {
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Invalid: 422,
  ServerTimeout: 500,
  StorageReadError: 500,
  Timeout: 504,
  TooManyRequests: 429,
  BadRequest: 400,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  InternalError: 500,
  Expired: 410,
  ServiceUnavailable: 503,
} as const;

export type StatusReason = keyof typeof codeOfReason;

/** A group-qualified resource or kind, for messages: `deployments.apps`, `pods`. */
export interface Qualified {
  group: string;
  resource: string;
}

const qualified = (of: Qualified): string => (of.group ? `${of.resource}.${of.group}` : of.resource);

/** An error with the exact Status that the client receives. */
export class StatusError extends Error {
  readonly status: Status;

  constructor(reason: StatusReason, message: string, details?: StatusDetails, metadata: Status['metadata'] = {}) {
    super(message);
    this.name = 'StatusError';
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata,
      status: 'Failure',
      message,
      reason,
      ...(details && { details }),
      code: codeOfReason[reason],
    };
  }

  get reason(): StatusReason {
    return this.status.reason as StatusReason;
  }

  get code(): number {
    return this.status.code;
  }
}

/** True when `error` is a StatusError with this reason. */
export const isReason = (error: unknown, reason: StatusReason): error is StatusError =>
  error instanceof StatusError && error.reason === reason;

// --- field errors -----------------------------------------------------------------------------------------------

export type FieldErrorType =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTypeInvalid'
  | 'InternalError';

/** Steps from the object's root: `['spec', 'containers', 0, 'image']`; a map key is `{ key }`. */
export type FieldPath = readonly (string | number | { key: string })[];

/** One failed check. `message` is Go's `ErrorBody()`: `Required value: must be specified`, `Invalid value: "x": …`. */
export interface FieldError {
  type: FieldErrorType;
  field: string;
  message: string;
}

/** `spec.containers[0].resources.limits[cpu]`. */
export function formatPath(path: FieldPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (typeof step === 'object') text += `[${step.key}]`;
    else text += text ? `.${step}` : step;
  }
  return text;
}

const quote = (value: unknown): string => {
  if (value === undefined || value === null) return 'null';
  return typeof value === 'string' || typeof value === 'object' ? JSON.stringify(value) : String(value);
};

const withDetail = (head: string, detail: string): string => (detail ? `${head}: ${detail}` : head);

/** Field errors in the wording of apimachinery's field package. */
export const fieldError = {
  required: (path: FieldPath, detail = ''): FieldError => ({
    type: 'FieldValueRequired',
    field: formatPath(path),
    message: withDetail('Required value', detail),
  }),
  invalid: (path: FieldPath, value: unknown, detail: string): FieldError => ({
    type: 'FieldValueInvalid',
    field: formatPath(path),
    message: withDetail(`Invalid value: ${quote(value)}`, detail),
  }),
  typeInvalid: (path: FieldPath, value: unknown, detail: string): FieldError => ({
    type: 'FieldValueTypeInvalid',
    field: formatPath(path),
    message: withDetail(`Invalid value: ${quote(value)}`, detail),
  }),
  notSupported: (path: FieldPath, value: unknown, supported: readonly string[]): FieldError => ({
    type: 'FieldValueNotSupported',
    field: formatPath(path),
    message: `Unsupported value: ${quote(value)}: supported values: ${[...supported].map((v) => JSON.stringify(v)).join(', ')}`,
  }),
  forbidden: (path: FieldPath, detail: string): FieldError => ({
    type: 'FieldValueForbidden',
    field: formatPath(path),
    message: withDetail('Forbidden', detail),
  }),
  duplicate: (path: FieldPath, value: unknown): FieldError => ({
    type: 'FieldValueDuplicate',
    field: formatPath(path),
    message: `Duplicate value: ${quote(value)}`,
  }),
  notFound: (path: FieldPath, value: unknown): FieldError => ({
    type: 'FieldValueNotFound',
    field: formatPath(path),
    message: `Not found: ${quote(value)}`,
  }),
  tooLong: (path: FieldPath, maxBytes: number): FieldError => ({
    type: 'FieldValueTooLong',
    field: formatPath(path),
    message: `Too long: may not be more than ${maxBytes} bytes`,
  }),
  tooMany: (path: FieldPath, actual: number, max: number): FieldError => ({
    type: 'FieldValueTooMany',
    field: formatPath(path),
    message: `Too many: ${actual}: must have at most ${max} items`,
  }),
  internal: (path: FieldPath, detail: string): FieldError => ({
    type: 'InternalError',
    field: formatPath(path),
    message: `Internal error: ${detail}`,
  }),
};

// --- constructors -----------------------------------------------------------------------------------------------

const detailsOf = (of: Qualified, name: string): StatusDetails => ({
  ...(name && { name }),
  ...(of.group && { group: of.group }),
  ...(of.resource && { kind: of.resource }),
});

/** Constructors named as upstream's `errors.NewX`. `of.resource` is the plural resource, or the kind for `invalid`. */
export const apiError = {
  notFound: (of: Qualified, name: string) =>
    new StatusError('NotFound', `${qualified(of)} "${name}" not found`, detailsOf(of, name)),
  alreadyExists: (of: Qualified, name: string) =>
    new StatusError('AlreadyExists', `${qualified(of)} "${name}" already exists`, detailsOf(of, name)),
  generateNameConflict: (of: Qualified, name: string) =>
    new StatusError(
      'AlreadyExists',
      `${qualified(of)} "${name}" already exists, the server was not able to generate a unique name for the object`,
      { ...detailsOf(of, name), retryAfterSeconds: 1 },
    ),
  conflict: (of: Qualified, name: string, message: string) =>
    new StatusError(
      'Conflict',
      `Operation cannot be fulfilled on ${qualified(of)} "${name}": ${message}`,
      detailsOf(of, name),
    ),
  /** Conflict of a stale resourceVersion. */
  modified: (of: Qualified, name: string) =>
    apiError.conflict(
      of,
      name,
      'the object has been modified; please apply your changes to the latest version and try again',
    ),
  invalid: (kind: Qualified, name: string, errors: readonly FieldError[]) => {
    const texts = [...new Set(errors.map((e) => (e.field ? `${e.field}: ${e.message}` : e.message)))];
    const body = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
    return new StatusError('Invalid', `${qualified(kind)} "${name}" is invalid${texts.length ? `: ${body}` : ''}`, {
      ...detailsOf(kind, name),
      causes: errors.map((e) => ({ reason: e.type, message: e.message, field: e.field })),
    });
  },
  badRequest: (message: string) => new StatusError('BadRequest', message),
  unauthorized: (message = 'Unauthorized') => new StatusError('Unauthorized', message),
  forbidden: (of: Qualified, name: string, message: string) =>
    new StatusError(
      'Forbidden',
      `${qualified(of)}${name ? ` "${name}"` : ''} is forbidden: ${message}`,
      detailsOf(of, name),
    ),
  methodNotSupported: (of: Qualified, action: string) =>
    new StatusError(
      'MethodNotAllowed',
      `${action} is not supported on resources of kind "${qualified(of)}"`,
      detailsOf(of, ''),
    ),
  /** The HTTP method has no handler on an existing path. */
  methodNotAllowed: () =>
    new StatusError('MethodNotAllowed', 'the server does not allow this method on the requested resource', {}),
  unknownPath: () => new StatusError('NotFound', 'the server could not find the requested resource', {}),
  notAcceptable: (accepted: readonly string[]) =>
    new StatusError('NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`),
  unsupportedMediaType: (supported: readonly string[]) =>
    new StatusError(
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${supported.join(', ')}`,
    ),
  requestEntityTooLarge: (message: string) =>
    new StatusError('RequestEntityTooLarge', `Request entity is too large: ${message}`),
  tooManyRequests: (message: string, retryAfterSeconds: number) =>
    new StatusError('TooManyRequests', message, { retryAfterSeconds }),
  /** 410 for a watch or list at a forgotten revision. */
  expired: (message: string) => new StatusError('Expired', message),
  timeout: (message: string, retryAfterSeconds: number) =>
    new StatusError('Timeout', `Timeout: ${message}`, { retryAfterSeconds }),
  tooLargeResourceVersion: (requested: number, current: number) =>
    new StatusError('Timeout', `Timeout: Too large resource version: ${requested}, current: ${current}`, {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    }),
  serverTimeout: (of: Qualified, operation: string, retryAfterSeconds: number) =>
    new StatusError(
      'ServerTimeout',
      `The ${operation} operation against ${qualified(of)} could not be completed at this time, please try again.`,
      {
        ...detailsOf(of, operation),
        retryAfterSeconds,
      },
    ),
  serviceUnavailable: (message: string) => new StatusError('ServiceUnavailable', message),
  internal: (message: string) =>
    new StatusError('InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] }),
};
