/** Mirror pods: how pods from files are shown in the API. */
import { nodes, pods } from '../../client/index.ts';
import type { Client } from '../../client/types.ts';
import { type Clock, isReason, type Logger, type Timer } from '../../kernel/index.ts';
import type { Node, Pod } from '../../schema/generated/index.ts';

export const mirrorAnnotation = 'kubernetes.io/config.mirror';
const hashAnnotation = 'kubernetes.io/config.hash';

export const isMirror = ({ metadata }: Pod): boolean => metadata.annotations?.[mirrorAnnotation] !== undefined;

export const fullName = ({ metadata }: Pod): string => `${metadata.namespace}/${metadata.name}`;

const retryMs = 5_000;

interface MirrorEnv {
  client: Client;
  clock: Clock;
  log: Logger;
  nodeName: string;
}

/** Keeps one mirror for each static pod and none else. Not yet possible is tried again. */
export class MirrorPods {
  readonly #env: MirrorEnv;
  /** By full name. */
  readonly #mirrors = new Map<string, Pod>();
  readonly #busy = new Set<string>();
  /** To be looked at, again if one is being written: what it did may be told before the call that did it returns. */
  readonly #due = new Set<string>();
  readonly #retries = new Map<string, Timer>();
  readonly #wanted: (name: string) => Pod | undefined;
  #isStopped = false;

  /** `wanted` tells the static pod of a full name, until it has ended. */
  constructor(env: MirrorEnv, wanted: (name: string) => Pod | undefined) {
    this.#env = env;
    this.#wanted = wanted;
  }

  get(name: string): Pod | undefined {
    return this.#mirrors.get(name);
  }

  changed(mirror: Pod, deleted: boolean): void {
    const name = fullName(mirror);
    if (!deleted) this.#mirrors.set(name, mirror);
    else if (this.#mirrors.get(name)?.metadata.uid === mirror.metadata.uid) this.#mirrors.delete(name);
    this.reconcile(name);
  }

  all(): Pod[] {
    return [...this.#mirrors.values()];
  }

  /** Makes, replaces or deletes the mirror of this name. */
  reconcile(name: string): void {
    if (this.#isStopped) return;
    this.#due.add(name);
    if (!this.#busy.has(name)) void this.#reconcile(name);
  }

  stop(): void {
    this.#isStopped = true;
    for (const retry of this.#retries.values()) retry.cancel();
  }

  async #reconcile(name: string): Promise<void> {
    this.#busy.add(name);
    while (this.#due.delete(name) && !this.#isStopped) {
      try {
        await this.#step(this.#wanted(name), this.#mirrors.get(name));
      } catch (error) {
        this.#env.log.warn('mirror pod not written', { pod: name, error: String(error) });
        this.#retryLater(name);
      }
    }
    this.#busy.delete(name);
  }

  #retryLater(name: string): void {
    if (this.#isStopped) return;
    this.#retries.get(name)?.cancel();
    const retry = this.#env.clock.after(retryMs, () => {
      this.#retries.delete(name);
      this.reconcile(name);
    });
    this.#retries.set(name, retry);
  }

  async #step(pod: Pod | undefined, mirror: Pod | undefined): Promise<void> {
    const isRight =
      mirror &&
      !mirror.metadata.deletionTimestamp &&
      pod &&
      mirror.metadata.annotations?.[mirrorAnnotation] === hashOf(pod);
    if (mirror && !isRight) await this.#delete(mirror);
    else if (!mirror && pod) await this.#create(pod);
  }

  async #delete({ metadata }: Pod): Promise<void> {
    const { name = '', namespace = '', uid = '' } = metadata;
    try {
      await this.#env.client.delete(pods, name, { namespace, gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (error) {
      if (!isReason(error, 'NotFound') && !isReason(error, 'Conflict')) throw error;
    }
  }

  async #create(pod: Pod): Promise<void> {
    const { client, nodeName } = this.#env;
    const node = await client.get<Node>(nodes, nodeName);
    const { uid: _uid, resourceVersion: _version, creationTimestamp: _created, ...metadata } = pod.metadata;
    const owner = { apiVersion: 'v1', kind: 'Node', name: nodeName, uid: node.metadata.uid ?? '', controller: true };
    const { status: _status, ...rest } = pod;
    const mirror: Pod = {
      ...rest,
      metadata: {
        ...metadata,
        annotations: { ...metadata.annotations, [mirrorAnnotation]: hashOf(pod) },
        ownerReferences: [owner],
      },
    };
    try {
      await client.create<Pod>(pods, mirror, { namespace: metadata.namespace ?? '' });
    } catch (error) {
      if (!isReason(error, 'AlreadyExists')) throw error;
      // Its mirror that is not listed yet, or somebody else's pod, which may go.
      if (!this.#mirrors.has(fullName(pod))) this.#retryLater(fullName(pod));
    }
  }
}

const hashOf = ({ metadata }: Pod): string => metadata.annotations?.[hashAnnotation] ?? '';
