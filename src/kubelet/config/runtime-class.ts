import { runtimeClasses } from '../../client/index.ts';
import type { Client } from '../../client/types.ts';
import { isReason } from '../../kernel/index.ts';
import type { Pod, RuntimeClass } from '../../schema/generated/index.ts';
import { goQuote } from '../volumes/index.ts';

/** The runtime's handler that a pod wants; '' is the runtime's default. Throws with upstream's texts. */
export async function runtimeHandlerOf({ spec }: Pod, client: Client): Promise<string> {
  const name = spec.runtimeClassName;
  if (!name) return '';
  try {
    return (await client.get<RuntimeClass>(runtimeClasses, name)).handler;
  } catch (error) {
    if (isReason(error, 'NotFound'))
      throw new Error(`runtimeclass.node.k8s.io ${goQuote(name)} not found`, { cause: error });
    throw new Error(`failed to lookup RuntimeClass ${name}: ${String(error)}`, { cause: error });
  }
}
