/** The selectors of services and controllers, by which pods that say nothing about it are spread over nodes. */
import type { Service } from '../schema/generated/index.ts';
import { type LabelRequirements, matchesLabels, requirementsOfLabels } from '../schema/index.ts';
import { type Labels, type PodInfo, requirementsOf } from './pod-info.ts';

interface Selecting {
  metadata: { namespace?: string; name?: string };
  spec?: { selector?: unknown };
}

/** Owners whose pods are spread. */
const owners: Readonly<Record<string, string>> = {
  ReplicationController: 'v1',
  ReplicaSet: 'apps/v1',
  StatefulSet: 'apps/v1',
};

const nothing: LabelRequirements = [];
/** A service without a selector selects nothing, not everything. */
const unselecting: Labels = {};

export class Selectors {
  /** By namespace, then by name. */
  readonly #services = new Map<string, Map<string, Labels>>();
  /** By kind, namespace and name. */
  readonly #owners = new Map<string, LabelRequirements>();

  setService({ metadata: { namespace = '', name = '' }, spec }: Service): void {
    let services = this.#services.get(namespace);
    if (!services) {
      services = new Map();
      this.#services.set(namespace, services);
    }
    services.set(name, spec?.selector ?? unselecting);
  }

  removeService({ metadata: { namespace = '', name = '' } }: Service): void {
    const services = this.#services.get(namespace);
    services?.delete(name);
    if (services?.size === 0) this.#services.delete(namespace);
  }

  setOwner(kind: string, { metadata, spec }: Selecting): void {
    const selector = spec?.selector;
    const isMap = kind === 'ReplicationController';
    this.#owners.set(
      `${kind}/${metadata.namespace}/${metadata.name}`,
      isMap ? requirementsOfLabels((selector ?? {}) as Labels) : requirementsOf(selector as object | undefined),
    );
  }

  removeOwner(kind: string, { metadata }: Selecting): void {
    this.#owners.delete(`${kind}/${metadata.namespace}/${metadata.name}`);
  }

  /** Selects the pods of the same services and controller; empty when there are none. */
  of({ namespace, labels, owner }: PodInfo): LabelRequirements {
    const services = [...(this.#services.get(namespace)?.values() ?? [])]
      .filter((selector) => selector !== unselecting)
      .map(requirementsOfLabels)
      .filter((requirements) => matchesLabels(requirements, labels));
    const isKnown = owner && owners[owner.kind] === owner.apiVersion;
    const own = isKnown ? this.#owners.get(`${owner.kind}/${namespace}/${owner.name}`) : undefined;
    return services.length > 0 || own ? [...services.flat(), ...(own ?? [])] : nothing;
  }
}
