/** Objects and their storage bytes. */
import { type Codec, type KubeObject, type MessageName, parseJsonObject, stringifyObject } from '../schema/index.ts';
import { utf8 } from './negotiation/wire.ts';
import { setOwn } from './patch/json.ts';

export interface Gvk {
  apiVersion: string;
  kind: string;
}

/** A fresh, unshared object from storage bytes. */
export function decodeObject<T extends KubeObject>(codec: Codec, message: MessageName, bytes: Uint8Array, gvk: Gvk): T {
  return parseJsonObject<T>(codec.toJson(message, bytes, gvk));
}

/** Canonical storage bytes of an object; unknown fields are dropped. */
export function encodeObject(codec: Codec, message: MessageName, object: object): Uint8Array {
  return codec.fromJson(message, utf8(stringifyObject(object)), { defaults: false }).bytes;
}

/** A deep copy that may be changed. Objects are plain JSON. */
export const copyOf = <T>(value: T): T => structuredCloneJson(value) as T;

function structuredCloneJson(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(structuredCloneJson);
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) setOwn(copy, key, structuredCloneJson((value as Record<string, unknown>)[key]));
  return copy;
}
