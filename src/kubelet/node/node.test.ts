import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leases, nodes } from '../../client/index.ts';
import { defaultBudget } from '../../config/index.ts';
import { FakeCluster } from '../../controllers/testing.ts';
import { silentLogger } from '../../kernel/index.ts';
import type { Lease, Node } from '../../schema/generated/index.ts';
import { CriError } from '../cri/types.ts';
import type { KubeletEnv } from '../types.ts';
import { type MachineReader, type NodeHandle, startNode } from './node.ts';

const gib = 2 ** 30;

class Fixture {
  readonly cluster = new FakeCluster();
  readonly events: string[] = [];
  runtimeIsUp = true;
  networkIsReady = true;
  availableMemoryBytes = 2 * gib;
  bootId = 'boot-1';

  async start(): Promise<NodeHandle> {
    const admin = this.cluster.clientFor('admin');
    await admin
      .create({ group: '', version: 'v1', resource: 'namespaces' }, { metadata: { name: 'kube-node-lease' } })
      .catch(() => {});
    const handle = startNode({ env: this.#env(), podNetworks: ['10.42.0.0/24'], read: this.#reader() });
    await this.cluster.settle();
    return handle;
  }

  node = (): Node => this.cluster.peek<Node>('nodes', 'edge')!;
  lease = (): Lease => this.cluster.peek<Lease>('leases', 'edge', 'kube-node-lease')!;
  condition = (type: string) => this.node().status?.conditions?.find((one) => one.type === type);
  writes = (resource: string): number => this.cluster.writes.filter((write) => write.resource === resource).length;

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 10_000) {
      this.cluster.clock.advance(Math.min(left, 10_000));
      await this.cluster.settle();
    }
  }

  #reader(): MachineReader {
    return {
      machine: async () => ({
        cpus: 4,
        memoryBytes: 4 * gib,
        swapBytes: 0,
        hugePages: { 'hugepages-2Mi': 0 },
        machineId: 'machine',
        systemUuid: 'system',
        bootId: this.bootId,
        kernelVersion: '6.1.0',
        osImage: 'Debian',
        osId: 'debian',
        architecture: 'arm64',
      }),
      disk: async () => ({ sizeBytes: 100 * gib, freeBytes: 50 * gib, inodes: 1000, freeInodes: 900 }),
      availableMemoryBytes: async () => this.availableMemoryBytes,
    };
  }

  #env(): KubeletEnv {
    const call = async (method: string): Promise<unknown> => {
      if (!this.runtimeIsUp) throw new CriError(14, 'away');
      if (method === 'Version') return { runtimeName: 'containerd', runtimeVersion: '1.6.20' };
      if (method === 'ListImages') {
        return { images: [{ id: 'sha256:1', repoTags: ['docker.io/a/b:1'], repoDigests: [], size: 5 }] };
      }
      const network = {
        type: 'NetworkReady',
        status: this.networkIsReady,
        reason: 'NetworkPluginNotReady',
        message: 'no cni',
      };
      const runtime = { type: 'RuntimeReady', status: true, reason: '', message: '' };
      return { status: { conditions: [runtime, network] }, runtimeHandlers: [] };
    };
    return {
      client: this.cluster.clientFor('system:node:edge'),
      clock: this.cluster.clock,
      log: silentLogger,
      cri: { call, events: () => ({ stop() {} }), close() {} } as unknown as KubeletEnv['cri'],
      recorder: { event: (_subject, _type, reason) => this.events.push(reason) },
      budget: defaultBudget,
      nodeName: 'edge',
      nodeIPs: ['192.0.2.7'],
      paths: { root: '/nowhere', podLogs: '/nowhere' },
    };
  }
}

test('a node registers Ready in one write, with what the machine has', async () => {
  const fixture = new Fixture();
  const handle = await fixture.start();
  await handle.ready;
  const { metadata, spec, status } = fixture.node();
  assert.equal(fixture.writes('nodes'), 1);
  assert.deepEqual(spec, { podCIDR: '10.42.0.0/24', podCIDRs: ['10.42.0.0/24'] });
  assert.equal(metadata.labels?.['node.openshift.io/os_id'], 'debian');
  assert.equal(metadata.labels?.['node-role.kubernetes.io/worker'], '');
  assert.deepEqual(status?.addresses, [
    { type: 'InternalIP', address: '192.0.2.7' },
    { type: 'Hostname', address: 'edge' },
  ]);
  assert.deepEqual(status?.capacity, {
    cpu: '4',
    memory: '4Gi',
    'ephemeral-storage': '100Gi',
    pods: '110',
    'hugepages-2Mi': '0',
  });
  assert.deepEqual(status?.allocatable, { ...status?.capacity, memory: '3996Mi', 'ephemeral-storage': '90Gi' });
  assert.equal(status?.nodeInfo?.containerRuntimeVersion, 'containerd://1.6.20');
  assert.deepEqual(
    status?.conditions?.map(({ type, status: value, reason }) => `${type}=${value} ${reason}`),
    [
      'MemoryPressure=False KubeletHasSufficientMemory',
      'DiskPressure=False KubeletHasNoDiskPressure',
      'PIDPressure=False KubeletHasSufficientPID',
      'Ready=True KubeletReady',
    ],
  );
  assert.deepEqual(fixture.events, [
    'Starting',
    'NodeHasSufficientMemory',
    'NodeHasNoDiskPressure',
    'NodeHasSufficientPID',
    'NodeReady',
  ]);
  handle.stop();
});

