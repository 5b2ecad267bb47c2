/** What garbage collection wants next (API concept "Garbage Collection"), from metadata alone. */
import type { ResourceRef } from '../../client/types.ts';
import type { ObjectMeta, OwnerReference } from '../../schema/object.ts';
import type { Change, Dependent, Identity, OwnerKind } from './types.ts';

export const orphanFinalizer = 'orphan';
export const foregroundFinalizer = 'foregroundDeletion';

/**
 * Of one owner reference. `solid`: the owner is there. `dangling`: it is not, or is another object of that name.
 * `waiting`: it is being deleted and waits for its dependents. `unknown`: no such kind is served. `misplaced`: a
 * cluster-scoped object cannot have a namespaced owner. Nothing is done for an object with one of the last two.
 */
export type OwnerState = 'solid' | 'dangling' | 'waiting' | 'unknown' | 'misplaced';

export type Task =
  /** See what the state of the object asks for. */
  | { do: 'look'; at: Identity }
  /** A dependent does not hold up this owner any longer: perhaps it was the last one. */
  | { do: 'finish'; at: Identity }
  /** The owner with this UID is gone. */
  | { do: 'collect'; owner: string };

export type Propagation = 'Orphan' | 'Background' | 'Foreground';

export type Step =
  | { do: 'keep' }
  /** Owners that are gone or going are struck off: others stay. */
  | { do: 'release'; owners: readonly string[] }
  /** `unblock`: first let go of owners that wait for the object, which would otherwise wait for each other. */
  | { do: 'delete'; policy: Propagation; unblock: boolean };

/** What an object that is being deleted waits for. */
export function waitsFor(metadata: ObjectMeta | undefined): 'orphaning' | 'dependents' | undefined {
  if (!metadata?.deletionTimestamp) return undefined;
  if (metadata.finalizers?.includes(orphanFinalizer)) return 'orphaning';
  return metadata.finalizers?.includes(foregroundFinalizer) ? 'dependents' : undefined;
}

/** Where the owner must be that an object in `namespace` refers to. */
export function placeOf(
  { apiVersion, kind, name, uid }: OwnerReference,
  namespace: string,
  kindOf: (apiVersion: string, kind: string) => OwnerKind | undefined,
): Identity | 'unknown' | 'misplaced' {
  const owner = kindOf(apiVersion, kind);
  if (!owner) return 'unknown';
  if (owner.namespaced && !namespace) return 'misplaced';
  return { ref: owner.ref, namespace: owner.namespaced ? namespace : '', name, uid };
}

/** `owner` is what is found where the reference points. */
export function stateOf(reference: OwnerReference, owner: ObjectMeta | undefined): OwnerState {
  if (owner?.uid !== reference.uid) return 'dangling';
  return owner.deletionTimestamp && owner.finalizers?.includes(foregroundFinalizer) ? 'waiting' : 'solid';
}

/** Plans the fate of an object that has owners and is not being deleted. */
export function planOwned(
  { finalizers = [] }: ObjectMeta,
  owners: readonly { uid: string; state: OwnerState }[],
  dependents: () => Iterable<Dependent>,
): Step {
  const has = (wanted: OwnerState): boolean => owners.some(({ state }) => state === wanted);
  if (owners.length === 0 || has('unknown') || has('misplaced')) return { do: 'keep' };
  if (has('solid')) {
    const lost = owners.filter(({ state }) => state !== 'solid').map(({ uid }) => uid);
    return lost.length ? { do: 'release', owners: lost } : { do: 'keep' };
  }
  if (has('waiting')) {
    let hasDependents = false;
    for (const { metadata } of dependents()) {
      hasDependents = true;
      if (waitsFor(metadata) === 'dependents') return { do: 'delete', policy: 'Foreground', unblock: true };
    }
    if (hasDependents) return { do: 'delete', policy: 'Foreground', unblock: false };
  }
  return { do: 'delete', policy: policyOf(finalizers), unblock: false };
}

