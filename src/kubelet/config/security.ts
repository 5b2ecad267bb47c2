import { join } from 'node:path';
import type { Container, Pod, SeccompProfile, SecurityContext } from '../../schema/generated/index.ts';
import type { Init, LinuxContainerSecurityContext, NamespaceOption, SecurityProfile } from '../cri/types.ts';
import { goQuote } from '../volumes/index.ts';

export interface ImageUser {
  uid?: number;
  username: string;
}

export interface SecurityFacts {
  /** Where `Localhost` seccomp profiles are. */
  seccompFolder: string;
  maskedPaths: readonly string[];
  /** Runtime id of the container whose processes an ephemeral container sees. */
  targetContainerId?: string | undefined;
}

const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** Masked everywhere; thermal throttling counters of each CPU come on top where they exist. */
export const commonMaskedPaths: readonly string[] = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];

/** What of the pod's security context holds for containers, with the container's own over it. */
export function effectiveSecurity({ spec }: Pod, container: Container): SecurityContext {
  const { runAsUser, runAsGroup, runAsNonRoot, seLinuxOptions } = spec.securityContext ?? {};
  const ofPod = { runAsUser, runAsGroup, runAsNonRoot, seLinuxOptions };
  const own = container.securityContext ?? {};
  return Object.fromEntries(
    Object.entries({ ...ofPod, ...own }).map(([key, value]) => [key, value ?? ofPod[key as keyof typeof ofPod]]),
  );
}

/** Throws with upstream's texts when the container must not, or cannot be shown not to, run as root. */
export function verifyNonRoot(pod: Pod, container: Container, image: ImageUser): void {
  const { runAsNonRoot, runAsUser } = effectiveSecurity(pod, container);
  if (!runAsNonRoot) return;
  const { name, namespace, uid } = pod.metadata;
  const where = `(pod: ${goQuote(`${name}_${namespace}(${uid})`)}, container: ${container.name})`;
  if (runAsUser !== undefined) {
    if (runAsUser === 0) throw new Error(`container's runAsUser breaks non-root policy ${where}`);
    return;
  }
  if (image.uid === undefined && image.username) {
    throw new Error(
      `container has runAsNonRoot and image has non-numeric user (${image.username}), cannot verify user is non-root ${where}`,
    );
  }
  if ((image.uid ?? 0) === 0) throw new Error(`container has runAsNonRoot and image will run as root ${where}`);
}

/** The container's security context for the runtime. Upstream: pkg/kubelet/kuberuntime/security_context.go. */
export function containerSecurity(
  pod: Pod,
  container: Container,
  image: ImageUser,
  facts: SecurityFacts,
): Init<LinuxContainerSecurityContext> {
  const security = effectiveSecurity(pod, container);
  const { capabilities, runAsGroup, procMount, seLinuxOptions } = security;
  const isUnmasked = procMount === 'Unmasked';
  const appArmor = container.securityContext?.appArmorProfile ?? pod.spec.securityContext?.appArmorProfile;
  return {
    ...runAs(security.runAsUser, image),
    ...(runAsGroup !== undefined && { runAsGroup: { value: runAsGroup } }),
    ...(capabilities && {
      capabilities: { addCapabilities: capabilities.add ?? [], dropCapabilities: capabilities.drop ?? [] },
    }),
    ...(seLinuxOptions && { selinuxOptions: seLinuxOptions }),
    ...(appArmor && { apparmor: localProfile(appArmor, (name) => name, 'missing localhost apparmor profile name') }),
    privileged: security.privileged ?? false,
    readonlyRootfs: security.readOnlyRootFilesystem ?? false,
    noNewPrivs: security.allowPrivilegeEscalation === false,
    namespaceOptions: containerNamespaces(pod, facts.targetContainerId),
    supplementalGroups: supplementalGroups(pod),
    supplementalGroupsPolicy: pod.spec.securityContext?.supplementalGroupsPolicy ?? 'Merge',
    seccomp: seccompOf(pod, container, facts.seccompFolder),
    maskedPaths: isUnmasked ? [] : [...facts.maskedPaths],
    readonlyPaths: isUnmasked ? [] : readonlyPaths,
  };
}

function runAs(user: number | undefined, image: ImageUser): Init<LinuxContainerSecurityContext> {
  if (user !== undefined) return { runAsUser: { value: user } };
  if (image.username && image.uid === undefined) return { runAsUsername: image.username };
  return { runAsUser: { value: image.uid ?? 0 } };
}

/** fsGroup first, as upstream has it. */
export function supplementalGroups({ spec }: Pod): number[] {
  const { fsGroup, supplementalGroups: groups = [] } = spec.securityContext ?? {};
  return [...(fsGroup === undefined ? [] : [fsGroup]), ...groups];
}

export function podNamespaces({ spec }: Pod): Init<NamespaceOption> {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace } = spec;
  return {
    network: hostNetwork ? 'NODE' : 'POD',
    ipc: hostIPC ? 'NODE' : 'POD',
    pid: hostPID ? 'NODE' : shareProcessNamespace ? 'POD' : 'CONTAINER',
  };
}

function containerNamespaces(pod: Pod, targetId: string | undefined): Init<NamespaceOption> {
  const namespaces = podNamespaces(pod);
  return targetId && namespaces.pid === 'CONTAINER' ? { ...namespaces, pid: 'TARGET', targetId } : namespaces;
}

function seccompOf({ spec }: Pod, { securityContext }: Container, folder: string): Init<SecurityProfile> {
  const profile: SeccompProfile = securityContext?.seccompProfile ??
    spec.securityContext?.seccompProfile ?? { type: 'Unconfined' };
  const missing = 'localhostProfile must be set if seccompProfile type is Localhost.';
  return localProfile(profile, (name) => join(folder, name), missing);
}

function localProfile(
  { type, localhostProfile }: SeccompProfile,
  resolve: (name: string) => string,
  missing: string,
): Init<SecurityProfile> {
  if (type !== 'Localhost') return { profileType: type };
  if (!localhostProfile) throw new Error(missing);
  return { profileType: type, localhostRef: resolve(localhostProfile) };
}
