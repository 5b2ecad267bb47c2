/** The real API over a store in memory, bootstrapped, with controllers that the test starts and a clock that it moves. */
import { admissionChain, storeLookup } from '../../src/api/admission/index.ts';
import { createRbac } from '../../src/api/authz/index.ts';
import { createApiServer, storedKinds } from '../../src/api/index.ts';
import { accessReviews } from '../../src/api/reviews/index.ts';
import type { Client } from '../../src/client/types.ts';
import { defaultBudget } from '../../src/config/index.ts';
import {
  type ControllersOptions,
  controllerUser,
  namespacedResources,
  startControllers,
  storeOwnership,
} from '../../src/controllers/index.ts';
import { bootstrap } from '../../src/host/bootstrap/index.ts';
import { isReason, ManualClock, silentLogger } from '../../src/kernel/index.ts';
import { definitions } from '../../src/resources/index.ts';
import type { Event, Pod } from '../../src/schema/generated/index.ts';
import { referenceCodec } from '../../src/schema/index.ts';
import type { KubeObject } from '../../src/schema/object.ts';
import { memoryBackend, openStore, type Store } from '../../src/store/index.ts';
import { settled } from '../support/settled.ts';

export const core = (resource: string) => ({ group: '', version: 'v1', resource });
export const apps = (resource: string) => ({ group: 'apps', version: 'v1', resource });

/** A cluster without nodes of its own: pods run when the test says so. */
export class TestCluster {
  readonly clock: ManualClock;
  readonly admin: Client;
  readonly clientFor: (name: string) => Client;
  readonly stop: () => Promise<void>;
  readonly #store: Store;

  private constructor(parts: Pick<TestCluster, 'clock' | 'admin' | 'clientFor' | 'stop'> & { store: Store }) {
    this.#store = parts.store;
    this.clock = parts.clock;
    this.admin = parts.admin;
    this.clientFor = parts.clientFor;
    this.stop = parts.stop;
  }

  static async start(options: Partial<ControllersOptions> = {}): Promise<TestCluster> {
    const clock = new ManualClock();
    const log = silentLogger;
    const budget = { ...defaultBudget, cacheBytes: 32 << 20 };
    const fail = (error: unknown): never => {
      throw error;
    };
    const kinds = storedKinds(definitions);
    const store = await openStore({
      backend: memoryBackend(),
      kinds,
      codec: referenceCodec,
      clock,
      log,
      budget,
      onFatal: fail,
    });
    const rbac = createRbac(store);
    const { authorizer } = rbac;
    const others = [rbac.escalationCheck];
    const api = createApiServer({
      store,
      codec: referenceCodec,
      definitions,
      authenticators: { authenticate: () => undefined },
      authorizer,
      admission: admissionChain({ lookup: storeLookup(store), authorizer, clock, others }),
      reviews: accessReviews(rbac, clock),
      actions: new Map(),
      connects: new Map(),
      paths: [],
      clock,
      log,
      budget,
    });
    const clientFor = (name: string): Client => api.client(controllerUser(name));
    const admin = clientFor('apiserver');
    await bootstrap({ client: admin, clock, log, authentication: { clientCa: 'CLIENT CA' } });
    const controllers = startControllers({
      clientFor,
      clock,
      log,
      namespace: { resources: () => namespacedResources(definitions) },
      rootCa: { bundle: () => 'ROOT CA' },
      kubernetesService: {
        serviceCidrs: ['10.43.0.0/16'],
        serviceIp: '10.43.0.1',
        servicePort: 443,
        endpoint: () => ({ ip: '192.168.1.7', port: 6443 }),
      },
      garbageCollector: { ownership: storeOwnership(store, () => definitions) },
      ...options,
    });
    const stop = async (): Promise<void> => {
      await controllers.stop();
      api.close();
      rbac.close();
      await store.close();
    };
    const cluster = new TestCluster({ clock, admin, clientFor, stop, store });
    await cluster.settle();
    return cluster;
  }

  /** Lets everything run that waits for nothing but its turn. */
  settle(): Promise<void> {
    return settled(this.#store);
  }

  async advance(byMs: number): Promise<void> {
    this.clock.advance(byMs);
    await this.settle();
  }

  async namespace(name: string): Promise<void> {
    await this.admin.create(core('namespaces'), { metadata: { name } });
    await this.settle();
  }

  async find<T extends KubeObject>(...args: Parameters<Client['get']>): Promise<T | undefined> {
    try {
      return await this.admin.get<T>(...args);
    } catch (error) {
      if (isReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async pods(namespace: string, labelSelector = ''): Promise<readonly Pod[]> {
    return (await this.admin.list<Pod>(core('pods'), { namespace, labelSelector })).items;
  }

  /** What users were told about an object: `Reason: message`. */
  async told(namespace: string, name: string): Promise<string[]> {
    const { items } = await this.admin.list<Event>(core('events'), { namespace });
    return items.filter(({ involvedObject }) => involvedObject.name === name).map((e) => `${e.reason}: ${e.message}`);
  }

  /** Does what a node would: the pods run, and are ready or not. */
  async run(pods: readonly Pod[], ready = true): Promise<void> {
    const lastTransitionTime = `${new Date(this.clock.nowMs()).toISOString().slice(0, 19)}Z`;
    for (const { metadata } of pods) {
      const { name = '', namespace = '' } = metadata;
      const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime }];
      const body = { status: { phase: 'Running', conditions } };
      const type = 'application/strategic-merge-patch+json';
      await this.admin.patch(core('pods'), name, type, body, { namespace, subresource: 'status' });
    }
    await this.settle();
  }

  /** Ends pods that are being deleted, as a node does. */
  async reap(namespace: string): Promise<void> {
    for (const { metadata } of await this.pods(namespace)) {
      const { name = '', deletionTimestamp } = metadata;
      if (deletionTimestamp) await this.admin.delete(core('pods'), name, { namespace, gracePeriodSeconds: 0 });
    }
    await this.settle();
  }
}
