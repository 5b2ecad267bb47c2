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

/** Equality of JSON values; member order does not matter, an absent member equals undefined. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => sameJson(item, b[index]));
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  for (const key of keys) if (!sameJson(left[key], right[key])) return false;
  return true;
}
