// What ReplicationController, ReplicaSet, Deployment, DaemonSet, StatefulSet and Job have in common.
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import type { Column, ScaleSubresource } from '../define.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { PodTemplateSpec } from '../typings/core.ts';
import type { LabelSelector } from '../typings/meta.ts';
import { containerImages, containerNames } from './cells.ts';
import { nonNegative } from './check.ts';
import { formatSelector, isEmptySelector, matchesSelector, selectorText, validateLabelSelector } from './labels.ts';
import { objectVerbs } from './resource.ts';

interface Workload extends KubeObject {
  spec?: { replicas?: number; selector?: LabelSelector; template?: PodTemplateSpec };
  status?: { replicas?: number };
}

export const containersColumn: Column<Workload> = {
  name: 'Containers',
  type: 'string',
  priority: 1,
  value: (o) => containerNames(o.spec?.template?.spec?.containers),
};

export const imagesColumn: Column<Workload> = {
  name: 'Images',
  type: 'string',
  priority: 1,
  value: (o) => containerImages(o.spec?.template?.spec?.containers),
};

export const selectorColumn: Column<Workload> = {
  name: 'Selector',
  type: 'string',
  priority: 1,
  value: (o) => formatSelector(o.spec?.selector),
};

export function scaleSubresource<T extends Workload>(): ScaleSubresource<T> {
  return {
    type: 'scale',
    verbs: objectVerbs,
    replicas: (o) => o.spec?.replicas ?? 0,
    setReplicas: (o, replicas) => ({ ...o, spec: { ...o.spec, replicas } }),
    statusReplicas: (o) => o.status?.replicas ?? 0,
    selector: (o) => selectorText(o.spec?.selector),
  };
}

/**
 * A selector that selects something and matches the template's labels. Returns false when it is malformed: then upstream
 * says so in `malformed` and looks at the template no further.
 */
export function* validateSelector(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
  kind: string,
  malformed: string,
): Generator<FieldError, boolean> {
  const path: FieldPath = ['spec', 'selector'];
  if (!selector) yield e.required(path);
  const faults = [...validateLabelSelector(selector, path)];
  yield* faults;
  if (faults.length > 0) {
    yield e.invalid(path, selector, malformed);
    return false;
  }
  if (selector && isEmptySelector(selector)) yield e.invalid(path, selector, `empty selector is invalid for ${kind}`);
  else yield* validateTemplateLabels(selector, template, ['spec']);
  return true;
}

export function* validateTemplateLabels(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
  path: FieldPath,
): Iterable<FieldError> {
  const labels = template?.metadata?.labels;
  if (!selector || !matchesSelector(selector, labels)) {
    yield e.invalid(
      [...path, 'template', 'metadata', 'labels'],
      labels ?? null,
      '`selector` does not match template `labels`',
    );
  }
}

/** Pods that are replaced when they end may not say otherwise. */
export function* validateAlwaysRestarts(
  template: PodTemplateSpec | undefined,
  kind: string,
  path: FieldPath,
): Iterable<FieldError> {
  const spec = template?.spec;
  if (spec?.restartPolicy !== 'Always') {
    yield e.notSupported([...path, 'spec', 'restartPolicy'], spec?.restartPolicy ?? '', ['Always']);
  }
  if (spec?.activeDeadlineSeconds !== undefined) {
    yield e.forbidden([...path, 'spec', 'activeDeadlineSeconds'], `activeDeadlineSeconds in ${kind} is not Supported`);
  }
}

interface ReplicaStatus {
  replicas?: number;
  fullyLabeledReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  observedGeneration?: number;
  terminatingReplicas?: number;
}

const replicaFields = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'observedGeneration',
  'terminatingReplicas',
] as const;

/** Counts of a ReplicationController or ReplicaSet. */
export function* validateReplicaStatus(status: ReplicaStatus | undefined): Iterable<FieldError> {
  for (const field of replicaFields) yield* nonNegative(status?.[field], ['status', field]);
  const total = status?.replicas ?? 0;
  for (const field of ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'] as const) {
    const value = status?.[field] ?? 0;
    if (value > total) yield e.invalid(['status', field], value, 'cannot be greater than status.replicas');
  }
  const available = status?.availableReplicas ?? 0;
  if (available > (status?.readyReplicas ?? 0)) {
    yield e.invalid(['status', 'availableReplicas'], available, 'cannot be greater than readyReplicas');
  }
}
