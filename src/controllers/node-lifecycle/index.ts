/**
 * Watches over nodes: those that are silent for too long become Unknown, their conditions become taints, and their pods
 * are no longer ready. There is no polling: each node has a timer for the moment at which it would be lost.
 */
import { isDeepStrictEqual } from 'node:util';
import { leases, nodes, pods as podsRef } from '../../client/index.ts';
import type { Client, EventRecorder, EventSubject } from '../../client/types.ts';
import { type Clock, formatTime } from '../../kernel/index.ts';
import type { Lease, Node, Pod } from '../../schema/generated/index.ts';
import { conditionOf } from '../pod-state.ts';
import { patchStatus } from '../pod-writes.ts';
import {
  type Controller,
  type ControllerEnv,
  controllerOf,
  done,
  find,
  follow,
  lookIn,
  queueOf,
  readerName,
  readingBy,
  recorderFor,
  type SyncResult,
} from '../runtime/index.ts';
import { type Health, heardLease, heardStatus, isReadyNode, lostAfterMs, readyOf, withUnknown } from './health.ts';
import { evictingKey, isEvicting, planTaints } from './taints.ts';
import { Zones } from './zones.ts';

export { isReadyNode } from './health.ts';
export { outOfService } from './taints.ts';

const name = 'node-controller';
const workers = 4;
const leaseNamespace = 'kube-node-lease';

/** Labels that have an older name too. */
const olderLabels = [
  ['kubernetes.io/os', 'beta.kubernetes.io/os'],
  ['kubernetes.io/arch', 'beta.kubernetes.io/arch'],
] as const;

export function nodeLifecycleController(env: ControllerEnv): Controller {
  const { clientFor, clock } = env;
  const reader = clientFor(readerName);
  const recorder = recorderFor(env, name);
  const overseer = new Overseer({ reader, client: clientFor(name), recorder, clock }, (keys) => queue.addAll(keys));
  const queue = queueOf(env, {
    name,
    workers,
    sync: (key) => overseer.sync(key),
    overflowed: () => followed.relist(),
  });
  const options = readingBy(env);
  const followed = follow<Node>(nodes, options, {
    changed(node, deleted) {
      const key = node.metadata.name ?? '';
      if (deleted) overseer.gone(key);
      else overseer.heardStatus(key, node);
      queue.add(key);
    },
    relisted: () => queue.addAll(overseer.known),
  });
  const followedLeases = follow<Lease>(
    leases,
    { ...options, selection: { namespace: leaseNamespace } },
    {
      changed: ({ metadata, spec }, deleted) => {
        if (!deleted) overseer.heardLease(metadata.name ?? '', spec?.renewTime);
      },
    },
  );
  return controllerOf(name, queue, [followed, followedLeases], recorder);
}

interface Parts {
  reader: Client;
  client: Client;
  recorder: EventRecorder;
  clock: Clock;
}

interface Known {
  uid: string;
  /** Pods are still to be marked. */
  unmarked: boolean;
}

class Overseer {
  readonly #parts: Parts;
  readonly #lookAt: (names: Iterable<string>) => void;
  readonly #health = new Map<string, Health>();
  readonly #known = new Map<string, Known>();
  readonly #zones = new Zones();
  #allLost = false;

  constructor(parts: Parts, lookAt: (names: Iterable<string>) => void) {
    this.#parts = parts;
    this.#lookAt = lookAt;
  }

  get known(): Iterable<string> {
    return this.#known.keys();
  }

  heardStatus(name: string, node: Node): void {
    const { clock } = this.#parts;
    const moment = { wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
    // Before the first is judged, all that were listed stand in their zones: one of many is not the only one.
    if (!this.#known.has(name)) this.#zones.set(name, node);
    this.#health.set(name, heardStatus(this.#health.get(name), node, moment));
  }

  /** Another node of that name is another node. */
  gone(name: string): void {
    this.#health.delete(name);
  }

  heardLease(name: string, renewed: string | undefined): void {
    const before = this.#health.get(name);
    if (before) this.#health.set(name, heardLease(before, renewed, this.#parts.clock.monotonicMs()));
  }

  async sync(name: string): Promise<SyncResult> {
    const found = await find<Node>(this.#parts.client, nodes, name);
    if (!found) return this.#forget(name);
    const known = this.#meet(name, found);
    const node = await this.#judge(name, found, known);
    this.#zones.set(name, node);
    this.#noteDisruption();
    const turnMs = await this.#setTaints(node);
    // Marks that failed are made up for only while they are still true.
    if (isReadyNode(node)) known.unmarked = false;
    if (known.unmarked) await this.#markPods(name, known);
    const lostMs = readyOf(node)?.status === 'Unknown' ? undefined : this.#lostInMs(name, node);
    const waits = [turnMs, lostMs].filter((ms) => ms !== undefined);
    return waits.length ? lookIn(Math.min(...waits)) : done;
  }

  #forget(name: string): SyncResult {
    const known = this.#known.get(name);
    if (known) this.#tell(name, known.uid, 'RemovingNode', `event: Removing Node ${name} from Controller`);
    this.#known.delete(name);
    this.#health.delete(name);
    this.#zones.set(name, undefined);
    this.#noteDisruption();
    return done;
  }

  #meet(name: string, { metadata }: Node): Known {
    const { uid = '' } = metadata;
    const before = this.#known.get(name);
    if (before) return before;
    this.#tell(name, uid, 'RegisteredNode', `event: Registered Node ${name} in Controller`);
    const known: Known = { uid, unmarked: false };
    this.#known.set(name, known);
    return known;
  }

  #tell(name: string, uid: string, reason: string, what: string): void {
    const subject: EventSubject = { apiVersion: 'v1', kind: 'Node', metadata: { name, uid } };
    this.#parts.recorder.event(subject, 'Normal', reason, `Node ${name} ${what}`);
  }

