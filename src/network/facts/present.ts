import type { Client, ListOptions, ResourceRef } from '../../client/types.ts';
import type { Logger } from '../../kernel/index.ts';
import type { KubeObject } from '../../schema/object.ts';

export const keyOf = ({ metadata: { namespace = '', name = '' } }: KubeObject): string => `${namespace}/${name}`;

/** Keys of what exists now: after a lost watch, deletions may have gone by. Undefined when it cannot be told. */
export async function presentKeys(
  { client, log }: { client: Client; log: Logger },
  ref: ResourceRef,
  selection: ListOptions = {},
): Promise<Set<string> | undefined> {
  try {
    const { items } = await client.list<KubeObject>(ref, selection);
    return new Set(items.map(keyOf));
  } catch (error) {
    log.warn('cannot tell what was deleted while a watch was lost', { resource: ref.resource, error: String(error) });
    return undefined;
  }
}
