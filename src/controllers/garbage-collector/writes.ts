/** The collector's writes: each one holds for the object that was looked at only, and stands back from other writers. */
import { isDeepStrictEqual } from 'node:util';
import type { Client } from '../../client/types.ts';
import { isReason } from '../../kernel/index.ts';
import type { KubeObject, ObjectMeta, OwnerReference } from '../../schema/object.ts';
import { find } from '../runtime/index.ts';
import type { Propagation } from './plan.ts';
import type { Identity } from './types.ts';

const attempts = 5;

/** The object itself, as the API has it now: not another one of the same name. */
export async function findLive(
  client: Client,
  { ref, namespace, name, uid }: Identity,
): Promise<ObjectMeta | undefined> {
  const live = await find<KubeObject>(client, ref, name, namespace || undefined);
  return live?.metadata.uid === uid ? live.metadata : undefined;
}

/** Takes one finalizer off, whatever else is written meanwhile. */
export const removeFinalizer = (client: Client, at: Identity, finalizer: string): Promise<ObjectMeta | undefined> =>
  patchLive(client, at, ({ finalizers = [] }) =>
    finalizers.includes(finalizer) ? { finalizers: finalizers.filter((each) => each !== finalizer) } : undefined,
  );

/** Rewrites the owner references. */
export const changeOwners = (
  client: Client,
  at: Identity,
  change: (references: readonly OwnerReference[]) => OwnerReference[],
): Promise<ObjectMeta | undefined> =>
  patchLive(client, at, ({ ownerReferences = [] }) => {
    const next = change(ownerReferences);
    return isDeepStrictEqual(next, ownerReferences) ? undefined : { ownerReferences: next };
  });

/** Patches what `change` says, at the version that it was given. Returns the state after; undefined: it is gone. */
async function patchLive(
  client: Client,
  at: Identity,
  change: (metadata: ObjectMeta) => Partial<ObjectMeta> | undefined,
): Promise<ObjectMeta | undefined> {
  for (let attempt = 1; ; attempt++) {
    const live = await findLive(client, at);
    const fields = live && change(live);
    if (!fields) return live;
    const { uid, resourceVersion } = live;
    const body = { metadata: { ...fields, uid, resourceVersion } };
    const scope = at.namespace ? { namespace: at.namespace } : {};
    try {
      const { metadata } = await client.patch(at.ref, at.name, 'application/merge-patch+json', body, scope);
      return metadata;
    } catch (error) {
      if (isReason(error, 'NotFound')) return undefined;
      if (!isReason(error, 'Conflict') || attempt === attempts) throw error;
    }
  }
}

/** Deletes the version that was looked at; a later one too, if its owners are the same. */
export async function deleteLive(
  client: Client,
  at: Identity,
  { resourceVersion = '', ownerReferences }: ObjectMeta,
  policy: Propagation,
): Promise<void> {
  const { uid } = at;
  try {
    await deleteUnlessGone(client, at, policy, { uid, resourceVersion });
  } catch (error) {
    if (!isReason(error, 'Conflict')) throw error;
    const live = await findLive(client, at);
    if (!live) return;
    if (!isDeepStrictEqual(live.ownerReferences, ownerReferences)) throw error;
    await deleteUnlessGone(client, at, policy, { uid });
  }
}

async function deleteUnlessGone(
  client: Client,
  { ref, name, namespace }: Identity,
  propagationPolicy: Propagation,
  preconditions: { uid: string; resourceVersion?: string },
): Promise<void> {
  try {
    await client.delete(ref, name, { ...(namespace && { namespace }), propagationPolicy, preconditions });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}
