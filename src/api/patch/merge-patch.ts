/** RFC 7386 as upstream applies it. */
import { apiError } from '../../kernel/index.ts';
import { jsonKind } from './go-values.ts';
import { isMap, type JsonMap, own, setOwn } from './json.ts';

/**
 * Merges `patch` (the parsed body) into `object`, which is not changed; what the patch does not touch is shared. Throws
 * StatusError 400 when the patch is not an object.
 */
export function mergePatch<T extends object>(object: T, patch: unknown): T {
  if (patch === null) throw apiError.badRequest('Invalid JSON Patch');
  if (!isMap(patch)) {
    throw apiError.badRequest(
      `error decoding patch: json: cannot unmarshal ${jsonKind(patch)} into Go value of type map[string]interface {}`,
    );
  }
  return mergeMaps(object as unknown as JsonMap, patch) as T;
}

function mergeMaps(object: JsonMap, patch: JsonMap): JsonMap {
  const result: Record<string, unknown> = { ...object };
  for (const name of Object.keys(patch)) {
    const value = patch[name];
    if (value === null) {
      delete result[name];
      continue;
    }
    const current = own(object, name);
    if (current === undefined || current === null || !isMap(current)) setOwn(result, name, withoutNulls(value));
    else setOwn(result, name, isMap(value) ? mergeMaps(current, value) : value);
  }
  return result;
}

/** Drops null members at any depth, inside lists too; null list items stay. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isMap(value)) return value;
  const result: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    if (value[name] !== null) setOwn(result, name, withoutNulls(value[name]));
  }
  return result;
}
