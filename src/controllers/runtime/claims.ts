/** Who controls what: owners adopt orphans that they select and let go of what they select no longer. */
import type { Client, ResourceRef } from '../../client/types.ts';
import { isReason } from '../../kernel/index.ts';
import type { KubeObject, ObjectMeta } from '../../schema/object.ts';
import { find } from './actions.ts';
import { controllerRefOf, controllerRefTo, keyOf } from './keys.ts';
import type { SelectorIndex } from './selector-index.ts';

export interface Claim<T> {
  owned: T[];
  adopt: T[];
  release: T[];
}

/** Plans whom `owner` controls among `candidates` of its namespace. An owner that is being deleted changes nothing. */
export function claim<T extends KubeObject>(
  owner: ObjectMeta,
  candidates: readonly T[],
  selects: (candidate: T) => boolean,
): Claim<T> {
  const result: Claim<T> = { owned: [], adopt: [], release: [] };
  for (const candidate of candidates) {
    const controller = controllerRefOf(candidate.metadata);
    if (controller && controller.uid !== owner.uid) continue;
    const matches = selects(candidate);
    if (controller && matches) result.owned.push(candidate);
    else if (owner.deletionTimestamp) continue;
    else if (controller) result.release.push(candidate);
    else if (matches && !candidate.metadata.deletionTimestamp) result.adopt.push(candidate);
  }
  return result;
}

/** The key of the owner of this kind that controls the object. */
export function ownerKeyOf(metadata: ObjectMeta, kind: string): string | undefined {
  const { namespace = '' } = metadata;
  const controller = controllerRefOf(metadata);
  return controller?.kind === kind ? keyOf({ namespace, name: controller.name }) : undefined;
}

/** The keys of those that may adopt the object. */
export const adoptersOf = (metadata: ObjectMeta, selectors: SelectorIndex): string[] =>
  controllerRefOf(metadata) ? [] : selectors.selecting(metadata.namespace ?? '', metadata.labels);

/** What kind of object claims what kind. */
export interface ClaimKind {
  owner: { ref: ResourceRef; apiVersion: string; kind: string };
  dependents: ResourceRef;
}

/** Carries out a claim. Returns what the owner controls then. */
export async function takeClaims<T extends KubeObject>(
  client: Client,
  kind: ClaimKind,
  owner: ObjectMeta,
  { owned, adopt, release }: Claim<T>,
): Promise<T[]> {
  if (adopt.length) await checkMayAdopt(client, kind, owner);
  const adopted: T[] = [];
  const failures: unknown[] = [];
  const attempt = async (dependent: T, reference: object, done: () => void): Promise<void> => {
    const { name = '', namespace = '', uid = '' } = dependent.metadata;
    const body = { metadata: { uid, ownerReferences: [reference] } };
    try {
      await client.patch(kind.dependents, name, 'application/strategic-merge-patch+json', body, { namespace });
      done();
    } catch (error) {
      if (!isReason(error, 'NotFound')) failures.push(error);
    }
  };
  for (const each of adopt) await attempt(each, controllerRefTo(kind.owner, owner), () => adopted.push(each));
  for (const each of release) {
    await attempt(each, { $patch: 'delete', uid: owner.uid }, () => {});
    // Another object of that name, or one that has no such owner any more.
    if (isReason(failures.at(-1), 'Invalid')) failures.pop();
  }
  if (failures.length) throw failures[0];
  return [...owned, ...adopted];
}

/** The owner may have been deleted, and its orphans meant to stay so, since it was read. */
async function checkMayAdopt(client: Client, { owner: { ref, kind } }: ClaimKind, owner: ObjectMeta): Promise<void> {
  const { namespace = '', name = '', uid } = owner;
  const fresh = await find<KubeObject>(client, ref, name, namespace);
  if (fresh?.metadata.uid !== uid) throw new Error(`original ${kind} ${namespace}/${name} is gone`);
  const { deletionTimestamp } = fresh?.metadata ?? {};
  if (deletionTimestamp) throw new Error(`${namespace}/${name} has just been deleted at ${deletionTimestamp}`);
}
