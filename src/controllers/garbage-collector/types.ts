/** What the garbage collector must know of the cluster beside what a Client tells. */
import type { ResourceRef } from '../../client/types.ts';
import type { ObjectMeta } from '../../schema/object.ts';
import type { Following } from '../runtime/index.ts';

/** One object, not its name: another one of the same name has another UID. */
export interface Identity {
  ref: ResourceRef;
  /** '' for cluster-scoped objects. */
  namespace: string;
  name: string;
  uid: string;
}

/** An object that refers to an owner. */
export interface Dependent {
  ref: ResourceRef;
  metadata: ObjectMeta;
}

/** A resource as owner references name it, by apiVersion and kind. */
export interface OwnerKind {
  ref: ResourceRef;
  namespaced: boolean;
}

/** An object that has owners or finalizers, or had them, or is an owner and has gone. */
export interface Change {
  ref: ResourceRef;
  /** Absent for what was not there, or was not looked at, before. */
  previous?: ObjectMeta;
  current: ObjectMeta;
  /** Gone; `owner` when others depend on it. */
  deleted?: 'owner' | 'leaf';
}

/** Who owns whom, in all resources that can be deleted. In process the store's index answers. */
export interface Ownership {
  /** Objects with an owner of this UID. Read as far as needed; holds a snapshot until it is done. */
  dependentsOf(uid: string): Iterable<Dependent>;
  /** The resource behind a view, when a reference names the view. Undefined for unknown kinds. */
  kindOf(apiVersion: string, kind: string): OwnerKind | undefined;
  /** The newest state that is known. */
  peek(ref: ResourceRef, namespace: string, name: string): ObjectMeta | undefined;
  /** Tells of all there is, a slice at a time, and of every change. `changed` must not throw. */
  follow(changed: (change: Change) => void): Following;
}
