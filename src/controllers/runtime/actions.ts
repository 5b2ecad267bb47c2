import type { Client, ResourceRef } from '../../client/types.ts';
import { isReason, StatusError } from '../../kernel/index.ts';
import type { KubeObject } from '../../schema/object.ts';

/** What a plan asks for. */
export type Action =
  | { do: 'create'; ref: ResourceRef; object: KubeObject }
  | { do: 'update'; ref: ResourceRef; object: KubeObject; subresource?: string }
  | { do: 'delete'; ref: ResourceRef; object: KubeObject };

/** Carries out what a plan asks for, in order. */
export async function carryOut(client: Client, actions: readonly Action[]): Promise<void> {
  for (const action of actions) {
    const { ref, object } = action;
    const { name = '', namespace, uid } = object.metadata;
    const scope = namespace ? { namespace } : {};
    switch (action.do) {
      case 'create':
        await client.create(ref, object, scope);
        break;
      case 'update':
        await client.update(ref, object, action.subresource ? { subresource: action.subresource } : {});
        break;
      case 'delete':
        await client.delete(ref, name, { ...scope, ...(uid && { preconditions: { uid } }) });
    }
  }
}

/** The object, or undefined when there is none. */
export async function find<T extends KubeObject>(
  client: Client,
  ref: ResourceRef,
  name: string,
  namespace?: string,
): Promise<T | undefined> {
  try {
    return await client.get<T>(ref, name, namespace);
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** True when a create failed because its namespace is going away. */
export const namespaceIsTerminating = (error: unknown): boolean =>
  error instanceof StatusError &&
  (error.status.details?.causes ?? []).some(({ reason }) => reason === 'NamespaceTerminating');
