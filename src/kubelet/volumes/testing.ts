/** What tests of volumes and of container configurations stand on: an API in memory, a mounter that only remembers. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Client, ListOptions, ResourceRef, WatchHandler, WriteOptions } from '../../client/types.ts';
import { apiError, formatTime, ManualClock, silentLogger } from '../../kernel/index.ts';
import type { Container, Pod, PodSpec, TokenRequest } from '../../schema/generated/index.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { Mounter } from './mounter.ts';

interface Watcher {
  ref: ResourceRef;
  namespace: string;
  name: string;
  handler: WatchHandler<KubeObject>;
}

/** Objects by resource, namespace and name; watches of single names; tokens that count up. */
export class FakeApi {
  readonly clock = new ManualClock();
  readonly watchers = new Set<Watcher>();
  tokensIssued = 0;
  /** Throws to refuse a token. */
  refuseToken: () => void = () => {};
  readonly #objects = new Map<string, KubeObject>();
  #revision = 0;
  #held: (() => void)[] | undefined;

  readonly client: Client = {
    get: async <T extends KubeObject>(ref: ResourceRef, name: string, namespace = '') => {
      const found = this.#objects.get(keyOf(ref, namespace, name));
      if (!found) throw apiError.notFound(ref, name);
      return found as T;
    },
    list: async <T extends KubeObject>({ resource }: ResourceRef, { namespace = '' }: ListOptions = {}) => {
      const prefix = `${resource}/${namespace ? `${namespace}/` : ''}`;
      const items = [...this.#objects].filter(([key]) => key.startsWith(prefix)).map(([, object]) => object as T);
      return { items, resourceVersion: String(this.#revision) };
    },
    watch: <T extends KubeObject>(
      ref: ResourceRef,
      { namespace = '', fieldSelector = '' }: ListOptions,
      handler: WatchHandler<T>,
    ) => {
      const name = fieldSelector.replace('metadata.name=', '');
      const watcher = { ref, namespace, name, handler: handler as unknown as WatchHandler<KubeObject> };
      this.watchers.add(watcher);
      const present = this.#objects.get(keyOf(ref, namespace, name));
      if (present) watcher.handler.event({ type: 'ADDED', object: present });
      watcher.handler.event({ type: 'BOOKMARK', resourceVersion: String(this.#revision), initialEventsEnd: true });
      return { stop: () => this.watchers.delete(watcher) };
    },
    create: async <T extends KubeObject, R = T>(_ref: ResourceRef, object: T, _options?: WriteOptions) => {
      this.refuseToken();
      const request = object as unknown as TokenRequest;
      const expiresMs = this.clock.nowMs() + (request.spec.expirationSeconds ?? 0) * 1000;
      const status = { token: `token-${++this.tokensIssued}`, expirationTimestamp: formatTime(expiresMs) };
      return { ...request, status } as unknown as R;
    },
    update: unused,
    patch: unused,
    delete: unused,
    deleteCollection: unused,
  };

  put(resource: string, object: KubeObject): void {
    const { namespace = '', name = '' } = object.metadata;
    const key = keyOf({ group: '', version: 'v1', resource }, namespace, name);
    const type = this.#objects.has(key) ? 'MODIFIED' : 'ADDED';
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#revision) } };
    this.#objects.set(key, stored);
    this.#tell(resource, stored, type);
  }

  remove(resource: string, name: string, namespace = ''): void {
    const key = keyOf({ group: '', version: 'v1', resource }, namespace, name);
    const object = this.#objects.get(key);
    this.#objects.delete(key);
    this.#revision++;
    if (object) this.#tell(resource, object, 'DELETED');
  }

  /** Watches are told nothing until what is returned is called. */
  hold(): () => void {
    const held: (() => void)[] = [];
    this.#held = held;
    return () => {
      this.#held = undefined;
      for (const tell of held) tell();
    };
  }

  closeWatches(error: unknown): void {
    for (const watcher of [...this.watchers]) {
      this.watchers.delete(watcher);
      watcher.handler.closed(error);
    }
  }

  #tell(resource: string, object: KubeObject, type: 'ADDED' | 'MODIFIED' | 'DELETED'): void {
    if (this.#held) return void this.#held.push(() => this.#tell(resource, object, type));
    for (const { ref, namespace, name, handler } of this.watchers) {
      const isMeant =
        ref.resource === resource && object.metadata.namespace === namespace && object.metadata.name === name;
      if (isMeant) handler.event({ type, object });
    }
  }
}

const unused = (): Promise<never> => Promise.reject(new Error('not needed here'));

const keyOf = ({ resource }: ResourceRef, namespace: string, name: string): string =>
  `${resource}/${namespace ? `${namespace}/` : ''}${name}`;

/** Remembers what is mounted, as `tmpfs size=…` or `bind <source>`, by path. */
export class FakeMounter implements Mounter {
  readonly mounts = new Map<string, string>();

  async tmpfs(path: string, { sizeBytes, mode }: { sizeBytes: bigint; mode: number }): Promise<void> {
    this.mounts.set(path, `tmpfs size=${sizeBytes} mode=${mode.toString(8)}`);
  }

  async bind(source: string, target: string): Promise<void> {
    this.mounts.set(target, `bind ${source}`);
  }

  async unmount(path: string): Promise<void> {
    this.mounts.delete(path);
  }

  async below(folder: string): Promise<string[]> {
    return [...this.mounts.keys()].filter((path) => path === folder || path.startsWith(`${folder}/`));
  }
}

/** A folder of the test's own, taken away after it. */
export async function temporaryFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ns-volumes-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** What volumes and configurations need of the kubelet. */
export async function kubeletEnv(context: TestContext, api: FakeApi) {
  const root = await temporaryFolder(context);
  return {
    client: api.client,
    clock: api.clock,
    log: silentLogger,
    nodeName: 'node-1',
    nodeIPs: ['192.0.2.7'],
    paths: { root, podLogs: join(root, 'logs') },
    events: [] as string[],
    recorder: { event: () => {} },
  };
}

export const podOf = (spec: Partial<PodSpec> = {}, metadata: Pod['metadata'] = {}): Pod => ({
  metadata: { name: 'web', namespace: 'shop', uid: 'uid-1', ...metadata },
  spec: { containers: [containerOf()], ...spec },
});

export const containerOf = (fields: Partial<Container> = {}): Container => ({
  name: 'main',
  image: 'img:1',
  ...fields,
});
