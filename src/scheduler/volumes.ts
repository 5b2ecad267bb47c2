/**
 * Claims of a pod: VolumeBinding, VolumeZone and VolumeRestrictions, for claims that are bound. A claim that waits for
 * its first consumer is bound by nobody yet, so a pod that has one goes nowhere.
 */
import type { PersistentVolume, PersistentVolumeClaim, StorageClass, Volume } from '../schema/generated/index.ts';
import type { NodeInfo } from './node-info.ts';
import { type NodeRequirement, nodeRequirement } from './node-selector.ts';
import type { NodeTable } from './node-table.ts';
import type { Labels, PlacedPod, PodInfo } from './pod-info.ts';
import { type PluginName, type Rejection, reasons, reject } from './plugins.ts';

export interface ClaimFacts {
  volumeName: string;
  className: string;
  isBound: boolean;
  isLost: boolean;
  isDeleted: boolean;
  isForOnePod: boolean;
}

export interface VolumeFacts {
  nodes: NodeRequirement | undefined;
  labels: Labels;
}

/** Claims, volumes and classes, as far as pods' places depend on them. */
export class Volumes {
  /** By namespace and name. */
  readonly claims = new Map<string, ClaimFacts>();
  readonly volumes = new Map<string, VolumeFacts>();
  /** Classes whose volumes wait for the first consumer. */
  readonly waiting = new Set<string>();

  setClaim({ metadata, spec, status }: PersistentVolumeClaim): void {
    const isBound = metadata.annotations?.['pv.kubernetes.io/bind-completed'] !== undefined;
    this.claims.set(`${metadata.namespace}/${metadata.name}`, {
      volumeName: spec?.volumeName ?? '',
      className: spec?.storageClassName ?? '',
      isBound: Boolean(spec?.volumeName) && (isBound || status?.phase === 'Bound'),
      isLost: status?.phase === 'Lost',
      isDeleted: metadata.deletionTimestamp !== undefined,
      isForOnePod: spec?.accessModes?.includes('ReadWriteOncePod') ?? false,
    });
  }

  setVolume({ metadata, spec }: PersistentVolume): void {
    const required = spec?.nodeAffinity?.required;
    const affinity = required && { requiredDuringSchedulingIgnoredDuringExecution: required };
    this.volumes.set(metadata.name ?? '', {
      nodes: nodeRequirement(undefined, affinity),
      labels: metadata.labels ?? {},
    });
  }

  setClass({ metadata, volumeBindingMode }: StorageClass): void {
    const { name = '' } = metadata;
    if (volumeBindingMode === 'WaitForFirstConsumer') this.waiting.add(name);
    else this.waiting.delete(name);
  }
}

const zoneKeys = [
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
];

const claimName = (pod: PlacedPod, { name, persistentVolumeClaim }: Volume): string =>
  persistentVolumeClaim?.claimName ?? `${pod.name}-${name}`;

/** What the claims of one pod say. */
export class ClaimState {
  readonly #pod: PodInfo;
  readonly #volumes: Volumes;
  readonly #table: NodeTable;

  constructor(pod: PodInfo, volumes: Volumes, table: NodeTable) {
    this.#pod = pod;
    this.#volumes = volumes;
    this.#table = table;
  }

  #claim(volume: Volume): ClaimFacts | undefined {
    return this.#volumes.claims.get(`${this.#pod.namespace}/${claimName(this.#pod, volume)}`);
  }

  beforehand(): { plugin: PluginName; message: string; resolvable: boolean } | undefined {
    const refuse = (message: string) => ({ plugin: 'VolumeBinding' as const, message, resolvable: false });
    for (const volume of this.#pod.claims) {
      const claim = this.#claim(volume);
      const name = JSON.stringify(claimName(this.#pod, volume));
      if (!claim) {
        const wait = `waiting for ephemeral volume controller to create the persistentvolumeclaim ${name}`;
        return refuse(volume.ephemeral ? wait : `persistentvolumeclaim ${name} not found`);
      }
      const bound = `bound to non-existent persistentvolume ${JSON.stringify(claim.volumeName)}`;
      if (claim.isLost) return refuse(`persistentvolumeclaim ${name} ${bound}`);
      if (claim.isDeleted) return refuse(`persistentvolumeclaim ${name} is being deleted`);
    }
    const isImmediate = (claim: ClaimFacts): boolean => !claim.isBound && !this.#volumes.waiting.has(claim.className);
    const claims = this.#pod.claims.map((volume) => this.#claim(volume)!);
    return claims.some(isImmediate) ? refuse(reasons.unboundImmediate) : undefined;
  }

  check({ facts }: NodeInfo): Rejection | undefined {
    for (const volume of this.#pod.claims) {
      const claim = this.#claim(volume);
      if (!claim) continue;
      if (claim.isForOnePod && this.#isInUse(claimName(this.#pod, volume))) {
        return reject('VolumeRestrictions', reasons.readWriteOncePod, true);
      }
      if (!claim.isBound) return reject('VolumeBinding', reasons.volumeBinding);
      const bound = this.#volumes.volumes.get(claim.volumeName);
      if (!bound) return reject('VolumeBinding', reasons.volumeMissing);
      if (bound.nodes && !bound.nodes.matches(facts)) return reject('VolumeBinding', reasons.volumeNode);
      if (!isInZone(bound.labels, facts.labels)) return reject('VolumeZone', reasons.volumeZone);
    }
    return undefined;
  }

  #isInUse(name: string): boolean {
    for (const { pods } of this.#table.nodes()) {
      for (const other of pods.values()) {
        if (other.namespace !== this.#pod.namespace) continue;
        if (other.claims.some((volume) => claimName(other, volume) === name)) return true;
      }
    }
    return false;
  }
}

/** A volume's zone label may list several, as `a__b`. */
const isInZone = (volume: Labels, node: Labels): boolean =>
  zoneKeys.every((key) => {
    const zones = volume[key]?.split('__');
    const constrained = zoneKeys.some((one) => node[one] !== undefined);
    return !zones || !constrained || zones.includes(node[key] ?? '');
  });
