import type { KubeObject } from '../../schema/object.ts';

/**
 * A kind as a client may send it: any field may be missing, and any string may stand where an enumeration is meant.
 * Hooks see objects before validation has vouched for them, so they are typed like this; everybody else gets the
 * generated typings.
 */
export type Unchecked<T> = unknown extends T
  ? unknown
  : T extends string
    ? string
    : T extends readonly (infer Item)[]
      ? Unchecked<Item>[]
      : T extends KubeObject
        ? KubeObject & { [Key in Exclude<keyof T, keyof KubeObject>]?: Unchecked<T[Key]> }
        : T extends object
          ? 'ownerReferences' extends keyof T
            ? T
            : string extends keyof T
              ? Record<string, Unchecked<T[keyof T]>>
              : { [Key in keyof T]?: Unchecked<T[Key]> }
          : T;