/** A finalizer that is there already says how the object is to be deleted. */
function policyOf(finalizers: readonly string[]): Propagation {
  if (finalizers.includes(orphanFinalizer)) return 'Orphan';
  return finalizers.includes(foregroundFinalizer) ? 'Foreground' : 'Background';
}

/** What a change asks for: nothing, for nearly all. `stateAt` tells what is known of an owner. */
export function tasksOf(
  { ref, previous, current, deleted }: Change,
  kindOf: (apiVersion: string, kind: string) => OwnerKind | undefined,
  stateAt: (reference: OwnerReference, namespace: string) => OwnerState,
): Task[] {
  const { namespace = '', ownerReferences = [], deletionTimestamp } = current;
  const self = identityOf(ref, current);
  const unblocked = deleted ? ownerReferences : noLongerBlocking(previous, current);
  const tasks: Task[] = unblocked
    .filter((reference) => stateAt(reference, namespace) === 'waiting')
    .map((reference) => placeOf(reference, namespace, kindOf))
    .filter((at) => typeof at === 'object')
    .map((at) => ({ do: 'finish', at }));
  if (deleted) return deleted === 'owner' ? [{ do: 'collect', owner: self.uid }, ...tasks] : tasks;

  const waits = waitsFor(current);
  const isNewlyWaiting = waits !== undefined && waits !== waitsFor(previous);
  const isInDoubt =
    !deletionTimestamp &&
    hasOtherOwners(previous, current) &&
    ownerReferences.some((reference) => stateAt(reference, namespace) !== 'solid');
  if (isNewlyWaiting || isInDoubt) tasks.push({ do: 'look', at: self });
  return tasks;
}

const hasOtherOwners = (previous: ObjectMeta | undefined, { ownerReferences = [] }: ObjectMeta): boolean =>
  ownerReferences.some((reference) => !previous?.ownerReferences?.some((known) => isSameOwner(known, reference)));

const isSameOwner = (a: OwnerReference, b: OwnerReference): boolean =>
  a.uid === b.uid && a.name === b.name && a.kind === b.kind && a.apiVersion === b.apiVersion;

const noLongerBlocking = (previous: ObjectMeta | undefined, current: ObjectMeta): OwnerReference[] =>
  (previous?.ownerReferences ?? []).filter(
    ({ uid, blockOwnerDeletion }) =>
      blockOwnerDeletion && !current.ownerReferences?.some((each) => each.uid === uid && each.blockOwnerDeletion),
  );

/** True when the owner must stay as long as the dependent does. Nobody waits for itself or for what is owned in error. */
export function blocks(
  { metadata }: Dependent,
  owner: Identity,
  kindOf: (apiVersion: string, kind: string) => OwnerKind | undefined,
): boolean {
  if (metadata.uid === owner.uid) return false;
  return (metadata.ownerReferences ?? []).some((reference) => {
    if (reference.uid !== owner.uid || !reference.blockOwnerDeletion) return false;
    const place = placeOf(reference, metadata.namespace ?? '', kindOf);
    return typeof place === 'object' && isSamePlace(place, owner);
  });
}

const isSamePlace = (a: Identity, b: Identity): boolean =>
  a.ref.group === b.ref.group && a.ref.resource === b.ref.resource && a.namespace === b.namespace && a.name === b.name;

export const identityOf = (
  { group, version, resource }: ResourceRef,
  { namespace = '', name = '', uid = '' }: ObjectMeta,
): Identity => ({ ref: { group, version, resource }, namespace, name, uid });

export const withoutOwners = (references: readonly OwnerReference[], uids: readonly string[]): OwnerReference[] =>
  references.filter(({ uid }) => !uids.includes(uid));

export const unblocked = (references: readonly OwnerReference[]): OwnerReference[] =>
  references.map((reference) =>
    reference.blockOwnerDeletion ? { ...reference, blockOwnerDeletion: false } : reference,
  );
