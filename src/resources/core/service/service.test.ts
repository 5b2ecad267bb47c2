import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { Client, ResourceRef } from '../../../client/types.ts';
import { apiError } from '../../../kernel/status.ts';
import type { KubeObject } from '../../../schema/object.ts';
import type { HookContext } from '../../define.ts';
import type { Service, ServiceSpec } from '../../typings/core.ts';
import { allocate, releaseAll } from './allocate.ts';
import { defaultService } from './defaults.ts';
import { prepareForCreate, prepareForUpdate } from './strategy.ts';

/** Keeps IPAddresses, ServiceCIDRs and Services by name; enough for allocation. */
class Cluster {
  readonly objects = new Map<string, Map<string, KubeObject>>();

  constructor() {
    this.table('servicecidrs').set('kubernetes', {
      metadata: { name: 'kubernetes' },
      spec: { cidrs: ['10.43.0.0/24'] },
    } as KubeObject);
  }

  table(resource: string): Map<string, KubeObject> {
    const known = this.objects.get(resource) ?? new Map<string, KubeObject>();
    this.objects.set(resource, known);
    return known;
  }

  get addresses(): string[] {
    return [...this.table('ipaddresses').keys()];
  }

  client = {
    list: async (ref: ResourceRef) => ({ items: [...this.table(ref.resource).values()], resourceVersion: '1' }),
    create: async (ref: ResourceRef, object: KubeObject) => {
      const name = object.metadata.name ?? '';
      if (this.table(ref.resource).has(name)) {
        throw apiError.alreadyExists({ group: ref.group, resource: ref.resource }, name);
      }
      this.table(ref.resource).set(name, object);
      return object;
    },
    delete: async (ref: ResourceRef, name: string) => {
      if (this.table(ref.resource).delete(name)) return;
      throw apiError.notFound({ group: ref.group, resource: ref.resource }, name);
    },
  } as unknown as Client;

  context(options: Partial<HookContext> = {}): HookContext {
    const user = { name: 'tester', groups: [] };
    return { nowMs: 0, dryRun: false, user, client: this.client, ...options };
  }

  async create(spec: ServiceSpec, options: Partial<HookContext> = {}): Promise<Service> {
    const name = `s${this.table('services').size}`;
    const service: Service = { metadata: { name, namespace: 'n', uid: name }, spec };
    defaultService(service);
    prepareForCreate(service);
    const allocation = await allocate(service, undefined, this.context(options));
    await allocation.commit();
    this.table('services').set(name, service);
    return service;
  }

  async update(previous: Service, spec: ServiceSpec): Promise<Service> {
    const next: Service = { metadata: { ...previous.metadata }, spec: structuredClone({ ...spec }) };
    defaultService(next);
    prepareForUpdate(next, previous);
    const allocation = await allocate(next, previous, this.context());
    await allocation.commit();
    this.table('services').set(next.metadata.name ?? '', next);
    return next;
  }
}

const onePort = () => [{ port: 80 }];
let cluster: Cluster;

beforeEach(() => {
  cluster = new Cluster();
});

