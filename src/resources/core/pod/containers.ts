// Rules of containers, init containers and ephemeral containers.
import { type FieldError, type FieldPath, fieldError as e } from '../../../kernel/status.ts';
import {
  descendingPath,
  matches,
  nonNegative,
  noBacksteps,
  oneOf,
  port,
  portOrName,
  required,
  requiredMatch,
} from '../../shared/check.ts';
import { dnsLabel, httpHeaderName, portName } from '../../shared/names.ts';
import type {
  Container,
  ContainerPort,
  EphemeralContainer,
  LifecycleHandler,
  PodSpec,
  Probe,
  Volume,
  VolumeDevice,
  VolumeMount,
} from '../../typings/core.ts';
import { validateResources } from '../resource-names.ts';
import { validateEnvironment, validateEnvironmentFrom } from './environment.ts';
import { isSidecar } from './resources.ts';
import { validateContainerSecurity } from './security.ts';

export interface ContainerContext {
  spec: PodSpec;
  volumes: ReadonlyMap<string, Volume>;
  claimNames: ReadonlySet<string>;
  hostUsers: boolean;
}

export function* validateContainers(context: ContainerContext, path: FieldPath): Iterable<FieldError> {
  const containers = context.spec.containers ?? [];
  if (containers.length === 0) {
    yield e.required(path);
    return;
  }
  const names = new Set<string>();
  for (const [i, container] of containers.entries()) {
    const at = [...path, i];
    yield* validateContainer(container, context, at);
    yield* uniqueName(container.name, names, at);
    yield* validateLifecycle(container, context.spec, at);
    yield* validateProbes(container, at);
    yield* validateRestartPolicy(container, at);
  }
  yield* uniqueHostPorts(containers, path);
}

export function* validateInitContainers(context: ContainerContext, path: FieldPath): Iterable<FieldError> {
  const names = new Set((context.spec.containers ?? []).map((container) => container.name ?? ''));
  for (const [i, container] of (context.spec.initContainers ?? []).entries()) {
    const at = [...path, i];
    yield* validateContainer(container, context, at);
    yield* validateRestartPolicy(container, at);
    yield* uniqueName(container.name, names, at);
    yield* uniqueHostPorts([container], path);
    if (isSidecar(container)) {
      yield* validateLifecycle(container, context.spec, at);
      yield* validateProbes(container, at);
      continue;
    }
    for (const field of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
      if (container[field]) {
        yield e.forbidden([...at, field], 'may not be set for init containers without restartPolicy=Always');
      }
    }
    for (const [j, policy] of (container.resizePolicy ?? []).entries()) {
      if (policy.restartPolicy === 'RestartContainer') {
        yield e.invalid(
          [...at, 'resizePolicy', j, 'restartPolicy'],
          policy.restartPolicy,
          "must not be set to 'RestartContainer' for non-sidecar initContainers",
        );
      }
    }
  }
}

const ephemeralFields = new Set(
  (
    'name image command args workingDir env envFrom volumeMounts volumeDevices terminationMessagePath ' +
    'terminationMessagePolicy imagePullPolicy securityContext stdin stdinOnce tty targetContainerName'
  ).split(' '),
);

export function* validateEphemeralContainers(context: ContainerContext, path: FieldPath): Iterable<FieldError> {
  const { containers, initContainers, ephemeralContainers } = context.spec;
  const others = new Set([...(containers ?? []), ...(initContainers ?? [])].map((one) => one.name ?? ''));
  const names = new Set(others);
  for (const [i, container] of (ephemeralContainers ?? []).entries()) {
    const at = [...path, i];
    yield* validateContainer(container, context, at);
    yield* validateImageSpace(container, at);
    yield* uniqueName(container.name, names, at);
    const target = container.targetContainerName;
    if (target && !others.has(target)) yield e.notFound([...at, 'targetContainerName'], target);
    yield* validateEphemeralFields(container, at);
  }
}

function* validateEphemeralFields(container: EphemeralContainer, at: FieldPath): Iterable<FieldError> {
  for (const [field, value] of Object.entries(container)) {
    const set = typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : value !== undefined;
    if (set && !ephemeralFields.has(field)) {
      yield e.forbidden([...at, field], 'cannot be set for an Ephemeral Container');
    }
  }
  for (const [j, mount] of (container.volumeMounts ?? []).entries()) {
    for (const field of ['subPath', 'subPathExpr'] as const) {
      if (mount[field]) {
        yield e.forbidden([...at, 'volumeMounts', j, field], 'cannot be set for an Ephemeral Container');
      }
    }
  }
}

