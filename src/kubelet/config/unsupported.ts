import type { Node, Pod } from '../../schema/generated/index.ts';
import type { Machine } from './machine.ts';

/**
 * Throws when the pod wants what a runtime would silently leave out: better no pod than one that is less confined than
 * it says. Texts as upstream's.
 */
export async function assertSupported(
  { spec }: Pod,
  { hasAppArmor }: Pick<Machine, 'hasAppArmor'>,
  node: () => Promise<Node>,
): Promise<void> {
  if (spec.hostUsers === false) {
    throw new Error("can't set `spec.hostUsers: false`, runtime does not support user namespaces");
  }
  const containers = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
  const ofPod = spec.securityContext?.appArmorProfile;
  const profiles = containers.map(({ securityContext }) => securityContext?.appArmorProfile ?? ofPod);
  if (!hasAppArmor && profiles.some((profile) => profile && profile.type !== 'Unconfined')) {
    throw new Error('Cannot enforce AppArmor: AppArmor is not enabled on the host');
  }
  if (spec.securityContext?.supplementalGroupsPolicy !== 'Strict') return;
  if ((await node()).status?.features?.supplementalGroupsPolicy) return;
  throw new Error('SupplementalGroupsPolicy=Strict is not supported in this node');
}
