import type { ObjectFieldSelector, Pod } from '../../schema/generated/index.ts';
import { metadataField, splitSubscript } from '../volumes/index.ts';

/** What is known of a pod that its object does not say yet. */
export interface PodFacts {
  podIPs: readonly string[];
  hostIPs: readonly string[];
}

const metadataFields = new Set([
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
]);

/** A field of the pod for an environment variable. Throws with upstream's texts. */
export function podField(pod: Pod, { apiVersion = 'v1', fieldPath }: ObjectFieldSelector, facts: PodFacts): string {
  if (apiVersion !== 'v1') throw new Error(`unsupported pod version: ${apiVersion}`);
  const podIPs = sortLike(facts.podIPs, facts.hostIPs[0]);
  switch (fieldPath) {
    case 'spec.nodeName':
    case 'spec.host':
      return pod.spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? '';
    case 'status.hostIP':
      return facts.hostIPs[0] ?? '';
    case 'status.hostIPs':
      return facts.hostIPs.join(',');
    case 'status.podIP':
      return podIPs[0] ?? '';
    case 'status.podIPs':
      return podIPs.join(',');
  }
  assertSupported(fieldPath);
  return metadataField(pod, fieldPath);
}

function assertSupported(fieldPath: string): void {
  const subscripted = splitSubscript(fieldPath);
  if (!subscripted) {
    if (!metadataFields.has(fieldPath)) throw new Error(`field label not supported: ${fieldPath}`);
  } else if (subscripted.path !== 'metadata.annotations' && subscripted.path !== 'metadata.labels') {
    throw new Error(`field label does not support subscript: ${fieldPath}`);
  }
}

/** Addresses of the node's first family go first. */
export function sortLike(addresses: readonly string[], first = ''): string[] {
  const isV6 = (address: string): boolean => address.includes(':');
  return [...addresses].sort((a, b) => Number(isV6(a) !== isV6(first)) - Number(isV6(b) !== isV6(first)));
}
