import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { nodes, pods } from '../../client/index.ts';
import type { Client } from '../../client/types.ts';
import { defaultBudget } from '../../config/index.ts';
import { FakeCluster } from '../../controllers/testing.ts';
import { silentLogger } from '../../kernel/index.ts';
import type { Node, Pod } from '../../schema/generated/index.ts';
import { containerHash } from '../config/index.ts';
import type { RuntimeEventHandler } from '../cri/types.ts';
import { runtimeAnnotations, runtimeLabels } from '../types.ts';
import { createPodManager, type PodManager, type PodManagerOptions } from './manager.ts';
import { app, podOf } from './testing.ts';

interface FakeContainer {
  name: string;
  state: string;
}

/** The fake API knows no such field selector. */
const ofOneNode = (client: Client): Client =>
  ({
    get: (...of: Parameters<Client['get']>) => client.get(...of),
    list: (ref) => client.list(ref),
    watch: (ref, { resourceVersion = '' }, handler) => client.watch(ref, { resourceVersion }, handler),
    update: (...of: Parameters<Client['update']>) => client.update(...of),
  }) as Pick<Client, 'get' | 'list' | 'watch' | 'update'> as Client;

/** A runtime of one container a pod, which never fails. */
class Fixture {
  readonly cluster = new FakeCluster();
  readonly client = this.cluster.clientFor('admin');
  readonly containers = new Map<string, FakeContainer>();
  readonly sandboxes = new Map<string, string>();
  readonly calls: string[] = [];
  events: RuntimeEventHandler | undefined;
  staticPods = new Map<string, Pod>();
  /** Before ListContainers and ContainerStatus answer what they have found. */
  late: (method: string) => void = () => {};

  async start(t: TestContext): Promise<PodManager> {
    const manager = createPodManager(this.#options());
    t.after(() => manager.stop());
    await this.cluster.settle();
    return manager;
  }

  async prepare(): Promise<this> {
    await this.client.create({ group: '', version: 'v1', resource: 'namespaces' }, { metadata: { name: 'default' } });
    const allocatable = { cpu: '1', memory: '1Gi', pods: '10' };
    await this.client.create<Node>(nodes, { metadata: { name: 'edge' }, spec: {}, status: { allocatable } });
    return this;
  }

  create(name: string, pod: Pod): Promise<Pod> {
    return this.client.create<Pod>(pods, { ...pod, metadata: { name } }, { namespace: 'default' });
  }

  pod = (name: string): Pod | undefined => this.cluster.peek<Pod>('pods', name, 'default');

  #options(): PodManagerOptions {
    const env = {
      client: ofOneNode(this.client),
      clock: this.cluster.clock,
      log: silentLogger,
      cri: {
        call: async (method: string, request: never) => this.#answer(method, request),
        events: (handler: RuntimeEventHandler) => {
          this.events = handler;
          return { stop() {} };
        },
      },
      recorder: { event() {} },
      budget: defaultBudget,
      nodeName: 'edge',
      nodeIPs: ['192.0.2.7'],
      paths: { root: '/nowhere', podLogs: '/nowhere' },
    };
    return {
      env,
      probes: { observe() {}, forget() {}, results: () => ({ started: true, ready: true }), stop() {} },
      staticPods: { current: () => this.staticPods },
      config: {
        sandbox: async (pod: Pod) => ({ labels: { [runtimeLabels.podUid]: pod.metadata.uid } }),
        container: async (_pod: Pod, { name }: { name: string }) => ({ labels: { name } }),
      },
      volumes: { prepare: async () => new Map(), release: async () => {}, present: async () => [] },
      images: { ensure: async () => ({ imageRef: 'sha256:1', user: { username: '' } }) },
      cgroups: { ensurePod: async () => '', removePod: async () => {}, present: async () => [] },
      logs: { removeInstance: async () => {}, removePod: async () => {}, removeOthers: async () => {} },
      runtimeName: 'containerd',
      maxPods: 10,
    } as unknown as PodManagerOptions;
  }