describe('cluster IPs', () => {
  test('a new Service gets one of the upper band, and the IPAddress that says whose it is', async () => {
    const { spec } = await cluster.create({ ports: onePort() });
    assert.deepEqual(spec?.clusterIPs, [spec?.clusterIP]);
    assert.deepEqual(cluster.addresses, [spec?.clusterIP]);
    assert.ok(Number(spec?.clusterIP?.split('.')[3]) > 16);
    const address = cluster.table('ipaddresses').get(spec?.clusterIP ?? '') as KubeObject & { spec: unknown };
    assert.deepEqual(address.spec, { parentRef: { group: '', resource: 'services', namespace: 'n', name: 's0' } });
    assert.deepEqual([spec?.ipFamilies, spec?.ipFamilyPolicy], [['IPv4'], 'SingleStack']);
  });

  test('the one that was asked for, once', async () => {
    await cluster.create({ ports: onePort(), clusterIP: '10.43.0.9' });
    assert.deepEqual(cluster.addresses, ['10.43.0.9']);
    await assert.rejects(
      cluster.create({ ports: onePort(), clusterIP: '10.43.0.9' }),
      /provided IP is already allocated/,
    );
  });

  test('none outside the ranges', async () => {
    for (const clusterIP of ['10.44.0.1', '10.43.0.0', '10.43.0.255']) {
      await assert.rejects(
        cluster.create({ ports: onePort(), clusterIP }),
        /does not match the current range/,
        clusterIP,
      );
    }
    assert.deepEqual(cluster.addresses, []);
  });

  test('headless and external ones need none', async () => {
    const headless = await cluster.create({ ports: onePort(), clusterIP: 'None' });
    assert.deepEqual(headless.spec?.clusterIPs, ['None']);
    await cluster.create({ type: 'ExternalName', externalName: 'a.b' });
    assert.deepEqual(cluster.addresses, []);
  });

  test('a dry run takes nothing', async () => {
    const { spec } = await cluster.create({ ports: onePort(), type: 'NodePort' }, { dryRun: true });
    assert.ok(spec?.clusterIP);
    assert.deepEqual(cluster.addresses, []);
  });

  test('goes back when the Service becomes an ExternalName or goes', async () => {
    const one = await cluster.create({ ports: onePort(), clusterIP: '10.43.0.9' });
    const external = await cluster.update(one, { ...one.spec, type: 'ExternalName', externalName: 'a.b' });
    assert.equal(external.spec?.clusterIP, undefined);
    assert.deepEqual(cluster.addresses, []);
    const two = await cluster.create({ ports: onePort() });
    await releaseAll(two, cluster.context());
    assert.deepEqual(cluster.addresses, []);
  });

  test('stays when a PUT leaves it out', async () => {
    const one = await cluster.create({ ports: onePort(), type: 'NodePort' });
    const next = await cluster.update(one, { ports: onePort(), type: 'NodePort' });
    assert.equal(next.spec?.clusterIP, one.spec?.clusterIP);
    assert.equal(next.spec?.ports?.[0]?.nodePort, one.spec?.ports?.[0]?.nodePort);
    assert.deepEqual(cluster.addresses, [one.spec?.clusterIP]);
  });

  test('a failed write gives back what it took', async () => {
    const service: Service = {
      metadata: { name: 'x', namespace: 'n', uid: 'x' },
      spec: { ports: onePort(), type: 'NodePort' },
    };
    defaultService(service);
    const allocation = await allocate(service, undefined, cluster.context());
    assert.equal(cluster.addresses.length, 1);
    await allocation.undo();
    assert.deepEqual(cluster.addresses, []);
  });
});

describe('node ports', () => {
  test('come from the range, each once', async () => {
    const nodePorts = { first: 30_000, last: 30_002 };
    const seen = new Set<number>();
    for (let i = 0; i < 3; i++) {
      const { spec } = await cluster.create({ ports: onePort(), type: 'NodePort' }, { nodePorts });
      seen.add(spec?.ports?.[0]?.nodePort ?? 0);
    }
    assert.deepEqual([...seen].sort(), [30_000, 30_001, 30_002]);
    await assert.rejects(cluster.create({ ports: onePort(), type: 'NodePort' }, { nodePorts }), /range is full/);
    assert.equal(cluster.addresses.length, 3);
  });

  test('may be asked for, within the range and when free', async () => {
    const asking = (nodePort: number): ServiceSpec => ({ type: 'NodePort', ports: [{ port: 80, nodePort }] });
    await cluster.create(asking(31_000));
    await assert.rejects(cluster.create(asking(31_000)), /provided port is already allocated/);
    await assert.rejects(cluster.create(asking(1)), /not in the valid range. The range of valid ports is 30000-32767/);
  });

  test('one port over two protocols gets one number', async () => {
    const both = [
      { name: 'a', port: 53, protocol: 'UDP' },
      { name: 'b', port: 53, protocol: 'TCP' },
    ];
    const { spec } = await cluster.create({ ports: both, type: 'NodePort' });
    assert.equal(spec?.ports?.[0]?.nodePort, spec?.ports?.[1]?.nodePort);
  });

  test('are dropped with the type that needs them, and so is the health check', async () => {
    const one = await cluster.create({ ports: onePort(), type: 'LoadBalancer', externalTrafficPolicy: 'Local' });
    assert.ok(one.spec?.healthCheckNodePort);
    const next = await cluster.update(one, { ...one.spec, type: 'ClusterIP' });
    assert.equal(next.spec?.ports?.[0]?.nodePort, undefined);
    assert.equal(next.spec?.healthCheckNodePort, undefined);
    assert.equal(next.spec?.externalTrafficPolicy, undefined);
    assert.equal(next.spec?.allocateLoadBalancerNodePorts, undefined);
  });
});

test('a node port on its way to one cluster is free in another', async () => {
  const take = async (of: Cluster): Promise<unknown> => {
    const service: Service = {
      metadata: { name: 'a', namespace: 'n', uid: 'a' },
      spec: { type: 'NodePort', ports: [{ port: 80, nodePort: 30_100 }] },
    };
    defaultService(service);
    prepareForCreate(service);
    return allocate(service, undefined, of.context());
  };
  await take(cluster);
  await take(new Cluster());
  await assert.rejects(take(cluster), /provided port is already allocated/);
});