  #lostInMs(name: string, node: Node): number {
    const health = this.#health.get(name);
    // Not at that very moment, but after it.
    return health ? lostAfterMs(health, node) - this.#parts.clock.monotonicMs() + 1 : 0;
  }

  /** The node as it is then: with nothing known of it when it was silent for too long. */
  async #judge(name: string, node: Node, known: Known): Promise<Node> {
    const { client, clock } = this.#parts;
    if (!this.#health.has(name)) this.heardStatus(name, node);
    if (this.#lostInMs(name, node) > 0) return node;
    const next = withUnknown(node, clock.nowMs());
    if (isDeepStrictEqual(readyOf(next), readyOf(node))) return node;
    const written = await client.update<Node>(nodes, next, { subresource: 'status' });
    if (isReadyNode(node)) {
      this.#tell(name, known.uid, 'NodeNotReady', 'status is now: NodeNotReady');
      known.unmarked = true;
    }
    return written;
  }

  /** When the last node is lost, or the first one is back, all are to be looked at. */
  #noteDisruption(): void {
    const { isAllLost } = this.#zones;
    if (isAllLost === this.#allLost) return;
    this.#allLost = isAllLost;
    const heardMs = this.#parts.clock.monotonicMs();
    if (!isAllLost) for (const [name, health] of this.#health) this.#health.set(name, { ...health, heardMs });
    this.#lookAt(this.#known.keys());
  }

  /** Returns how long pods may still stay on a node that is to lose them. */
  async #setTaints(node: Node): Promise<number | undefined> {
    const { client, clock } = this.#parts;
    const wanted = this.#allLost ? undefined : evictingKey(node);
    // A node that loses its pods already only changes the reason.
    const turnMs = wanted && !isEvicting(node) ? this.#zones.turnInMs(node, clock.monotonicMs()) : 0;
    const taints = planTaints(node, turnMs > 0 ? undefined : wanted, clock.nowMs());
    const labels = missingLabels(node);
    const { name = '', resourceVersion = '', uid = '' } = node.metadata;
    if (taints || labels) {
      const metadata = { uid, resourceVersion, ...(labels && { labels }) };
      const body = { metadata, ...(taints && { spec: { taints } }) };
      await client.patch<Node>(nodes, name, 'application/merge-patch+json', body);
    }
    return turnMs > 0 ? turnMs : undefined;
  }

  async #markPods(name: string, known: Known): Promise<void> {
    const { reader, client, recorder, clock } = this.#parts;
    const fieldSelector = `spec.nodeName=${name}`;
    const { items } = await reader.list<Pod>(podsRef, { fieldSelector });
    for (const pod of items) {
      const ready = conditionOf(pod, 'Ready');
      if (ready?.status !== 'True') continue;
      const conditions = [{ ...ready, status: 'False', lastTransitionTime: formatTime(clock.nowMs()) }];
      await patchStatus(client, pod, { conditions });
      recorder.event(
        { apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata },
        'Warning',
        'NodeNotReady',
        'Node is not ready',
      );
    }
    known.unmarked = false;
  }
}

/** Labels under their older names, where they are missing or differ. */
function missingLabels({ metadata }: Node): Record<string, string> | undefined {
  const { labels = {} } = metadata;
  const wrong = olderLabels.flatMap(([current, older]) => {
    const value = labels[current];
    return value !== undefined && labels[older] !== value ? [[older, value]] : [];
  });
  return wrong.length ? Object.fromEntries(wrong) : undefined;
}