  #answer(method: string, request: Record<string, never>): unknown {
    this.calls.push(method);
    switch (method) {
      case 'RunPodSandbox': {
        const podSandboxId = `s${this.sandboxes.size + 1}`;
        this.sandboxes.set(podSandboxId, request['config']!['labels'][runtimeLabels.podUid]);
        return { podSandboxId };
      }
      case 'ListPodSandbox':
        return {
          items: [...this.sandboxes.keys()].map((id) => ({ id, labels: this.#labels(id), state: 'SANDBOX_READY' })),
        };
      case 'PodSandboxStatus':
        return {
          status: { id: request['podSandboxId'], state: 'SANDBOX_READY', createdAt: 1e9, network: { ip: '10.0.0.1' } },
        };
      case 'CreateContainer': {
        const containerId = `c${this.containers.size + 1}`;
        this.containers.set(containerId, { name: request['config']!['labels']['name'], state: 'CONTAINER_CREATED' });
        return { containerId };
      }
      case 'StartContainer':
        this.containers.get(request['containerId']!)!.state = 'CONTAINER_RUNNING';
        return {};
      case 'ListContainers': {
        const found = [...this.containers].map(([id, { state }]) => ({ id, podSandboxId: 's1', state, labels: {} }));
        this.late(method);
        return { containers: found };
      }
      case 'ContainerStatus': {
        const status = this.#status(request['containerId']!);
        this.late(method);
        return { status };
      }
      default:
        return {};
    }
  }

  #labels = (id: string): Record<string, string> => ({ [runtimeLabels.podUid]: this.sandboxes.get(id) ?? '' });

  #status(id: string): unknown {
    const { name, state } = this.containers.get(id)!;
    return {
      id,
      state,
      labels: { [runtimeLabels.containerName]: name },
      annotations: {
        [runtimeAnnotations.restartCount]: '0',
        [runtimeAnnotations.hash]: containerHash({ name, image: 'app:1' }),
      },
      resources: { linux: { cpuShares: 102, cpuQuota: 10_000, cpuPeriod: 100_000, memoryLimitInBytes: 0 } },
      imageRef: 'sha256:1',
      createdAt: 2e9,
      startedAt: 2e9,
      finishedAt: state === 'CONTAINER_EXITED' ? 3e9 : 0,
      exitCode: 0,
      reason: '',
      message: '',
      mounts: [],
    };
  }
}

test('pods that come together are taken one after the other, each beside those before it', async (t) => {
  const fixture = await new Fixture().prepare();
  const hungry = podOf({ containers: [app('main', { resources: { requests: { cpu: '600m' } } })] });
  await fixture.create('a', hungry);
  await fixture.create('b', hungry);
  await fixture.create('c', podOf({ containers: [app('main', { resources: { requests: { cpu: '300m' } } })] }));
  const manager = await fixture.start(t);
  const refused = manager.pods().filter(({ status }) => status.reason === 'OutOfcpu');
  assert.deepEqual(
    refused.map(({ pod }) => pod.metadata.name),
    ['b'],
    'and the one that was refused takes nothing',
  );
});

test('a static pod whose file goes while the node is asked does not begin', async (t) => {
  const fixture = await new Fixture().prepare();
  fixture.staticPods.set('u1', podOf());
  const starting = fixture.start(t);
  fixture.staticPods = new Map();
  assert.deepEqual((await starting).pods(), []);
});

test('what goes while there is no watch is gone', async (t) => {
  const fixture = await new Fixture().prepare();
  await fixture.create('a', podOf());
  const manager = await fixture.start(t);
  assert.equal(manager.pods().length, 1);
  fixture.sandboxes.clear();
  fixture.containers.clear();
  fixture.cluster.closeWatches();
  await fixture.client.delete(pods, 'a', { namespace: 'default' });
  fixture.cluster.clock.advance(1_000);
  await fixture.cluster.settle();
  assert.deepEqual(manager.pods(), []);
});

test('a container that ends between the question and the answer is not taken to run', async (t) => {
  const fixture = await new Fixture().prepare();
  await fixture.create('a', podOf({ restartPolicy: 'Never' }));
  fixture.late = (method) => {
    const [[id, container] = []] = fixture.containers;
    if (method !== 'ContainerStatus' || id === undefined || container?.state !== 'CONTAINER_RUNNING') return;
    container.state = 'CONTAINER_EXITED';
    fixture.events?.event({ type: 'stopped', id });
  };
  await fixture.start(t);
  assert.ok(fixture.pod('a')?.status?.containerStatuses?.[0]?.state?.terminated);
});

test('a change of resources that was not possible is not carried out after a restart', async (t) => {
  const fixture = await new Fixture().prepare();
  const conditions = [{ type: 'PodResizePending', status: 'True', reason: 'Infeasible', message: 'too much' }];
  const resources = { limits: { cpu: '200m' }, requests: { cpu: '100m' } };
  const status = { phase: 'Running', startTime: '2026-01-01T00:00:00Z', conditions } as const;
  const pod = podOf({ containers: [app('main', { resources })] }, { ...status, conditions });
  const { metadata } = await fixture.create('a', pod);
  fixture.sandboxes.set('s1', metadata.uid ?? '');
  fixture.containers.set('c1', { name: 'main', state: 'CONTAINER_RUNNING' });
  await fixture.start(t);
  const found = fixture.pod('a')?.status?.conditions?.find(({ type }) => type === 'PodResizePending');
  assert.equal(found?.message, 'too much');
  assert.equal(fixture.calls.includes('UpdateContainerResources'), false);
});