function* uniqueName(name: string | undefined, seen: Set<string>, at: FieldPath): Iterable<FieldError> {
  if (seen.has(name ?? '')) yield e.duplicate([...at, 'name'], name ?? '');
  else if (name) seen.add(name);
}

/** In pods, not in templates. */
export function* validateImageSpace(container: Container, at: FieldPath): Iterable<FieldError> {
  const image = container.image ?? '';
  if (image !== image.trim()) yield e.invalid([...at, 'image'], image, 'must not have leading or trailing whitespace');
}

const supportedProtocols = ['SCTP', 'TCP', 'UDP'];
const pullPolicies = ['Always', 'IfNotPresent', 'Never'];

function* validateContainer(container: Container, context: ContainerContext, at: FieldPath): Iterable<FieldError> {
  yield* requiredMatch(dnsLabel, container.name, [...at, 'name']);
  yield* required(container.image, [...at, 'image']);
  yield* oneOf(
    container.terminationMessagePolicy,
    ['File', 'FallbackToLogsOnError'],
    [...at, 'terminationMessagePolicy'],
  );
  yield* validatePorts(container.ports, [...at, 'ports']);
  yield* validateEnvironment(container.env, [...at, 'env']);
  yield* validateEnvironmentFrom(container.envFrom, [...at, 'envFrom']);
  yield* validateMounts(container, context.volumes, [...at, 'volumeMounts']);
  yield* validateDevices(container, context.volumes, [...at, 'volumeDevices']);
  yield* oneOf(container.imagePullPolicy, pullPolicies, [...at, 'imagePullPolicy']);
  yield* validateResources(container.resources, [...at, 'resources'], context.claimNames);
  yield* validateResizePolicy(container, context.spec, [...at, 'resizePolicy']);
  yield* validateContainerSecurity(container.securityContext, context.hostUsers, [...at, 'securityContext']);
}

function* validatePorts(ports: readonly ContainerPort[] | undefined, path: FieldPath): Iterable<FieldError> {
  const names = new Set<string>();
  for (const [i, one] of (ports ?? []).entries()) {
    const at = [...path, i];
    if (one.name) {
      const messages = portName(one.name);
      for (const message of messages) yield e.invalid([...at, 'name'], one.name, message);
      if (messages.length === 0 && names.has(one.name)) yield e.duplicate([...at, 'name'], one.name);
      names.add(one.name);
    }
    if (!one.containerPort) yield e.required([...at, 'containerPort']);
    else yield* port(one.containerPort, [...at, 'containerPort']);
    if (one.hostPort) yield* port(one.hostPort, [...at, 'hostPort']);
    yield* oneOf(one.protocol, supportedProtocols, [...at, 'protocol']);
  }
}

function* uniqueHostPorts(containers: readonly Container[], path: FieldPath): Iterable<FieldError> {
  const seen = new Set<string>();
  for (const [i, container] of containers.entries()) {
    for (const [j, one] of (container.ports ?? []).entries()) {
      if (!one.hostPort) continue;
      const key = `${one.protocol ?? ''}/${one.hostIP ?? ''}/${one.hostPort}`;
      if (seen.has(key)) yield e.duplicate([...path, i, 'ports', j, 'hostPort'], key);
      seen.add(key);
    }
  }
}

function* validateMounts(
  container: Container,
  volumes: ReadonlyMap<string, Volume>,
  path: FieldPath,
): Iterable<FieldError> {
  const devices = container.volumeDevices ?? [];
  const seen = new Set<string>();
  for (const [i, mount] of (container.volumeMounts ?? []).entries()) {
    const at = [...path, i];
    const name = mount.name ?? '';
    const mountPath = mount.mountPath ?? '';
    yield* required(name, [...at, 'name']);
    if (!volumes.has(name)) yield e.notFound([...at, 'name'], name);
    yield* required(mountPath, [...at, 'mountPath']);
    if (seen.has(mountPath)) yield e.invalid([...at, 'mountPath'], mountPath, 'must be unique');
    seen.add(mountPath);
    if (devices.some((device) => device.name === name)) {
      yield e.invalid([...at, 'name'], name, 'must not already exist in volumeDevices');
    }
    if (devices.some((device) => device.devicePath === mountPath)) {
      yield e.invalid([...at, 'mountPath'], mountPath, 'must not already exist as a path in volumeDevices');
    }
    yield* validateMountOptions(mount, container, at, path);
  }
}

