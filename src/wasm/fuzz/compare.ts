/** Holds a codec against the reference, and says where they differ. */
import { type Codec, CodecError, type DecodeOptions, type MessageName, referenceCodec } from '../../schema/index.ts';

type Outcome<T> = { value: T } | { error: CodecError };

function outcome<T>(run: () => T): Outcome<T> {
  try {
    return { value: run() };
  } catch (error) {
    if (error instanceof CodecError) return { error };
    throw error;
  }
}

/** Undefined when both accept the JSON and make the same of it, in both directions, or both refuse it. */
export function differenceInJson(
  codec: Codec,
  message: MessageName,
  json: Uint8Array,
  options: DecodeOptions,
): string | undefined {
  const actual = outcome(() => codec.fromJson(message, json, options));
  const expected = outcome(() => referenceCodec.fromJson(message, json, options));
  const refusal = differenceInRefusal(actual, expected);
  if (refusal || 'error' in actual || 'error' in expected) return refusal;
  if (!same(actual.value.bytes, expected.value.bytes)) {
    return `fromJson: ${hex(actual.value.bytes)} instead of ${hex(expected.value.bytes)}`;
  }
  const found = ({ apiVersion, kind, problems }: typeof actual.value): string =>
    JSON.stringify([apiVersion ?? '', kind ?? '', problems]);
  if (found(actual.value) !== found(expected.value)) {
    return `fromJson found ${found(actual.value)} instead of ${found(expected.value)}`;
  }
  const { bytes } = actual.value;
  const again = codec.fromProto(message, bytes, options).bytes;
  if (!same(again, bytes)) return `fromProto changed ${hex(bytes)} to ${hex(again)}`;
  return differenceInPrint(codec, message, bytes, options);
}

/**
 * The same for protobuf from anywhere. What is accepted must be what the reference makes of it, with one exception:
 * where a scalar comes twice only the last is looked at, so that more may be accepted. Then the reference must take the
 * result for the same.
 */
export function differenceInProto(
  codec: Codec,
  message: MessageName,
  proto: Uint8Array,
  options: DecodeOptions,
): string | undefined {
  const actual = outcome(() => codec.fromProto(message, proto, options).bytes);
  const accepted = outcome(() => referenceCodec.fromProto(message, proto, options).bytes);
  if ('error' in actual) return 'value' in accepted ? `fromProto: ${differenceInRefusal(actual, accepted)}` : undefined;
  const reread = outcome(() => referenceCodec.fromProto(message, actual.value, options).bytes);
  if ('error' in reread) return `fromProto: ${differenceInRefusal(actual, reread)}`;
  const expected = 'value' in accepted ? accepted.value : reread.value;
  if (!same(reread.value, expected)) return `fromProto: ${hex(actual.value)} instead of ${hex(expected)}`;
  return differenceInPrint(codec, message, expected, options);
}

function differenceInPrint(
  codec: Codec,
  message: MessageName,
  proto: Uint8Array,
  options: DecodeOptions,
): string | undefined {
  const printed = outcome(() => Buffer.from(codec.toJson(message, proto, options.gvk)).toString());
  const wanted = outcome(() => Buffer.from(referenceCodec.toJson(message, proto, options.gvk)).toString());
  const unprinted = differenceInRefusal(printed, wanted);
  if (unprinted) return `toJson: ${unprinted}`;
  if ('value' in printed && 'value' in wanted && printed.value !== wanted.value) {
    return `toJson: ${printed.value}\ninstead of ${wanted.value}`;
  }
  return undefined;
}

function differenceInRefusal(actual: Outcome<unknown>, expected: Outcome<unknown>): string | undefined {
  if ('error' in actual && !('error' in expected)) return `refused (${actual.error.message}, ${actual.error.path})`;
  if ('error' in expected && !('error' in actual)) return `accepted what should be: ${expected.error.message}`;
  return undefined;
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
