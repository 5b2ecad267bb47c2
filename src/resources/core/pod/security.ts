// Security contexts of pods and containers.
import { type FieldError, type FieldPath, fieldError as e } from '../../../kernel/status.ts';
import { descendingPath, oneOf } from '../../shared/check.ts';
import { userId } from '../../shared/names.ts';
import { validateWindowsOptions } from './windows.ts';
import type { AppArmorProfile, PodSpec, SeccompProfile, SecurityContext } from '../../typings/core.ts';

export function* validatePodSecurity(spec: PodSpec, path: FieldPath): Iterable<FieldError> {
  const context = spec.securityContext;
  if (!context) return;
  const at = [...path, 'securityContext'];
  for (const field of ['fsGroup', 'runAsUser', 'runAsGroup'] as const)
    yield* validateId(context[field], [...at, field]);
  for (const [i, id] of (context.supplementalGroups ?? []).entries()) {
    yield* validateId(id, [...at, 'supplementalGroups', i]);
  }
  if (spec.shareProcessNamespace && spec.hostPID) {
    yield e.invalid([...at, 'shareProcessNamespace'], true, 'ShareProcessNamespace and HostPID cannot both be enabled');
  }
  yield* validateSysctls(spec, [...at, 'sysctls']);
  yield* validateWindowsOptions(context.windowsOptions, [...at, 'windowsOptions']);
  if (context.fsGroupChangePolicy !== undefined) {
    yield* oneOf(context.fsGroupChangePolicy, ['Always', 'OnRootMismatch'], [...at, 'fsGroupChangePolicy'], false);
  }
  yield* validateSeccomp(context.seccompProfile, [...at, 'seccompProfile']);
  yield* validateAppArmor(context.appArmorProfile, [...at, 'appArmorProfile']);
  if (context.supplementalGroupsPolicy !== undefined) {
    yield* oneOf(context.supplementalGroupsPolicy, ['Merge', 'Strict'], [...at, 'supplementalGroupsPolicy'], false);
  }
  if (context.seLinuxChangePolicy !== undefined) {
    yield* oneOf(context.seLinuxChangePolicy, ['Recursive'], [...at, 'seLinuxChangePolicy'], false);
  }
}

function* validateId(id: number | undefined, path: FieldPath): Iterable<FieldError> {
  if (id === undefined) return;
  for (const message of userId(id)) yield e.invalid(path, id, message);
}

const sysctlName = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;
const sysctlFormat = '^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$';

function* validateSysctls(spec: PodSpec, path: FieldPath): Iterable<FieldError> {
  const seen = new Set<string>();
  for (const [i, sysctl] of (spec.securityContext?.sysctls ?? []).entries()) {
    const name = sysctl.name ?? '';
    const at = [...path, i, 'name'];
    if (!name) yield e.required(at);
    else if (name.length > 253 || !sysctlName.test(name)) {
      yield e.invalid(at, name, `must have at most 253 characters and match regex ${sysctlFormat}`);
    } else if (seen.has(name)) yield e.duplicate(at, name);
    const dotted = name.replaceAll('/', '.');
    if (spec.hostNetwork && dotted.startsWith('net.')) {
      yield e.invalid(at, name, "may not be specified when 'hostNetwork' is true");
    } else if (spec.hostIPC && /^(kernel\.(shm|msg)|kernel\.sem$|fs\.mqueue\.)/.test(dotted)) {
      yield e.invalid(at, name, "may not be specified when 'hostIPC' is true");
    }
    seen.add(name);
  }
}

const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined'];

function* validateSeccomp(profile: SeccompProfile | undefined, path: FieldPath): Iterable<FieldError> {
  if (!profile) return;
  if (!profile.type) yield e.required([...path, 'type'], 'type is required when seccompProfile is set');
  else yield* oneOf(profile.type, profileTypes, [...path, 'type']);
  const at = [...path, 'localhostProfile'];
  if (profile.type === 'Localhost') {
    if (profile.localhostProfile === undefined) yield e.required(at, 'must be set when seccomp type is Localhost');
    else yield* descendingPath(profile.localhostProfile, at);
  } else if (profile.localhostProfile !== undefined) {
    yield e.invalid(at, profile, 'can only be set when seccomp type is Localhost');
  }
}

function* validateAppArmor(profile: AppArmorProfile | undefined, path: FieldPath): Iterable<FieldError> {
  if (!profile) return;
  const at = [...path, 'localhostProfile'];
  const local = profile.localhostProfile;
  if (!profile.type) yield e.required([...path, 'type'], 'type is required when appArmorProfile is set');
  else if (!profileTypes.includes(profile.type)) yield e.notSupported([...path, 'type'], profile.type, profileTypes);
  else if (profile.type !== 'Localhost') {
    if (local !== undefined) yield e.invalid(at, local, 'can only be set when AppArmor type is Localhost');
  } else if (!local) yield e.required(at, 'must be set when AppArmor type is Localhost');
  else if (local !== local.trim()) yield e.invalid(at, local, 'must not be padded with whitespace');
  else if (local.length > 4095) yield e.tooLong(at, 4095);
}

export function* validateContainerSecurity(
  context: SecurityContext | undefined,
  hostUsers: boolean,
  path: FieldPath,
): Iterable<FieldError> {
  if (!context) return;
  yield* validateId(context.runAsUser, [...path, 'runAsUser']);
  yield* validateId(context.runAsGroup, [...path, 'runAsGroup']);
  if (context.procMount !== undefined) {
    yield* oneOf(context.procMount, ['Default', 'Unmasked'], [...path, 'procMount'], false);
    if (hostUsers && context.procMount === 'Unmasked') {
      yield e.invalid([...path, 'procMount'], context.procMount, '`hostUsers` must be false to use `Unmasked`');
    }
  }
  yield* validateSeccomp(context.seccompProfile, [...path, 'seccompProfile']);
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged) {
      yield e.invalid(path, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true');
    }
    if (context.capabilities?.add?.includes('CAP_SYS_ADMIN')) {
      yield e.invalid(
        path,
        context,
        'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN',
      );
    }
  }
  yield* validateWindowsOptions(context.windowsOptions, [...path, 'windowsOptions']);
  yield* validateAppArmor(context.appArmorProfile, [...path, 'appArmorProfile']);
}

/** User namespaces exclude other namespaces of the host. */
export function* validateHostUsers(spec: PodSpec, path: FieldPath): Iterable<FieldError> {
  if (spec.hostUsers !== false) return;
  if (spec.hostNetwork) yield e.forbidden([...path, 'hostNetwork'], 'when `hostUsers` is false');
  if (spec.hostPID) yield e.forbidden([...path, 'HostPID'], 'when `hostUsers` is false');
  if (spec.hostIPC) yield e.forbidden([...path, 'HostIPC'], 'when `hostUsers` is false');
}
