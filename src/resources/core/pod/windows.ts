// Rules of Windows options, and of what the declared operating system excludes.
import { type FieldError, type FieldPath, fieldError as e } from '../../../kernel/status.ts';
import { matches } from '../../shared/check.ts';
import { dnsSubdomain } from '../../shared/names.ts';
import type { PodSpec, SecurityContext } from '../../typings/core.ts';

type WindowsOptions = NonNullable<SecurityContext['windowsOptions']>;

const credentialLimitBytes = 64 * 1024;
const domainLimit = 256;
const userLimit = 104;
const netBiosDomain = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const dnsDomain = /^([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?\.)*[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$/;

export function* validateWindowsOptions(options: WindowsOptions | undefined, path: FieldPath): Iterable<FieldError> {
  if (!options) return;
  const { gmsaCredentialSpecName, gmsaCredentialSpec, runAsUserName } = options;
  if (gmsaCredentialSpecName !== undefined) {
    yield* matches(dnsSubdomain, gmsaCredentialSpecName, [...path, 'gmsaCredentialSpecName']);
  }
  const at = [...path, 'gmsaCredentialSpec'];
  if (gmsaCredentialSpec === '') {
    yield e.invalid(at, gmsaCredentialSpec, 'gmsaCredentialSpec cannot be an empty string');
  } else if (gmsaCredentialSpec !== undefined && Buffer.byteLength(gmsaCredentialSpec) > credentialLimitBytes) {
    yield e.invalid(at, gmsaCredentialSpec, 'gmsaCredentialSpec size must be under 64 KiB');
  }
  if (runAsUserName === undefined) return;
  for (const text of userProblems(runAsUserName)) {
    yield e.invalid([...path, 'runAsUserName'], runAsUserName, `runAsUserName${text}`);
  }
}

function* userProblems(name: string): Iterable<string> {
  const parts = name.split('\\');
  if (name === '') return yield ' cannot be an empty string';
  if (/\p{Cc}/u.test(name)) return yield ' cannot contain control characters';
  if (parts.length > 2) return yield ' cannot contain more than one backslash';
  const user = parts.at(-1) ?? '';
  const domain = parts.length > 1 ? parts[0]! : '';
  if (domain.length >= domainLimit) yield `'s Domain length must be under ${domainLimit} characters`;
  if (parts.length > 1 && !netBiosDomain.test(domain) && !dnsDomain.test(domain)) {
    yield "'s Domain doesn't match the NetBios nor the DNS format";
  }
  if (user === '') yield "'s User cannot be empty";
  else if (user.length > userLimit) yield `'s User length must not be longer than ${userLimit} characters`;
  if (/^[. ]+$/.test(user)) yield "'s User cannot contain only periods or spaces";
  if (/["/\\:;|=,+*?<>@[\]]/.test(user)) {
    yield `'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]`;
  }
}

interface PlacedContext {
  context: SecurityContext | undefined;
  path: FieldPath;
}

/** Security contexts of all containers, init containers first as upstream visits them. */
export function containerContexts(spec: PodSpec, path: FieldPath): PlacedContext[] {
  const lists = ['initContainers', 'containers', 'ephemeralContainers'] as const;
  return lists.flatMap((list) =>
    (spec[list] ?? []).map((one, i) => ({ context: one.securityContext, path: [...path, list, i, 'securityContext'] })),
  );
}

/** Containers in the host's process space need all the others and the network there too. */
export function* validateHostProcess(spec: PodSpec, path: FieldPath): Iterable<FieldError> {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  const all = containerContexts(spec, path);
  let count = 0;
  for (const { context, path: at } of all) {
    const own = context?.windowsOptions?.hostProcess;
    if (ofPod !== undefined && own !== undefined && own !== ofPod) {
      const detail = `pod hostProcess value must be identical if both are specified, was ${ofPod}`;
      yield e.invalid([...at, 'windowsOptions', 'hostProcess'], own, detail);
    }
    if (own ?? ofPod) count++;
  }
  if (count === 0) return;
  if (count !== all.length) {
    const detail = 'If pod contains any hostProcess containers then all containers must be HostProcess containers';
    yield e.invalid(path, '', detail);
  }
  if (!spec.hostNetwork) {
    const detail = 'hostNetwork must be true if pod contains any hostProcess containers';
    yield e.invalid([...path, 'hostNetwork'], false, detail);
  }
}

const linuxOnlyOfPod = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'fsGroup',
  'fsGroupChangePolicy',
  'sysctls',
  'runAsUser',
  'runAsGroup',
  'supplementalGroups',
  'supplementalGroupsPolicy',
  'seLinuxChangePolicy',
] as const;

const linuxOnlyOfContainer = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const;

export function* validateOs(spec: PodSpec, path: FieldPath): Iterable<FieldError> {
  switch (spec.os?.name) {
    case undefined:
      if (spec.os) yield e.required([...path, 'os', 'name']);
      break;
    case '':
      yield e.required([...path, 'os', 'name']);
      break;
    case 'linux':
      yield* forbidWindowsOptions(spec, path);
      break;
    case 'windows':
      yield* forbidLinuxFields(spec, path);
      break;
    default:
      yield e.notSupported([...path, 'os'], spec.os?.name, ['linux', 'windows']);
  }
}

function* forbidWindowsOptions(spec: PodSpec, path: FieldPath): Iterable<FieldError> {
  const places = [
    { context: spec.securityContext, path: [...path, 'securityContext'] },
    ...containerContexts(spec, path),
  ];
  for (const { context, path: at } of places) {
    if (context?.windowsOptions) {
      yield e.forbidden([...at, 'windowsOptions'], 'windows options cannot be set for a linux pod');
    }
  }
}

function* forbidLinuxFields(spec: PodSpec, path: FieldPath): Iterable<FieldError> {
  const detail = 'cannot be set for a windows pod';
  const ofPod = spec.securityContext;
  if (spec.hostUsers !== undefined) yield e.forbidden([...path, 'hostUsers'], detail);
  for (const field of ['hostPID', 'hostIPC'] as const) if (spec[field]) yield e.forbidden([...path, field], detail);
  if (spec.shareProcessNamespace !== undefined) yield e.forbidden([...path, 'shareProcessNamespace'], detail);
  for (const field of linuxOnlyOfPod) {
    const value = ofPod?.[field];
    const isSet = Array.isArray(value) ? value.length > 0 : value !== undefined;
    if (isSet) yield e.forbidden([...path, 'securityContext', field], detail);
  }
  for (const { context, path: at } of containerContexts(spec, path)) {
    for (const field of linuxOnlyOfContainer) {
      if (context?.[field] !== undefined) yield e.forbidden([...at, field], detail);
    }
  }
}