function* validateMountOptions(
  mount: VolumeMount,
  container: Container,
  at: FieldPath,
  path: FieldPath,
): Iterable<FieldError> {
  if (mount.subPath) yield* descendingPath(mount.subPath, [...path, 'subPath']);
  if (mount.subPathExpr) {
    if (mount.subPath) {
      yield e.invalid([...at, 'subPathExpr'], mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive');
    }
    yield* descendingPath(mount.subPathExpr, [...path, 'subPathExpr']);
  }
  const propagation = mount.mountPropagation;
  if (propagation !== undefined) {
    yield* oneOf(propagation, ['Bidirectional', 'HostToContainer', 'None'], [...path, 'mountPropagation'], false);
    if (propagation === 'Bidirectional' && !container.securityContext?.privileged) {
      yield e.forbidden(
        [...path, 'mountPropagation'],
        'Bidirectional mount propagation is available only to privileged containers',
      );
    }
  }
  const recursive = mount.recursiveReadOnly;
  if (recursive === undefined || recursive === 'Disabled') return;
  if (recursive !== 'Enabled' && recursive !== 'IfPossible') {
    yield e.notSupported([...path, 'recursiveReadOnly'], recursive, ['Disabled', 'Enabled', 'IfPossible']);
    return;
  }
  if (!mount.readOnly) {
    yield e.forbidden([...path, 'recursiveReadOnly'], 'may only be specified when readOnly is true');
  }
  if (propagation !== undefined && propagation !== 'None') {
    yield e.forbidden(
      [...path, 'recursiveReadOnly'],
      'may only be specified when mountPropagation is None or not specified',
    );
  }
}

function* validateDevices(
  container: Container,
  volumes: ReadonlyMap<string, Volume>,
  path: FieldPath,
): Iterable<FieldError> {
  const mounts = container.volumeMounts ?? [];
  const names = new Set<string>();
  const paths = new Set<string>();
  for (const [i, device] of (container.volumeDevices ?? []).entries()) {
    const at = [...path, i];
    const name = device.name ?? '';
    yield* required(name, [...at, 'name']);
    if (names.has(name)) yield e.invalid([...at, 'name'], name, 'must be unique');
    const volume = volumes.get(name);
    if (!volume) yield e.notFound([...at, 'name'], name);
    else if (!volume.persistentVolumeClaim && !volume.ephemeral) {
      yield e.invalid(
        [...at, 'name'],
        name,
        'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
      );
    }
    yield* validateDevicePath(device, paths, at);
    if (mounts.some((mount) => mount.name === name)) {
      yield e.invalid([...at, 'name'], name, 'must not already exist in volumeMounts');
    }
    if (mounts.some((mount) => mount.mountPath === device.devicePath)) {
      yield e.invalid([...at, 'devicePath'], device.devicePath, 'must not already exist as a path in volumeMounts');
    }
    if (name) names.add(name);
  }
}

function* validateDevicePath(device: VolumeDevice, seen: Set<string>, at: FieldPath): Iterable<FieldError> {
  const devicePath = device.devicePath ?? '';
  yield* required(devicePath, [...at, 'devicePath']);
  if (seen.has(devicePath)) yield e.invalid([...at, 'devicePath'], devicePath, 'must be unique');
  if ([...noBacksteps(devicePath, at)].length > 0) {
    yield e.invalid([...at, 'devicePath'], devicePath, "can not contain backsteps ('..')");
  } else seen.add(devicePath);
}

function* validateResizePolicy(container: Container, spec: PodSpec, path: FieldPath): Iterable<FieldError> {
  const seen = new Set<string>();
  for (const [i, policy] of (container.resizePolicy ?? []).entries()) {
    const name = policy.resourceName ?? '';
    if (seen.has(name)) yield e.duplicate([...path, i], name);
    seen.add(name);
    yield* oneOf(name, ['cpu', 'memory'], path);
    yield* oneOf(policy.restartPolicy, ['NotRequired', 'RestartContainer'], path);
    if (spec.restartPolicy === 'Never' && policy.restartPolicy !== 'NotRequired') {
      yield e.invalid(path, policy.restartPolicy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'");
    }
  }
}

function* validateRestartPolicy(container: Container, at: FieldPath): Iterable<FieldError> {
  const rules = container.restartPolicyRules ?? [];
  const policy = container.restartPolicy;
  if (policy === undefined) {
    if (rules.length > 0) {
      yield e.required([...at, 'restartPolicy'], 'must specify restartPolicy when restart rules are used');
    }
  } else yield* oneOf(policy, ['Always', 'Never', 'OnFailure'], [...at, 'restartPolicy'], false);
  if (rules.length > 20) yield e.tooMany([...at, 'restartPolicyRules'], rules.length, 20);
  for (const [i, rule] of rules.entries()) {
    const here = [...at, 'restartPolicyRules', i];
    yield* oneOf(rule.action, ['Restart', 'RestartAllContainers'], [...here, 'action'], false);
    if (!rule.exitCodes) {
      yield e.required([...here, 'exitCodes'], 'must be specified');
      continue;
    }
    yield* oneOf(rule.exitCodes.operator, ['In', 'NotIn'], [...here, 'exitCodes', 'operator'], false);
    const count = rule.exitCodes.values?.length ?? 0;
    if (count > 255) yield e.tooMany([...here, 'exitCodes', 'values'], count, 255);
  }
}

function* validateLifecycle(container: Container, spec: PodSpec, at: FieldPath): Iterable<FieldError> {
  const lifecycle = container.lifecycle;
  if (!lifecycle) return;
  const grace = spec.terminationGracePeriodSeconds;
  if (lifecycle.postStart) yield* validateHandler(lifecycle.postStart, grace, [...at, 'lifecycle', 'postStart']);
  if (lifecycle.preStop) yield* validateHandler(lifecycle.preStop, grace, [...at, 'lifecycle', 'preStop']);
}

function* validateProbes(container: Container, at: FieldPath): Iterable<FieldError> {
  for (const field of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    const probe = container[field];
    if (!probe) continue;
    const path = [...at, field];
    yield* validateProbe(probe, path);
    if (field === 'readinessProbe') {
      if (probe.terminationGracePeriodSeconds !== undefined) {
        yield e.invalid(
          [...path, 'terminationGracePeriodSeconds'],
          probe.terminationGracePeriodSeconds,
          'must not be set for readinessProbes',
        );
      }
    } else if (probe.successThreshold !== 1) {
      yield e.invalid([...path, 'successThreshold'], probe.successThreshold ?? 0, 'must be 1');
    }
  }
}

function* validateProbe(probe: Probe, path: FieldPath): Iterable<FieldError> {
  yield* validateHandler(probe, undefined, path);
  for (const field of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const) {
    yield* nonNegative(probe[field], [...path, field]);
  }
  const grace = probe.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0) {
    yield e.invalid([...path, 'terminationGracePeriodSeconds'], grace, 'must be greater than 0');
  }
}

const handlers = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const;

function* validateHandler(
  handler: LifecycleHandler & Probe,
  graceSeconds: number | undefined,
  path: FieldPath,
): Iterable<FieldError> {
  const set = handlers.filter((name) => handler[name] !== undefined);
  for (const extra of set.slice(1)) yield e.forbidden([...path, extra], 'may not specify more than 1 handler type');
  switch (set[0]) {
    case undefined:
      yield e.required(path, 'must specify a handler type');
      break;
    case 'exec':
      if ((handler.exec?.command ?? []).length === 0) yield e.required([...path, 'exec', 'command']);
      break;
    case 'httpGet':
      yield* validateHttpGet(handler, [...path, 'httpGet']);
      break;
    case 'tcpSocket':
      yield* portOrName(handler.tcpSocket?.port, [...path, 'tcpSocket', 'port']);
      break;
    case 'grpc':
      yield* port(handler.grpc?.port, [...path, 'grpc', 'port']);
      break;
    case 'sleep': {
      const seconds = handler.sleep?.seconds ?? 0;
      if (graceSeconds !== undefined && (seconds < 0 || seconds > graceSeconds)) {
        yield e.invalid(
          [...path, 'sleep'],
          seconds,
          `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`,
        );
      }
    }
  }
}

function* validateHttpGet({ httpGet }: Probe, path: FieldPath): Iterable<FieldError> {
  yield* required(httpGet?.path, [...path, 'path']);
  yield* portOrName(httpGet?.port, [...path, 'port']);
  yield* oneOf(httpGet?.scheme, ['HTTP', 'HTTPS'], [...path, 'scheme'], false);
  for (const header of httpGet?.httpHeaders ?? [])
    yield* matches(httpHeaderName, header.name, [...path, 'httpHeaders']);
}
