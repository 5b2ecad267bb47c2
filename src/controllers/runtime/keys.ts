import type { ObjectMeta, OwnerReference } from '../../schema/object.ts';

/** `namespace/name`, or the name alone for what has no namespace. */
export const keyOf = ({ namespace, name = '' }: ObjectMeta): string => (namespace ? `${namespace}/${name}` : name);

export function splitKey(key: string): { namespace: string; name: string } {
  const at = key.indexOf('/');
  return { namespace: at < 0 ? '' : key.slice(0, at), name: key.slice(at + 1) };
}

/** The owner that controls the object. */
export const controllerRefOf = ({ ownerReferences }: ObjectMeta): OwnerReference | undefined =>
  ownerReferences?.find(({ controller }) => controller);

/** Names `owner` as the one that controls. */
export const controllerRefTo = (
  { apiVersion, kind }: { apiVersion: string; kind: string },
  { name = '', uid = '' }: ObjectMeta,
): OwnerReference => ({ apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true });

/** Oldest first; by name where the second is the same. */
export const byAge = (a: { metadata: ObjectMeta }, b: { metadata: ObjectMeta }): number => {
  const older = Date.parse(a.metadata.creationTimestamp ?? '') - Date.parse(b.metadata.creationTimestamp ?? '');
  if (older) return older;
  return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;
};
