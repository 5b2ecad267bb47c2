import { nodes } from '../../client/index.ts';
import type { Client } from '../../client/types.ts';
import type { Node } from '../../schema/generated/index.ts';

/** What the node has to give. */
export async function allocatableOf(client: Client, nodeName: string): Promise<Readonly<Record<string, string>>> {
  try {
    return (await client.get<Node>(nodes, nodeName)).status?.allocatable ?? {};
  } catch (error) {
    throw new Error('failed to find node object, expected a node', { cause: error });
  }
}