test('the lease is renewed every 10 s and nothing else is written for five minutes', async () => {
  const fixture = new Fixture();
  const handle = await fixture.start();
  assert.equal(fixture.lease().spec?.leaseDurationSeconds, 40);
  assert.deepEqual(fixture.lease().metadata.ownerReferences, [
    { apiVersion: 'v1', kind: 'Node', name: 'edge', uid: fixture.node().metadata.uid },
  ]);
  await fixture.pass(20_000);
  const [writes, renewals] = [fixture.writes('nodes'), fixture.writes('leases')];
  await fixture.pass(240_000);
  assert.deepEqual([fixture.writes('nodes') - writes, fixture.writes('leases') - renewals], [0, 24]);
  assert.equal(fixture.node().status?.images?.length, 1);
  await fixture.pass(60_000);
  assert.equal(fixture.writes('nodes') - writes, 1);
  handle.stop();
});

test('a node whose network comes late is Ready within 100 ms of it', async () => {
  const fixture = new Fixture();
  fixture.networkIsReady = false;
  const handle = await fixture.start();
  assert.equal(fixture.condition('Ready')?.reason, 'KubeletNotReady');
  assert.equal(
    fixture.condition('Ready')?.message,
    'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:no cni',
  );
  fixture.networkIsReady = true;
  fixture.cluster.clock.advance(100);
  await fixture.cluster.settle();
  assert.equal(fixture.condition('Ready')?.status, 'True');
  handle.stop();
});

test('a runtime that is away for less than 30 s does not make the node unready', async () => {
  const fixture = new Fixture();
  const handle = await fixture.start();
  fixture.runtimeIsUp = false;
  await fixture.pass(20_000);
  assert.equal(fixture.condition('Ready')?.status, 'True');
  await fixture.pass(10_000);
  assert.equal(fixture.condition('Ready')?.message, 'container runtime is down');
  assert.ok(fixture.events.includes('NodeNotReady'));
  handle.stop();
});

test('a problem that a part tells of shows at once and goes at once', async () => {
  const fixture = new Fixture();
  const handle = await fixture.start();
  handle.setProblem('cgroups', 'no controllers');
  await fixture.cluster.settle();
  assert.equal(fixture.condition('Ready')?.message, 'no controllers');
  handle.setProblem('cgroups', undefined);
  await fixture.cluster.settle();
  assert.equal(fixture.condition('Ready')?.status, 'True');
  handle.stop();
});

test('a status that cannot be written does not keep the lease from being renewed', async () => {
  const fixture = new Fixture();
  const handle = await fixture.start();
  const before = fixture.lease().spec?.renewTime;
  fixture.cluster.intercept = ({ resource }) => {
    if (resource === 'nodes') throw new Error('no');
  };
  handle.setProblem('cgroups', 'no controllers');
  await fixture.pass(20_000);
  assert.notEqual(fixture.lease().spec?.renewTime, before);
  handle.stop();
});

test('memory pressure stays for five minutes after it was last seen', async () => {
  const fixture = new Fixture();
  const handle = await fixture.start();
  fixture.availableMemoryBytes = 50 << 20;
  await fixture.pass(10_000);
  assert.equal(fixture.condition('MemoryPressure')?.reason, 'KubeletHasInsufficientMemory');
  fixture.availableMemoryBytes = gib;
  await fixture.pass(290_000);
  assert.equal(fixture.condition('MemoryPressure')?.status, 'True');
  await fixture.pass(20_000);
  assert.equal(fixture.condition('MemoryPressure')?.status, 'False');
  handle.stop();
});

test('a restart keeps what others wrote to the node, and tells of a reboot', async () => {
  const fixture = new Fixture();
  (await fixture.start()).stop();
  const admin = fixture.cluster.clientFor('admin');
  const before = structuredClone(fixture.node());
  before.status!.capacity = { ...before.status!.capacity, 'example.com/fake': '3' };
  before.metadata.labels = { ...before.metadata.labels, tier: 'gold', 'kubernetes.io/os': 'plan9' };
  before.spec = { ...before.spec, unschedulable: true };
  await admin.update(nodes, before);
  fixture.bootId = 'boot-2';
  const handle = await fixture.start();
  const { metadata, spec, status } = fixture.node();
  assert.equal(status?.allocatable?.['example.com/fake'], '3');
  assert.deepEqual([metadata.labels?.['tier'], metadata.labels?.['kubernetes.io/os']], ['gold', 'linux']);
  assert.equal(spec?.unschedulable, true);
  assert.ok(fixture.events.includes('Rebooted') && fixture.events.includes('NodeNotSchedulable'));
  handle.stop();
});

test('a node that is deleted comes back, and its lease with the new owner', async () => {
  const fixture = new Fixture();
  const handle = await fixture.start();
  const admin = fixture.cluster.clientFor('admin');
  await admin.delete(nodes, 'edge');
  await fixture.pass(10_000);
  assert.equal(fixture.lease().metadata.ownerReferences?.[0]?.uid, fixture.node().metadata.uid);
  await admin.delete(leases, 'edge', { namespace: 'kube-node-lease' });
  await fixture.pass(20_000);
  assert.ok(fixture.lease());
  handle.stop();
});
