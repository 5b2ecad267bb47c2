/** A scheduler beside an API server in memory. */
import { type TestCluster, testCluster } from '../../src/api/testing/cluster.ts';
import { nodes, pods } from '../../src/client/index.ts';
import type { Client, EventRecorder } from '../../src/client/types.ts';
import { silentLogger } from '../../src/kernel/index.ts';
import { definitions } from '../../src/resources/index.ts';
import type { Node, Pod, PodSpec } from '../../src/schema/generated/index.ts';
import { type SchedulerOptions, startScheduler } from '../../src/scheduler/index.ts';
import { makeNode, makePod, type Requests } from '../../src/scheduler/testing.ts';
import { createReferenceScoring } from '../../src/wasm/index.ts';
import { settled } from './settled.ts';

export interface Told {
  name: string;
  type: string;
  reason: string;
  message: string;
}

export interface SchedulerFixture {
  cluster: TestCluster;
  client: Client;
  told: Told[];
  /** Lets everything run that is ready. */
  settle(): Promise<void>;
  addNode(name: string, change?: (node: Node) => void): Promise<Node>;
  addPod(name: string, spec?: Partial<PodSpec>, requests?: Requests): Promise<Pod>;
  pod(name: string): Promise<Pod>;
  nodeOf(name: string): Promise<string | undefined>;
  stop(): Promise<void>;
}

/** `wrap` changes what the scheduler's client does. */
export async function withScheduler(
  options: Partial<SchedulerOptions> = {},
  wrap: (client: Client) => Client = (client) => client,
): Promise<SchedulerFixture> {
  const cluster = await testCluster({ definitions });
  const client = cluster.api.client({ name: 'admin', groups: ['system:masters'] });
  const told: Told[] = [];
  const recorder: EventRecorder = {
    event: ({ metadata }, type, reason, message) => told.push({ name: metadata.name ?? '', type, reason, message }),
  };
  const settle = (): Promise<void> => settled(cluster.store);
  await client.create({ group: '', version: 'v1', resource: 'namespaces' }, { metadata: { name: 'default' } });
  const scheduler = startScheduler({
    client: wrap(cluster.api.client({ name: 'system:kube-scheduler', groups: [] })),
    clock: cluster.clock,
    log: silentLogger,
    recorder,
    scoring: createReferenceScoring,
    budget: { inFlightWrites: 100, pendingWrites: 1_000 },
    random: () => 0,
    ...options,
  });
  const stripped = <T extends { metadata: { uid?: string } }>({ metadata: { uid: _, ...metadata }, ...rest }: T) =>
    ({ ...rest, metadata }) as T;
  const pod = (name: string): Promise<Pod> => client.get<Pod>(pods, name, 'default');
  return {
    cluster,
    client,
    told,
    settle,
    addNode: async (name, change) => {
      const wanted = stripped(makeNode(name, change));
      const made = await client.create<Node>(nodes, wanted);
      await client.update<Node>(nodes, { ...made, status: wanted.status! }, { subresource: 'status' });
      await settle();
      return made;
    },
    addPod: async (name, spec, requests) => {
      const made = await client.create<Pod>(pods, stripped(makePod(name, spec, requests)), { namespace: 'default' });
      await settle();
      return made;
    },
    pod,
    nodeOf: async (name) => (await pod(name)).spec?.nodeName,
    stop: async () => {
      await scheduler.stop();
      await cluster.close();
    },
  };
}
