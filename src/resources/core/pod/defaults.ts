// Defaults of pods and of pod templates in every workload kind (k8s.io/api/core/v1, SetDefaults_Pod*).
import type {
  Container,
  ContainerPort,
  Pod,
  PodSpec,
  PodTemplateSpec,
  Probe,
  ProjectedVolumeSource,
  ResourceRequirements,
  Volume,
} from '../../typings/core.ts';
import { roundUpToMilli } from '../../shared/quantity.ts';
import { aggregateResources, isHugePages, isPodLevelResource } from './resources.ts';

/** Everything that a stored Pod has and its manifest may leave out. */
export function defaultPod(pod: Pod): void {
  pod.spec ??= {};
  const spec = pod.spec;
  defaultPodSpec(spec);
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) spec.terminationGracePeriodSeconds = 1;
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) requestsFromLimits(container);
  if (spec.resources) {
    hugePageLimits(spec, spec.resources);
    podRequests(spec, spec.resources);
  }
  spec.enableServiceLinks ??= true;
  if (spec.hostNetwork) {
    for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
      for (const port of container.ports ?? []) hostPortFromContainerPort(port);
    }
  }
  syncPodIPs(pod);
}

/** What stands behind gates that are off: GenericWorkload, ContainerStopSignals. */
function dropDisabled(spec: PodSpec): void {
  delete spec.schedulingGroup;
  for (const list of ['containers', 'initContainers', 'ephemeralContainers'] as const) {
    for (const container of spec[list] ?? []) {
      if (container.lifecycle?.stopSignal === undefined) continue;
      delete container.lifecycle.stopSignal;
      if (Object.keys(container.lifecycle).length === 0) delete container.lifecycle;
    }
  }
}

/** Defaults that hold in templates too. */
export function defaultPodTemplate(template: PodTemplateSpec | undefined): void {
  if (!template) return;
  template.spec ??= {};
  defaultPodSpec(template.spec);
}

function defaultPodSpec(spec: PodSpec): void {
  dropDisabled(spec);
  spec.dnsPolicy ||= 'ClusterFirst';
  spec.restartPolicy ||= 'Always';
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= 30;
  spec.schedulerName ||= 'default-scheduler';
  const account = spec.serviceAccountName || spec.serviceAccount;
  if (account) {
    spec.serviceAccountName = account;
    spec.serviceAccount = account;
  }
  for (const container of [
    ...(spec.initContainers ?? []),
    ...(spec.containers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ]) {
    defaultContainer(container);
  }
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
  roundResources(spec.resources);
  if (spec.overhead) roundList(spec.overhead);
}

function defaultContainer(container: Container): void {
  container.imagePullPolicy ||= pullPolicy(container.image ?? '');
  container.terminationMessagePath ||= '/dev/termination-log';
  container.terminationMessagePolicy ||= 'File';
  for (const port of container.ports ?? []) port.protocol ||= 'TCP';
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef) valueFrom.fieldRef.apiVersion ||= 'v1';
    if (valueFrom?.fileKeyRef) valueFrom.fileKeyRef.optional ??= false;
  }
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) defaultProbe(probe);
  for (const handler of [container.lifecycle?.postStart, container.lifecycle?.preStop])
    defaultHttpGet(handler?.httpGet);
  roundResources(container.resources);
}

function defaultProbe(probe: Probe | undefined): void {
  if (!probe) return;
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  defaultHttpGet(probe.httpGet);
  if (probe.grpc) probe.grpc.service ??= '';
}

function defaultHttpGet(httpGet: { path?: string; scheme?: string } | undefined): void {
  if (!httpGet) return;
  httpGet.path ||= '/';
  httpGet.scheme ||= 'HTTP';
}

/** Always for `:latest` or no tag, else IfNotPresent. A digest counts as a tag. */
export function pullPolicy(image: string): string {
  return imageTag(image) === 'latest' ? 'Always' : 'IfNotPresent';
}

function imageTag(image: string): string {
  const at = image.indexOf('@');
  const name = at < 0 ? image : image.slice(0, at);
  const colon = name.lastIndexOf(':');
  if (colon > name.lastIndexOf('/')) return name.slice(colon + 1);
  return at < 0 && name ? 'latest' : '';
}

const volumeSources = (volume: Volume): (keyof Volume)[] =>
  (Object.keys(volume) as (keyof Volume)[]).filter((key) => key !== 'name' && volume[key] !== undefined);

