/** What follows from a pod's specification about its containers. */
import type { Container, Pod, PodSpec } from '../../schema/generated/index.ts';
import type { ContainerKind, ObservedContainer, ObservedPod } from './types.ts';

export interface KnownContainer {
  kind: ContainerKind;
  container: Container;
}

/** In the order init, regular, ephemeral. */
export function containersOf(spec: PodSpec): KnownContainer[] {
  return [
    ...(spec.initContainers ?? []).map((container) => ({ kind: 'init' as const, container })),
    ...spec.containers.map((container) => ({ kind: 'regular' as const, container })),
    ...(spec.ephemeralContainers ?? []).map((container) => ({ kind: 'ephemeral' as const, container })),
  ];
}

export const findContainer = (spec: PodSpec, name: string): Container | undefined =>
  containersOf(spec).find(({ container }) => container.name === name)?.container;

/** An init container that keeps running beside the others. */
export const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';

export const isHostNetwork = (pod: Pod): boolean => pod.spec.hostNetwork === true;

/** The newest instance. */
export const newest = (observed: ObservedPod, name: string): ObservedContainer | undefined =>
  observed.containers.find((one) => one.name === name);

/** What the action of the first matching rule says; KEP-5307. */
export function restartRule(container: Container, exitCode: number): string | undefined {
  const rule = container.restartPolicyRules?.find(({ exitCodes }) => {
    if (!exitCodes) return false;
    const isListed = (exitCodes.values ?? []).includes(exitCode);
    return exitCodes.operator === 'In' ? isListed : exitCodes.operator === 'NotIn' && !isListed;
  });
  return rule?.action;
}

/** Whether a container that ended with `exitCode` is started again. */
export function restartsAfter(container: Container, spec: PodSpec, exitCode: number): boolean {
  if (container.restartPolicy) {
    const action = restartRule(container, exitCode);
    if (action === 'Restart' || action === 'RestartAllContainers') return true;
    return byPolicy(container.restartPolicy, exitCode);
  }
  return byPolicy(spec.restartPolicy ?? 'Always', exitCode);
}

/** Whether a container that was killed for its probe, or was lost, is started again. */
export const restartsOnFailure = (container: Container, spec: PodSpec): boolean =>
  (container.restartPolicy ?? spec.restartPolicy) !== 'Never';

const byPolicy = (policy: string, exitCode: number): boolean =>
  policy === 'OnFailure' ? exitCode !== 0 : policy !== 'Never';

/** Whether the container wants starting, by its newest instance. */
export function shouldStart(pod: Pod, container: Container, seen: ObservedContainer | undefined): boolean {
  if (pod.metadata.deletionTimestamp) return false;
  if (!seen || seen.state === 'created' || seen.state === 'unknown') return true;
  return seen.state === 'exited' && restartsAfter(container, pod.spec, seen.exitCode);
}

/** `web_default(0b5e…)`, as in the kubelet's messages. */
export const podText = ({ metadata }: Pod): string => `${metadata.name}_${metadata.namespace}(${metadata.uid})`;
