import { configMaps, secrets } from '../../client/index.ts';
import type { Client, ResourceRef, Watch } from '../../client/types.ts';
import { type Clock, isReason, type Logger, type Timer } from '../../kernel/index.ts';
import type { ConfigMap, Pod, Secret } from '../../schema/generated/index.ts';
import type { KubeObject } from '../../schema/object.ts';

export type ReferenceKind = 'configmap' | 'secret';

interface Followed {
  ref: ResourceRef;
  namespace: string;
  name: string;
  pods: Set<string>;
  /** Version that the watch told last: '' of an object that is not there; undefined before it told anything. */
  seen: string | undefined;
  /** Version that was read first, by whichever pod. */
  read: string | undefined;
  watch: Watch | undefined;
  retry: Timer | undefined;
  failures: number;
}

const refs: Readonly<Record<ReferenceKind, ResourceRef>> = { configmap: configMaps, secret: secrets };
/** Objects followed at once. Those above it are noticed when their pods are next synced. */
const limit = 2_000;
const firstRetryMs = 1_000;
const maxRetryMs = 60_000;

export interface ReferencesOptions {
  client: Client;
  clock: Clock;
  log: Logger;
  onChange(podUid: string): void;
}

/**
 * ConfigMaps and Secrets that pods on this node use: reads them, and tells which pods to look at when one changes. One
 * watch an object, as a node is allowed only that; a watch at rest costs nothing.
 */
export class References {
  readonly #options: ReferencesOptions;
  readonly #followed = new Map<string, Followed>();
  readonly #keysOfPod = new Map<string, Set<string>>();

  constructor(options: ReferencesOptions) {
    this.#options = options;
  }

  /** Throws with the kubelet's text when there is no such object. */
  readConfigMap(namespace: string, name: string): Promise<ConfigMap> {
    return this.#read<ConfigMap>('configmap', namespace, name);
  }

  readSecret(namespace: string, name: string): Promise<Secret> {
    return this.#read<Secret>('secret', namespace, name);
  }

  /** Follows what the pod's volumes refer to, and nothing else for that pod. Idempotent. */
  follow(pod: Pod): void {
    const { uid = '', namespace = '' } = pod.metadata;
    const wanted = new Map(
      volumeReferences(pod).map((reference) => [keyOf(reference.kind, namespace, reference.name), reference]),
    );
    const present = this.#keysOfPod.get(uid) ?? new Set();
    for (const key of present) if (!wanted.has(key)) this.#leave(key, uid);
    this.#keysOfPod.set(uid, new Set(wanted.keys()));
    for (const [key, { kind, name }] of wanted) this.#join(key, uid, kind, namespace, name);
  }

  knows(podUid: string): boolean {
    return this.#keysOfPod.has(podUid);
  }

  forget(podUid: string): void {
    for (const key of this.#keysOfPod.get(podUid) ?? []) this.#leave(key, podUid);
    this.#keysOfPod.delete(podUid);
  }

  stop(): void {
    for (const followed of this.#followed.values()) end(followed);
    this.#followed.clear();
    this.#keysOfPod.clear();
  }

  async #read<T extends KubeObject>(kind: ReferenceKind, namespace: string, name: string): Promise<T> {
    const followed = this.#followed.get(keyOf(kind, namespace, name));
    const before = followed?.seen;
    try {
      const object = await this.#options.client.get<T>(refs[kind], name, namespace);
      if (followed) this.#took(followed, object.metadata.resourceVersion ?? '', before);
      return object;
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
      if (followed) this.#took(followed, '', before);
      throw new ReferenceNotFound(kind, name);
    }
  }

  /** The watch may have overtaken the answer: then what was read is old already. */
  #took(followed: Followed, version: string, seenBefore: string | undefined): void {
    followed.read ??= version;
    if (followed.seen !== seenBefore && followed.seen !== version) this.#tell(followed);
  }

  #join(key: string, uid: string, kind: ReferenceKind, namespace: string, name: string): void {
    const present = this.#followed.get(key);
    if (present) {
      present.pods.add(uid);
      return;
    }
    if (this.#followed.size >= limit) return;
    const followed: Followed = {
      ref: refs[kind],
      namespace,
      name,
      pods: new Set([uid]),
      seen: undefined,
      read: undefined,
      watch: undefined,
      retry: undefined,
      failures: 0,
    };
    this.#followed.set(key, followed);
    this.#observe(followed);
  }

  #leave(key: string, uid: string): void {
    const followed = this.#followed.get(key);
    if (!followed?.pods.delete(uid) || followed.pods.size > 0) return;
    this.#followed.delete(key);
    end(followed);
  }

  #observe(followed: Followed): void {
    const { client } = this.#options;
    let isThere = false;
    const selection = { namespace: followed.namespace, fieldSelector: `metadata.name=${followed.name}` };
    followed.watch = client.watch<KubeObject>(
      followed.ref,
      { ...selection, sendInitialEvents: true },
      {
        event: (event) => {
          followed.failures = 0;
          if (event.type === 'BOOKMARK') {
            if (event.initialEventsEnd && !isThere) this.#saw(followed, '');
            return;
          }
          isThere = event.type !== 'DELETED';
          this.#saw(followed, isThere ? (event.object.metadata.resourceVersion ?? '') : '');
        },
        closed: (error) => this.#observeAgain(followed, error),
      },
    );
  }

  #observeAgain(followed: Followed, error: unknown): void {
    const { clock, log } = this.#options;
    if (followed.pods.size === 0) return;
    const delayMs = Math.min(firstRetryMs * 2 ** Math.min(followed.failures++, 10), maxRetryMs);
    const { namespace, name, ref } = followed;
    log.debug('watching again', { resource: ref.resource, namespace, name, delayMs, error: String(error) });
    followed.retry = clock.after(delayMs, () => this.#observe(followed));
  }

  /** Told to all pods, although one of them may have read it already: the others have not. */
  #saw(followed: Followed, version: string): void {
    const known = followed.seen ?? followed.read;
    followed.seen = version;
    if (followed.read !== undefined && known !== version) this.#tell(followed);
  }

  #tell({ pods }: Followed): void {
    for (const uid of [...pods]) this.#options.onChange(uid);
  }
}

/** `configmap "settings" not found` */
export class ReferenceNotFound extends Error {
  override readonly name = 'ReferenceNotFound';

  constructor(kind: ReferenceKind, name: string) {
    super(`${kind} "${name}" not found`);
  }
}

function end(followed: Followed): void {
  followed.pods.clear();
  followed.watch?.stop();
  followed.retry?.cancel();
}

const keyOf = (kind: ReferenceKind, namespace: string, name: string): string => `${kind}/${namespace}/${name}`;

function volumeReferences({ spec }: Pod): { kind: ReferenceKind; name: string }[] {
  const named = (kind: ReferenceKind, name: string | undefined) => (name ? [{ kind, name }] : []);
  return (spec.volumes ?? []).flatMap(({ configMap, secret, projected }) => [
    ...named('configmap', configMap?.name),
    ...named('secret', secret?.secretName),
    ...(projected?.sources ?? []).flatMap((source) => [
      ...named('configmap', source.configMap?.name),
      ...named('secret', source.secret?.name),
    ]),
  ]);
}
