/** A Deployment and its ReplicaSets as they are to be, with what has to be written for it. */
import { isDeepStrictEqual } from 'node:util';
import type { Deployment, LabelSelector, ReplicaSet } from '../../schema/generated/index.ts';
import { byAge, controllerRefTo } from '../runtime/index.ts';
import { desiredReplicas, isRolling, maxSurge } from './bounds.ts';
import { type Annotations, currentAnnotations, maxRevision, revisionOf, withReplicas } from './revisions.ts';
import { hashLabel, isSameTemplate, replicaSetName, templateHash } from './template.ts';

export const deploymentKind = { apiVersion: 'apps/v1', kind: 'Deployment' } as const;

/** One ReplicaSet. */
export interface Member {
  /** As it is, or as it will be created. */
  readonly object: ReplicaSet;
  readonly isNew: boolean;
  replicas: number;
  annotations: Annotations;
  minReadySeconds: number;
}

const memberOf = (object: ReplicaSet, isNew: boolean): Member => ({
  object,
  isNew,
  replicas: object.spec.replicas ?? 1,
  annotations: object.metadata.annotations ?? {},
  minReadySeconds: object.spec.minReadySeconds ?? 0,
});

export const availableOf = ({ object }: Member): number => object.status?.availableReplicas ?? 0;

export const sum = (members: readonly Member[], of: (member: Member) => number): number =>
  members.reduce((total, member) => total + of(member), 0);

export const sizeOf = ({ replicas }: Member): number => replicas;

export class Draft {
  readonly deployment: Deployment;
  /** Oldest first. */
  readonly old: readonly Member[];
  /** The one with the Deployment's template. */
  current: Member | undefined;
  readonly doomed: ReplicaSet[] = [];

  constructor(deployment: Deployment, replicaSets: readonly ReplicaSet[]) {
    this.deployment = deployment;
    const sorted = [...replicaSets].sort(byAge);
    // After an upgrade there may be two with this template; the choice has to stay the same.
    const current = sorted.find(({ spec }) => isSameTemplate(spec.template, deployment.spec.template));
    this.old = sorted.filter((each) => each !== current).map((each) => memberOf(each, false));
    if (!current) return;
    this.current = memberOf(current, false);
    this.current.annotations = currentAnnotations(this.#annotations, this.current.annotations, this.#nextRevision());
    this.current.minReadySeconds = deployment.spec.minReadySeconds ?? 0;
  }

  get all(): Member[] {
    return this.current ? [...this.old, this.current] : [...this.old];
  }

  get active(): Member[] {
    return this.all.filter(({ replicas }) => replicas > 0);
  }

  /** The ReplicaSet with the Deployment's template; made when there is none. */
  ensureCurrent(): Member {
    this.current ??= this.#create();
    return this.current;
  }

  /** Returns whether the size changes. Without `always`, only then anything does. */
  scale(member: Member, replicas: number, always = false): boolean {
    const changes = member.replicas !== replicas;
    if (!changes && !always) return false;
    member.replicas = replicas;
    const desired = desiredReplicas(this.deployment);
    member.annotations = withReplicas(member.annotations, desired, desired + maxSurge(this.deployment));
    return changes;
  }

  /** How many pods the current ReplicaSet may have, all others as they are. */
  roomForCurrent(size: number): number {
    const desired = desiredReplicas(this.deployment);
    if (!isRolling(this.deployment)) return desired;
    const room = desired + maxSurge(this.deployment) - sum(this.all, sizeOf);
    return room <= 0 ? size : size + Math.min(room, desired - size);
  }

  /** The revision that the Deployment says it is at. */
  get revision(): bigint | undefined {
    return this.current && revisionOf(this.current.annotations);
  }

  /** ReplicaSets that are to be written, as they are to be. */
  get updates(): { before: ReplicaSet; after: ReplicaSet }[] {
    return this.all
      .filter(({ isNew }) => !isNew)
      .map((member) => ({ before: member.object, after: withMember(member) }))
      .filter(({ before, after }) => !isDeepStrictEqual(before, after));
  }

  get #annotations(): Annotations {
    return this.deployment.metadata.annotations ?? {};
  }

  #nextRevision(): bigint {
    return maxRevision(this.old.map(({ annotations }) => annotations)) + 1n;
  }

  #create(): Member {
    const { metadata, spec, status } = this.deployment;
    const { name = '', namespace = '' } = metadata;
    const hash = templateHash(spec.template, status?.collisionCount);
    const labels = { ...spec.template.metadata?.labels, [hashLabel]: hash };
    const desired = desiredReplicas(this.deployment);
    const annotations = currentAnnotations(this.#annotations, {}, this.#nextRevision());
    const object: ReplicaSet = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: replicaSetName(name, hash),
        namespace,
        labels,
        annotations: { ...withReplicas(annotations, desired, desired + maxSurge(this.deployment)) },
        ownerReferences: [controllerRefTo(deploymentKind, metadata)],
      },
      spec: {
        replicas: this.roomForCurrent(0),
        ...(spec.minReadySeconds && { minReadySeconds: spec.minReadySeconds }),
        selector: withHash(spec.selector, hash),
        template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
      },
    };
    return memberOf(object, true);
  }
}

const withHash = (selector: LabelSelector, hash: string): LabelSelector => ({
  ...selector,
  matchLabels: { ...selector.matchLabels, [hashLabel]: hash },
});

function withMember({ object, replicas, annotations, minReadySeconds }: Member): ReplicaSet {
  const { minReadySeconds: _old, ...spec } = object.spec;
  const hasAnnotations = Object.keys(annotations).length > 0;
  return {
    ...object,
    metadata: { ...object.metadata, ...(hasAnnotations && { annotations: { ...annotations } }) },
    spec: { ...spec, replicas, ...(minReadySeconds && { minReadySeconds }) },
  };
}
