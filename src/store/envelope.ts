/**
 * The form of a stored value: `k8s\0`, then runtime.Unknown {typeMeta = 1 {apiVersion = 1, kind = 2}, raw = 2,
 * contentEncoding = 3, contentType = 4}, as apimachinery's protobuf serializer writes it.
 */

const magic = Uint8Array.of(0x6b, 0x38, 0x73, 0x00);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface Envelope {
  apiVersion: string;
  kind: string;
  raw: Uint8Array;
}

const heads = new WeakMap<object, Uint8Array>();

/** Puts a bare message into its envelope. */
export function seal(gvk: { apiVersion: string; kind: string }, raw: Uint8Array): Uint8Array {
  let head = heads.get(gvk);
  if (!head) {
    const typeMeta = [...field(1, encoder.encode(gvk.apiVersion)), ...field(2, encoder.encode(gvk.kind))];
    head = Uint8Array.of(...magic, ...field(1, typeMeta), 0x12);
    heads.set(gvk, head);
  }
  const length = varint(raw.length);
  const sealed = new Uint8Array(head.length + length.length + raw.length + 4);
  sealed.set(head);
  sealed.set(length, head.length);
  sealed.set(raw, head.length + length.length);
  sealed.set([0x1a, 0, 0x22, 0], sealed.length - 4);
  return sealed;
}

/** Takes a value apart. Undefined when it is no protobuf envelope (JSON of a custom resource, an encrypted value). */
export function open(value: Uint8Array): Envelope | undefined {
  if (magic.some((byte, i) => value[i] !== byte)) return undefined;
  let raw: Uint8Array = new Uint8Array();
  let typeMeta: Uint8Array = raw;
  for (const [tag, content] of fields(value.subarray(magic.length))) {
    if (tag === 1) typeMeta = content;
    else if (tag === 2) raw = content;
  }
  const envelope: Envelope = { apiVersion: '', kind: '', raw };
  for (const [tag, content] of fields(typeMeta)) {
    if (tag === 1) envelope.apiVersion = decoder.decode(content);
    else if (tag === 2) envelope.kind = decoder.decode(content);
  }
  return envelope;
}

const field = (tag: number, content: ArrayLike<number>): number[] => [
  (tag << 3) | 2,
  ...varint(content.length),
  ...Array.from(content),
];

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}

/** The length-delimited fields of a message that has no others. */
function* fields(bytes: Uint8Array): Generator<[tag: number, content: Uint8Array]> {
  for (let at = 0; at < bytes.length; ) {
    const key = bytes[at++]!;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 28) throw new Error('envelope: truncated length');
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    if ((key & 7) !== 2 || at + length > bytes.length) throw new Error('envelope: malformed field');
    yield [key >> 3, bytes.subarray(at, at + length)];
    at += length;
  }
}
