import type { Client, ResourceRef } from '../../client/types.ts';
import { formatTime } from '../../kernel/index.ts';
import type { KubeObject, OwnerReference } from '../../schema/object.ts';
import type { Identity } from './types.ts';

const events: ResourceRef = { group: '', version: 'v1', resource: 'events' };
/** Events about cluster-scoped objects are kept here. */
const namespace = 'default';

/** Tells that a cluster-scoped object refers to an owner that can only be in a namespace. */
export async function reportMisplaced(
  client: Client,
  { ref, name, uid }: Identity,
  owner: OwnerReference,
  nowMs: number,
): Promise<void> {
  const now = formatTime(nowMs);
  const event = {
    metadata: { name: `${name}.${(BigInt(nowMs) * 1_000_000n).toString(16)}`, namespace },
    involvedObject: { apiVersion: ref.group ? `${ref.group}/${ref.version}` : ref.version, name, uid },
    type: 'Warning',
    reason: 'OwnerRefInvalidNamespace',
    message: `ownerRef [${owner.apiVersion}/${owner.kind}, namespace: , name: ${owner.name}, uid: ${owner.uid}] does not exist in namespace ""`,
    source: { component: 'garbage-collector-controller' },
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  };
  await client.create(events, event as KubeObject, { namespace });
}
