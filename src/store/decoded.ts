import type { KubeObject } from '../schema/object.ts';

/** Decoded objects of the versions looked at last: frozen, shared, at most `limit` of them. */
export class DecodedObjects {
  readonly #limit: number;
  readonly #byHandle = new Map<number, KubeObject>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(handle: number): KubeObject | undefined {
    const object = this.#byHandle.get(handle);
    if (object) {
      this.#byHandle.delete(handle);
      this.#byHandle.set(handle, object);
    }
    return object;
  }

  /** Freezes `object` and keeps it for the version's handle. */
  set(handle: number, object: KubeObject): void {
    freeze(object);
    if (this.#limit === 0) return;
    if (this.#byHandle.size >= this.#limit) {
      for (const oldest of this.#byHandle.keys()) {
        this.#byHandle.delete(oldest);
        break;
      }
    }
    this.#byHandle.set(handle, object);
  }

  delete(handle: number): void {
    this.#byHandle.delete(handle);
  }
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const member of Object.values(value)) freeze(member);
}
