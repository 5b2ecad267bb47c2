import { join } from 'node:path';
import type { Pod } from '../../schema/generated/index.ts';
import type { DNSConfig, Init, LinuxSandboxSecurityContext, PodSandboxConfig } from '../cri/types.ts';
import { kernelName, podName } from './hostname.ts';
import { sandboxLabels } from './identity.ts';
import { sandboxResources } from './resources.ts';
import { podNamespaces, supplementalGroups } from './security.ts';
import { normalizeSysctl } from './sysctls.ts';

export interface SandboxFacts {
  attempt: number;
  clusterDomain: string;
  cgroupParent: string;
  logDirectory: string;
  dns: DNSConfig;
}

/** The folder of all logs of a pod. */
export const podLogFolder = (podLogs: string, { metadata }: Pod): string =>
  join(podLogs, `${metadata.namespace}_${metadata.name}_${metadata.uid}`);

/** A pod's sandbox for the runtime. Host ports are the service network's business. */
export function sandboxConfig(pod: Pod, facts: SandboxFacts): Init<PodSandboxConfig> {
  const { metadata, spec } = pod;
  const { resources, overhead } = sandboxResources(pod);
  return {
    metadata: {
      name: metadata.name ?? '',
      namespace: metadata.namespace ?? '',
      uid: metadata.uid ?? '',
      attempt: facts.attempt,
    },
    hostname: spec.hostNetwork ? '' : kernelName(podName(pod, facts.clusterDomain), spec.setHostnameAsFQDN),
    logDirectory: facts.logDirectory,
    dnsConfig: facts.dns,
    labels: sandboxLabels(pod),
    annotations: { ...metadata.annotations },
    linux: {
      cgroupParent: facts.cgroupParent,
      securityContext: sandboxSecurity(pod),
      sysctls: sysctlsOf(pod),
      resources,
      overhead,
    },
  };
}

function sandboxSecurity(pod: Pod): Init<LinuxSandboxSecurityContext> {
  const { runAsUser, runAsGroup, seLinuxOptions, supplementalGroupsPolicy } = pod.spec.securityContext ?? {};
  return {
    namespaceOptions: podNamespaces(pod),
    privileged: isPrivileged(pod),
    // Containers have their own profiles; that of the sandbox may be as strict as can be.
    seccomp: { profileType: 'RuntimeDefault' },
    supplementalGroups: supplementalGroups(pod),
    supplementalGroupsPolicy: supplementalGroupsPolicy ?? 'Merge',
    ...(runAsUser !== undefined && { runAsUser: { value: runAsUser } }),
    ...(runAsGroup !== undefined && { runAsGroup: { value: runAsGroup } }),
    ...(seLinuxOptions && { selinuxOptions: seLinuxOptions }),
  };
}

/** A runtime takes privileged containers only into privileged sandboxes. */
const isPrivileged = ({ spec }: Pod): boolean =>
  [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])].some(
    ({ securityContext }) => securityContext?.privileged,
  );

const sysctlsOf = ({ spec }: Pod): Record<string, string> =>
  Object.fromEntries((spec.securityContext?.sysctls ?? []).map(({ name, value }) => [normalizeSysctl(name), value]));
