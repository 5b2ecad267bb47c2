// Warning headers for pods and pod templates (pkg/api/pod/warnings.go), the ones that users meet.
import { type FieldPath, formatPath } from '../../../kernel/status.ts';
import type { ObjectMeta } from '../../../schema/object.ts';
import { dnsLabel } from '../../shared/names.ts';
import { isQuantity, nanos } from '../../shared/quantity.ts';
import type { PodSpec } from '../../typings/core.ts';

/** Names that make surprising host names. `where` completes "this is used in …". */
export function* podNameWarning(name: string, where: string): Iterable<string> {
  const messages = dnsLabel(name);
  if (name && messages.length > 0) {
    yield `metadata.name: this is used in ${where}, which can result in surprising behavior; a DNS label is recommended: [${messages.join(' ')}]`;
  }
}

export const workloadNameWarning = (name: string): Iterable<string> => podNameWarning(name, 'Pod names and hostnames');

const deprecatedVolumes: Readonly<Record<string, string>> = {
  gcePersistentDisk: 'deprecated in v1.17',
  awsElasticBlockStore: 'deprecated in v1.17',
  azureFile: 'deprecated in v1.21',
  vsphereVolume: 'deprecated in v1.19',
  gitRepo: 'deprecated in v1.11, and disabled by default in v1.33+',
  scaleIO: 'deprecated in v1.16, non-functional in v1.22+',
  flocker: 'deprecated in v1.22, non-functional in v1.25+',
  storageos: 'deprecated in v1.22, non-functional in v1.25+',
  quobyte: 'deprecated in v1.22, non-functional in v1.25+',
  glusterfs: 'deprecated in v1.25, non-functional in v1.26+',
  cephfs: 'deprecated in v1.28, non-functional in v1.31+',
  rbd: 'deprecated in v1.28, non-functional in v1.31+',
  photonPersistentDisk: 'deprecated in v1.11, non-functional in v1.16+',
  azureDisk: 'deprecated in v1.19',
  cinder: 'deprecated in v1.11',
  portworxVolume: 'deprecated in v1.25',
};

const deprecatedNodeLabels: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
};

export function* podWarnings(spec: PodSpec, path: FieldPath, metadata: ObjectMeta | undefined): Iterable<string> {
  for (const key of Object.keys(spec.nodeSelector ?? {})) {
    const text = deprecatedNodeLabels[key];
    if (text) yield `${formatPath([...path, 'nodeSelector', { key }])}: ${text}`;
  }
  yield* volumeWarnings(spec, path);
  yield* duplicateWarnings(spec, path);
  yield* fractionalBytes(spec, path);
  for (const key of ['pod.alpha.kubernetes.io/init-containers', 'security.alpha.kubernetes.io/sysctls']) {
    if (metadata?.annotations?.[key] !== undefined) {
      yield `${formatPath(['metadata', 'annotations', { key }])}: non-functional in v1.11+`;
    }
  }
  const empty = spec.terminationGracePeriodSeconds;
  if (empty !== undefined && empty < 0) {
    yield `${formatPath([...path, 'terminationGracePeriodSeconds'])}: must be >= 0; negative values are invalid and will be treated as 1`;
  }
}

function* volumeWarnings(spec: PodSpec, path: FieldPath): Iterable<string> {
  for (const [i, volume] of (spec.volumes ?? []).entries()) {
    for (const key of Object.keys(volume)) {
      const text = deprecatedVolumes[key];
      if (text) yield `${formatPath([...path, 'volumes', i, key])}: ${text}`;
    }
  }
}

function* fractionalBytes(spec: PodSpec, path: FieldPath): Iterable<string> {
  for (const field of ['initContainers', 'containers'] as const) {
    for (const [i, container] of (spec[field] ?? []).entries()) {
      for (const list of ['limits', 'requests'] as const) {
        for (const key of ['memory', 'ephemeral-storage']) {
          const value = container.resources?.[list]?.[key];
          if (value === undefined || !isQuantity(value) || nanos(value) % 1_000_000_000n === 0n) continue;
          const at = formatPath([...path, field, i, 'resources', list, { key }]);
          yield `${at}: fractional byte value ${JSON.stringify(value)} is invalid, must be an integer`;
        }
      }
    }
  }
}

function* duplicateWarnings(spec: PodSpec, path: FieldPath): Iterable<string> {
  for (const [i, container] of (spec.containers ?? []).entries()) {
    const seen = new Set<string>();
    for (const [j, variable] of (container.env ?? []).entries()) {
      const name = variable.name ?? '';
      if (seen.has(name)) {
        yield `${formatPath([...path, 'containers', i, 'env', j])}: hides previous definition of "${name}", which may be dropped when using apply`;
      }
      seen.add(name);
    }
  }
  const seen = new Set<string>();
  for (const [i, reference] of (spec.imagePullSecrets ?? []).entries()) {
    const name = reference.name ?? '';
    if (!name) yield `${formatPath([...path, 'imagePullSecrets', i])}: invalid empty name ""`;
    else if (seen.has(name)) yield `${formatPath([...path, 'imagePullSecrets', i])}: duplicate name "${name}"`;
    seen.add(name);
  }
}
