import type { Container, Pod } from '../../schema/generated/index.ts';
import { runtimeAnnotations, runtimeLabels } from '../types.ts';

/**
 * Changes when a running container is out of date: with its name and image, which is all of it that matters and may
 * change in a pod. The kubelet's own hash (FNV-1a of the fields, as Go prints bytes), so that containers which a stock
 * kubelet started are kept.
 */
export function containerHash({ name, image = '' }: Pick<Container, 'name' | 'image'>): string {
  const bytes = [...Buffer.from(JSON.stringify({ image, name }))];
  return fnv32a(`([]uint8)[${bytes.join(' ')}]`).toString(16);
}

function fnv32a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** The pod's labels, and what it is found again by. */
export const sandboxLabels = (pod: Pod): Record<string, string> => ({ ...pod.metadata.labels, ...podLabels(pod) });

export const containerLabels = (pod: Pod, { name }: Container): Record<string, string> => ({
  ...podLabels(pod),
  [runtimeLabels.containerName]: name,
});

const podLabels = ({ metadata }: Pod): Record<string, string> => ({
  [runtimeLabels.podName]: metadata.name ?? '',
  [runtimeLabels.podNamespace]: metadata.namespace ?? '',
  [runtimeLabels.podUid]: metadata.uid ?? '',
});

/** What is needed of a container when its pod is gone from the API. */
export function containerAnnotations(
  { metadata, spec }: Pod,
  container: Container,
  restartCount: number,
): Record<string, string> {
  const { terminationMessagePath, terminationMessagePolicy, lifecycle, ports } = container;
  const source = metadata.annotations?.[runtimeAnnotations.configSource];
  const grace = spec.terminationGracePeriodSeconds;
  return {
    [runtimeAnnotations.hash]: containerHash(container),
    [runtimeAnnotations.restartCount]: String(restartCount),
    [runtimeAnnotations.terminationMessagePath]: terminationMessagePath ?? '',
    [runtimeAnnotations.terminationMessagePolicy]: terminationMessagePolicy ?? '',
    ...(grace !== undefined && { [runtimeAnnotations.podTerminationGracePeriod]: String(grace) }),
    ...(lifecycle?.preStop && { [runtimeAnnotations.preStopHandler]: JSON.stringify(lifecycle.preStop) }),
    ...(ports?.length && { 'io.kubernetes.container.ports': JSON.stringify(ports) }),
    ...(source !== undefined && { [runtimeAnnotations.configSource]: source }),
  };
}
