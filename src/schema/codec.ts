/**
 * What the codec promises, whichever implementation is behind it: the WASM module (`wasm/`), or the TypeScript
 * reference (`schema/reference-codec.ts`) that serves as its oracle.
 *
 * "Storage bytes" are the bare protobuf message of a kind, without the `k8s\0` envelope, in upstream's canonical form
 * (fields ascending, singular non-pointer fields always written, maps sorted by key). apiVersion and kind are not in
 * the message: they live in the envelope (runtime.Unknown) and in the ResourceDefinition.
 */

/** Name of a message in the field tables: `core/v1.Pod`. */
export type MessageName = string;

export interface DecodeOptions {
  /** Apply the table's constant defaults (conditional ones are the ResourceDefinition's `default`). */
  defaults: boolean;
  /** Expected type for messages in errors: `{apiVersion: 'v1', kind: 'Pod'}`. */
  gvk?: { apiVersion: string; kind: string };
}

/** A field that strict decoding refuses: text as upstream prints it. */
export interface FieldProblem {
  type: 'unknown' | 'duplicate';
  /** `spec.containers[0].foo` */
  path: string;
}

export interface Decoded {
  /** Storage bytes. A copy of its own: valid for ever. */
  bytes: Uint8Array;
  /** apiVersion and kind found in the input, when present. */
  apiVersion?: string;
  kind?: string;
  /** Unknown and duplicate fields, in order of appearance, at most 100. They are not in `bytes`. */
  problems: FieldProblem[];
}

/** Input that cannot be decoded at all: bad syntax, a wrong type, truncated protobuf, too deep nesting, bad UTF-8. */
export class CodecError extends Error {
  readonly kind: 'syntax' | 'type' | 'depth' | 'size' | 'utf8';
  /** Path of the offending field, when known. */
  readonly path: string;

  constructor(kind: CodecError['kind'], message: string, path = '') {
    super(message);
    this.name = 'CodecError';
    this.kind = kind;
    this.path = path;
  }
}

export interface Codec {
  /** JSON text of one object → storage bytes. Throws CodecError (message in Go's encoding/json wording). */
  fromJson(message: MessageName, json: Uint8Array, options: DecodeOptions): Decoded;
  /** Client protobuf (bare message) → storage bytes: validated, normalised, unknown tags dropped. Throws CodecError. */
  fromProto(message: MessageName, proto: Uint8Array, options: DecodeOptions): Decoded;
  /**
   * Storage bytes → compact JSON as Go's encoding/json prints it. With `gvk` the text begins `{"kind":…,"apiVersion":…`
   * (as for a single object), without it they are left out (as for an item of a typed list).
   */
  toJson(message: MessageName, bytes: Uint8Array, gvk?: { apiVersion: string; kind: string }): Uint8Array;
  /** A copy of `bytes` with metadata.resourceVersion set to `revision` ('' when 0). `metadata` is field 1 in all kinds. */
  stampRevision(bytes: Uint8Array, revision: number): Uint8Array;
}
