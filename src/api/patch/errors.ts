import { apiError, fieldError, StatusError } from '../../kernel/index.ts';

/** Upstream answers some errors as plain 500s: no reason, no details, the text alone. */
export function unknownServerError(message: string): StatusError {
  const error = new StatusError('InternalError', message);
  const { reason: _, ...status } = error.status;
  Object.assign(error, { status });
  return error;
}

/** 422 for a well-formed patch that cannot be applied. Upstream does not say why. */
export const cannotApply = (): StatusError =>
  new StatusError('Invalid', 'the server rejected our request due to an error in our request', {});

/** `strict decoding error: unknown field "spec.foo", duplicate field "spec.bar"`. */
export const strictDecodingText = (problems: readonly string[]): string =>
  `strict decoding error: ${problems.join(', ')}`;

/**
 * 422 for a patched object that cannot be decoded, or that strict decoding refuses. `patched` is the object's JSON (JSON
 * and merge patch) or the patch as Go prints it (strategic merge patch: `printPatch`).
 */
export function undecodablePatch(patched: string, detail: string): StatusError {
  const { message, details } = apiError.invalid({ group: '', resource: '' }, '', [
    fieldError.invalid(['patch'], patched, detail),
  ]).status;
  return new StatusError('Invalid', message!, { causes: details!.causes! });
}
