/** How many nodes of a zone are ready, and how fast the others may lose their pods. */
import type { Node } from '../../schema/generated/index.ts';
import { isReadyNode } from './health.ts';

const excludedLabel = 'node.kubernetes.io/exclude-disruption';
const zoneLabels = [
  ['topology.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/region'],
  ['topology.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/zone'],
] as const;

/** Between two nodes of a zone that lose their pods. */
const betweenMs = 10_000;
/** The same while much of a large zone is away; of a small one no more nodes lose theirs. */
const betweenInDisruptionMs = 100_000;
const largeZone = 50;
const disruptedShare = 0.55;

interface Member {
  zone: string;
  ready: boolean;
}

export class Zones {
  readonly #members = new Map<string, Member>();
  readonly #nextMs = new Map<string, number>();
  #ready = 0;

  set(name: string, node: Node | undefined): void {
    const before = this.#members.get(name);
    if (before?.ready) this.#ready--;
    this.#members.delete(name);
    if (!node || node.metadata.labels?.[excludedLabel] !== undefined) return;
    const ready = isReadyNode(node);
    if (ready) this.#ready++;
    this.#members.set(name, { zone: zoneOf(node), ready });
  }

  /** No node is ready: more likely it is us who cannot see them. Then no pod is taken from any. */
  get isAllLost(): boolean {
    return this.#members.size > 0 && this.#ready === 0;
  }

  /** How long until this node may lose its pods, one node of its zone after the other; takes the turn when it is 0. */
  turnInMs(node: Node, monotonicMs: number): number {
    const zone = zoneOf(node);
    const dueMs = this.#nextMs.get(zone) ?? monotonicMs;
    if (dueMs > monotonicMs) return dueMs - monotonicMs;
    const between = this.#betweenMs(zone);
    if (between === undefined) return betweenMs;
    this.#nextMs.set(zone, monotonicMs + between);
    return 0;
  }

  /** Undefined: not at all. */
  #betweenMs(zone: string): number | undefined {
    let all = 0;
    let lost = 0;
    for (const member of this.#members.values()) {
      if (member.zone !== zone) continue;
      all++;
      if (!member.ready) lost++;
    }
    const isDisrupted = lost > 2 && lost < all && lost / all >= disruptedShare;
    if (!isDisrupted) return betweenMs;
    return all > largeZone ? betweenInDisruptionMs : undefined;
  }
}

const zoneOf = ({ metadata }: Node): string => {
  const { labels = {} } = metadata;
  return zoneLabels.map((names) => names.map((name) => labels[name]).find(Boolean) ?? '').join(':');
};
