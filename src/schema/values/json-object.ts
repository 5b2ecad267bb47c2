import type { KubeObject } from '../object.ts';

/** What Node's JSON has beyond the ES2024 typings: the source of a number, and values that print as given. */
interface SourceAwareJson {
  parse(
    text: string,
    reviver: (this: unknown, key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
}

const sourceAware = JSON as unknown as SourceAwareJson;
const longDigitRun = /[0-9]{16}/;
const integer = /^-?[0-9]+$/;

/**
 * JSON text → object. Integers that a double cannot hold become bigint, so that int64 values survive; everything else is
 * as JSON.parse makes it. Throws SyntaxError.
 */
export function parseJsonObject<T = KubeObject>(input: Uint8Array | string): T {
  const text = typeof input === 'string' ? input : Buffer.from(input.buffer, input.byteOffset, input.length).toString();
  if (!longDigitRun.test(text)) return JSON.parse(text) as T;
  return sourceAware.parse(text, (_key, value, context) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value) || context.source === undefined) return value;
    return integer.test(context.source) ? BigInt(context.source) : value;
  }) as T;
}

/** Object → JSON text, bigints as plain integers. Not HTML-escaped: for codecs and peers, not for comparing with Go's. */
export function stringifyObject(object: unknown): string {
  try {
    return JSON.stringify(object);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return JSON.stringify(object, (_key, value: unknown) =>
      typeof value === 'bigint' ? sourceAware.rawJSON(String(value)) : value,
    );
  }
}
