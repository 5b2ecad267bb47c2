/** Pods leave nodes with taints of the effect NoExecute, at once or when their tolerations end. */
import { nodes, pods as podsRef } from '../client/index.ts';
import type { Client, EventRecorder } from '../client/types.ts';
import type { Clock } from '../kernel/index.ts';
import type { Node, Pod, Taint } from '../schema/generated/index.ts';
import { deletePod, disruption, patchStatus } from './pod-writes.ts';
import {
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
  recorderFor,
  splitKey,
  type SyncResult,
} from './runtime/index.ts';
import { stayOn } from './tolerations.ts';

const name = 'taint-eviction-controller';
/** Upstream's controller acts as this one. */
const account = 'node-controller';
const workers = 8;
/** Keys of nodes in the queue; those of pods have a slash. */
const isPodKey = (key: string): boolean => key.includes('/');

export function taintEvictionController(env: ControllerEnv): Controller {
  const { clientFor, clock } = env;
  const reader = clientFor(readerName);
  const recorder = recorderFor(env, account, name);
  const evictor = new Evictor({ reader, client: clientFor(account), recorder, clock }, (keys) => queue.addAll(keys));
  const queue = queueOf(env, {
    name,
    workers,
    sync: (key) => (isPodKey(key) ? evictor.syncPod(key) : evictor.syncNode(key)),
    overflowed: () => followed.relist(),
  });
  const options = readingBy(env);
  const followed = follow<Node>(nodes, options, {
    changed(node, deleted) {
      if (evictor.noteTaints(node, deleted)) queue.add(node.metadata.name ?? '');
    },
  });
  const followedPods = follow<Pod>(podsRef, options, {
    changed({ metadata, spec }, deleted) {
      const key = keyOf(metadata);
      if (evictor.concerns(key, spec.nodeName, deleted)) queue.add(key);
    },
    relisted: () => queue.addAll(evictor.pending),
  });
  return controllerOf(name, queue, [followed, followedPods], recorder);
}

interface Parts {
  reader: Client;
  client: Client;
  recorder: EventRecorder;
  clock: Clock;
}

class Evictor {
  readonly #parts: Parts;
  readonly #lookAt: (keys: Iterable<string>) => void;
  /** Nodes that have such taints. */
  readonly #taints = new Map<string, readonly Taint[]>();
  /** When the stay of a pod ends, by the monotonic clock. Another pod of that name has a stay of its own. */
  readonly #stays = new Map<string, { uid: string; endsMs: number }>();

  constructor(parts: Parts, lookAt: (keys: Iterable<string>) => void) {
    this.#parts = parts;
    this.#lookAt = lookAt;
  }

  get pending(): Iterable<string> {
    return this.#stays.keys();
  }

  /** Returns whether the node's pods are to be looked at. */
  noteTaints({ metadata, spec }: Node, deleted: boolean): boolean {
    const node = metadata.name ?? '';
    const before = this.#taints.get(node);
    const taints = deleted ? [] : (spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
    if (taints.length) this.#taints.set(node, taints);
    else this.#taints.delete(node);
    return !deleted && describe(before ?? []) !== describe(taints);
  }

  concerns(key: string, node: string | undefined, deleted: boolean): boolean {
    return this.#stays.has(key) || (!deleted && this.#taints.has(node ?? ''));
  }

  async syncNode(node: string): Promise<SyncResult> {
    const { items } = await this.#parts.reader.list<Pod>(podsRef, { fieldSelector: `spec.nodeName=${node}` });
    this.#lookAt(items.map(({ metadata }) => keyOf(metadata)));
    return done;
  }

  async syncPod(key: string): Promise<SyncResult> {
    const { namespace, name } = splitKey(key);
    const pod = await find<Pod>(this.#parts.client, podsRef, name, namespace);
    if (!pod || pod.metadata.deletionTimestamp) return this.#cancel(key);
    const { uid = '' } = pod.metadata;
    if (this.#stays.get(key)?.uid !== uid) this.#cancel(key);
    const stay = stayOn(this.#taints.get(pod.spec.nodeName ?? '') ?? [], pod.spec.tolerations ?? []);
    if (stay === 'forever') return this.#cancel(key);
    const nowMs = this.#parts.clock.monotonicMs();
    if (stay.ms > 0) {
      // A stay that is under way does not begin anew.
      const { endsMs } = this.#stays.get(key) ?? { endsMs: nowMs + stay.ms };
      this.#stays.set(key, { uid, endsMs });
      if (endsMs > nowMs) return lookIn(endsMs - nowMs);
    } else this.#cancel(key);
    await this.#evict(key, pod);
    return done;
  }

  #cancel(key: string): SyncResult {
    if (this.#stays.delete(key)) this.#tell(key, 'Cancelling deletion of Pod');
    return done;
  }

  async #evict(key: string, pod: Pod): Promise<void> {
    const { client, clock } = this.#parts;
    this.#tell(key, 'Marking for deletion Pod');
    const message = 'Taint manager: deleting due to NoExecute taint';
    const conditions = [disruption(pod, 'DeletionByTaintManager', message, clock.nowMs())];
    await patchStatus(client, pod, { conditions });
    await deletePod(client, pod);
    this.#stays.delete(key);
  }

  #tell(key: string, what: string): void {
    const subject = { apiVersion: 'v1', kind: 'Pod', metadata: splitKey(key) };
    this.#parts.recorder.event(subject, 'Normal', 'TaintManagerEviction', `${what} ${key}`);
  }
}

const describe = (taints: readonly Taint[]): string => taints.map(({ key, value = '' }) => `${key}=${value}`).join(' ');
