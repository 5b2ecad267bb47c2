/** Ends pods that no kubelet will end: of nodes that are gone or out of service, never assigned, or ended long ago. */
import { nodes, pods as podsRef } from '../client/index.ts';
import type { Client } from '../client/types.ts';
import type { Clock } from '../kernel/index.ts';
import type { Node, Pod } from '../schema/generated/index.ts';
import { isReadyNode, outOfService } from './node-lifecycle/index.ts';
import { isTerminal } from './pod-state.ts';
import { disruption, endPod } from './pod-writes.ts';
import {
  byAge,
  type Controller,
  type ControllerEnv,
  controllerOf,
  done,
  find,
  follow,
  keyOf,
  lookIn,
  queueOf,
  readerName,
  readingBy,
  splitKey,
  type SyncResult,
} from './runtime/index.ts';

const name = 'pod-garbage-collector';
const workers = 4;
/** A node that is missing may have been made just now. */
const quarantineMs = 40_000;
/** Pods that have ended and are kept. */
const endedLimit = 12_500;
/** A key of its own, which no node has. */
const endedKey = '*ended*';

export interface PodGcOptions {
  endedLimit?: number;
}

export function podGcController(env: ControllerEnv, options: PodGcOptions = {}): Controller {
  const { clientFor, clock } = env;
  const reader = clientFor(readerName);
  const collector = new Collector(reader, clientFor(name), clock, options.endedLimit ?? endedLimit);
  const queue = queueOf(env, {
    name,
    workers,
    sync: (key) => collector.sync(key),
    overflowed: () => followedPods.relist(),
  });
  const following = readingBy(env);
  const followed = follow<Node>(nodes, following, {
    changed(node, deleted) {
      if (collector.noteNode(node, deleted)) queue.add(node.metadata.name ?? '');
    },
    relisted: () => queue.addAll(collector.knownNodes),
  });
  const followedPods = follow<Pod>(podsRef, following, {
    changed: (pod, deleted) => queue.addAll(collector.concerned(pod, deleted)),
    relisted: () => queue.add(endedKey),
  });
  return controllerOf(name, queue, [followed, followedPods]);
}

class Collector {
  readonly #reader: Client;
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #endedLimit: number;
  /** True for those that are out of service. */
  readonly #nodes = new Map<string, boolean>();
  readonly #missingSinceMs = new Map<string, number>();
  #ended = new Set<string>();

  constructor(reader: Client, client: Client, clock: Clock, endedLimit: number) {
    this.#reader = reader;
    this.#client = client;
    this.#clock = clock;
    this.#endedLimit = endedLimit;
  }

  get knownNodes(): Iterable<string> {
    return this.#nodes.keys();
  }

  /** Returns whether there may be pods to end. */
  noteNode(node: Node, deleted: boolean): boolean {
    const { name = '' } = node.metadata;
    const isOut = isOutOfService(node);
    if (deleted) this.#nodes.delete(name);
    else this.#nodes.set(name, isOut);
    if (!deleted) this.#missingSinceMs.delete(name);
    return deleted || isOut;
  }

  /** Keys to look at for the pod's sake. */
  concerned(pod: Pod, deleted: boolean): string[] {
    const key = keyOf(pod.metadata);
    const node = pod.spec.nodeName;
    if (deleted || !isTerminal(pod)) this.#ended.delete(key);
    else this.#ended.add(key);
    if (deleted) return [];
    const keys = this.#ended.size > this.#endedLimit ? [endedKey] : [];
    if (!node) return pod.metadata.deletionTimestamp && !isTerminal(pod) ? [...keys, key] : keys;
    const isOut = this.#nodes.get(node);
    return isOut === undefined || (isOut && pod.metadata.deletionTimestamp) ? [...keys, node] : keys;
  }

  async sync(key: string): Promise<SyncResult> {
    if (key === endedKey) return this.#dropEnded();
    return key.includes('/') ? this.#endUnassigned(key) : this.#sweep(key);
  }

  async #endUnassigned(key: string): Promise<SyncResult> {
    const { namespace, name } = splitKey(key);
    const { items } = await this.#reader.list<Pod>(podsRef, { namespace, fieldSelector: `metadata.name=${name}` });
    for (const pod of items) {
      if (pod.metadata.deletionTimestamp && !pod.spec.nodeName) await endPod(this.#client, pod);
    }
    return done;
  }

  async #sweep(name: string): Promise<SyncResult> {
    const node = await find<Node>(this.#client, nodes, name);
    if (node && !isOutOfService(node)) return done;
    if (!node) this.#nodes.delete(name);
    const { items } = await this.#reader.list<Pod>(podsRef, { fieldSelector: `spec.nodeName=${name}` });
    if (node) {
      for (const pod of items) if (pod.metadata.deletionTimestamp) await endPod(this.#client, pod);
      return done;
    }
    return this.#sweepMissing(name, items);
  }

  async #sweepMissing(node: string, orphans: readonly Pod[]): Promise<SyncResult> {
    // The time of day may jump, as it does on a board that learns it from the network.
    const nowMs = this.#clock.monotonicMs();
    const sinceMs = this.#missingSinceMs.get(node) ?? nowMs;
    if (orphans.length === 0) this.#missingSinceMs.delete(node);
    else this.#missingSinceMs.set(node, sinceMs);
    if (orphans.length === 0) return done;
    const waitMs = sinceMs + quarantineMs - nowMs;
    if (waitMs > 0) return lookIn(waitMs);
    const message = 'PodGC: node no longer exists';
    for (const pod of orphans) {
      await endPod(this.#client, pod, disruption(pod, 'DeletionByPodGC', message, this.#clock.nowMs()));
    }
    this.#missingSinceMs.delete(node);
    return done;
  }

  /** Evicted ones first: nobody waits for their results. */
  async #dropEnded(): Promise<SyncResult> {
    const { items } = await this.#reader.list<Pod>(podsRef);
    const ended = items.filter(isTerminal);
    this.#ended = new Set(ended.map(({ metadata }) => keyOf(metadata)));
    const surplus = Math.max(0, ended.length - this.#endedLimit);
    const order = (a: Pod, b: Pod): number => Number(isEvicted(b)) - Number(isEvicted(a)) || byAge(a, b);
    for (const pod of ended.sort(order).slice(0, surplus)) await endPod(this.#client, pod);
    return done;
  }
}

const isEvicted = ({ status }: Pod): boolean => status?.phase === 'Failed' && status.reason === 'Evicted';

const isOutOfService = (node: Node): boolean =>
  !isReadyNode(node) && Boolean(node.spec?.taints?.some(({ key }) => key === outOfService));