function defaultVolume(volume: Volume): void {
  if (volumeSources(volume).length === 0) volume.emptyDir = {};
  for (const source of [volume.secret, volume.configMap, volume.downwardAPI, volume.projected]) {
    if (source) source.defaultMode ??= 0o644;
  }
  for (const item of volume.downwardAPI?.items ?? []) if (item.fieldRef) item.fieldRef.apiVersion ||= 'v1';
  if (volume.projected) defaultProjected(volume.projected);
  if (volume.hostPath) volume.hostPath.type ??= '';
  if (volume.image) volume.image.pullPolicy ||= pullPolicy(volume.image.reference ?? '');
  if (volume.iscsi) volume.iscsi.iscsiInterface ||= 'default';
  if (volume.rbd) {
    volume.rbd.pool ||= 'rbd';
    volume.rbd.user ||= 'admin';
    volume.rbd.keyring ||= '/etc/ceph/keyring';
  }
  if (volume.azureDisk) {
    volume.azureDisk.cachingMode ??= 'ReadWrite';
    volume.azureDisk.fsType ??= 'ext4';
    volume.azureDisk.readOnly ??= false;
    volume.azureDisk.kind ??= 'Shared';
  }
  if (volume.scaleIO) {
    volume.scaleIO.storageMode ||= 'ThinProvisioned';
    volume.scaleIO.fsType ||= 'xfs';
  }
  const claim = volume.ephemeral?.volumeClaimTemplate;
  if (claim) {
    claim.spec ??= {};
    claim.spec.volumeMode ??= 'Filesystem';
    roundResources(claim.spec.resources);
  }
}

function defaultProjected(projected: ProjectedVolumeSource): void {
  for (const source of projected.sources ?? []) {
    if (source.serviceAccountToken) source.serviceAccountToken.expirationSeconds ??= 3600;
    for (const item of source.downwardAPI?.items ?? []) if (item.fieldRef) item.fieldRef.apiVersion ||= 'v1';
  }
}

function requestsFromLimits(container: Container): void {
  const limits = container.resources?.limits;
  if (!limits || !container.resources) return;
  container.resources.requests ??= {};
  const requests = container.resources.requests;
  for (const [name, quantity] of Object.entries(limits)) requests[name] ??= quantity;
}

function hostPortFromContainerPort(port: ContainerPort): void {
  if (!port.hostPort && port.containerPort) port.hostPort = port.containerPort;
}

/** Pod-level limits of huge pages: the sum over the containers, unless a request names them. */
function hugePageLimits(spec: PodSpec, resources: ResourceRequirements): void {
  if (isEmpty(resources.limits) && isEmpty(resources.requests)) return;
  for (const [name, quantity] of Object.entries(aggregateResources(spec, 'limits'))) {
    if (!isHugePages(name) || resources.requests?.[name] !== undefined) continue;
    resources.limits ??= {};
    resources.limits[name] ??= quantity;
  }
}

/** Pod-level requests: what the containers ask for together, else the pod's limit (KEP-2837). */
function podRequests(spec: PodSpec, resources: ResourceRequirements): void {
  if (isEmpty(resources.limits)) return;
  const requests: Record<string, string> = { ...resources.requests };
  for (const [name, quantity] of Object.entries(aggregateResources(spec, 'requests'))) {
    if (isPodLevelResource(name) && !isHugePages(name)) requests[name] ??= quantity;
  }
  for (const [name, quantity] of Object.entries(resources.limits ?? {})) {
    if (isPodLevelResource(name)) requests[name] ??= quantity;
  }
  if (!isEmpty(requests)) resources.requests = requests;
}

const isEmpty = (list: Record<string, string> | undefined): boolean => !list || Object.keys(list).length === 0;

/** `podIP` is the first of `podIPs`, whichever of the two was written. */
export function syncPodIPs(pod: Pod): void {
  const status = pod.status;
  if (!status) return;
  const first = status.podIPs?.[0]?.ip;
  if (status.podIP && first !== status.podIP) status.podIPs = [{ ip: status.podIP }];
  else if (first && status.podIP !== first) status.podIP = first;
}

/** Resource lists keep three decimals. */
export function roundResources(
  resources: { limits?: Record<string, string>; requests?: Record<string, string> } | undefined,
): void {
  if (resources?.limits) roundList(resources.limits);
  if (resources?.requests) roundList(resources.requests);
}

export function roundList(list: Record<string, string>): void {
  for (const [name, quantity] of Object.entries(list)) {
    const rounded = roundUpToMilli(quantity);
    if (rounded !== quantity) list[name] = rounded;
  }
}
