import { StatusError } from '../../kernel/index.ts';

/** Upstream answers some errors as plain 500s: no reason, no details, the text alone. */
export function unknownServerError(message: string): StatusError {
  const error = new StatusError('InternalError', message);
  const { reason: _, ...status } = error.status;
  Object.assign(error, { status });
  return error;
}
