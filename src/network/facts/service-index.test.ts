import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointSlices, namespaces, services } from '../../client/index.ts';
import type { Client } from '../../client/types.ts';
import { FakeCluster } from '../../controllers/testing.ts';
import { apiError, silentLogger } from '../../kernel/index.ts';
import type { EndpointSlice, Service } from '../../schema/generated/index.ts';
import { ServiceIndex } from './service-index.ts';

const service = (name: string): Service => ({
  metadata: { name, namespace: 'shop' },
  spec: { clusterIP: '10.43.0.9', ports: [{ port: 80 }] },
});

const slice = (name: string, owner: string, addressType = 'IPv4'): EndpointSlice => ({
  metadata: { name, namespace: 'shop', labels: { 'kubernetes.io/service-name': owner } },
  addressType,
  ports: [{ name: '', port: 8080 }],
  endpoints: [{ addresses: [addressType === 'IPv4' ? '10.42.0.7' : 'fd00::7'], nodeName: 'here' }],
});

const scope = { namespace: 'shop' };

async function fixture() {
  const cluster = new FakeCluster();
  const admin = cluster.clientFor('admin');
  await admin.create(namespaces, { metadata: { name: 'shop' } });
  const changes: string[] = [];
  const start = (client: Client = cluster.clientFor('proxy')): ServiceIndex =>
    new ServiceIndex({
      ...{ client, clock: cluster.clock, log: silentLogger, nodeName: 'here' },
      changed: (key) => changes.push(key),
    });
  return { cluster, admin, changes, start };
}

test('what is there is known when it is ready, and every change thereafter', async () => {
  const { cluster, admin, changes, start } = await fixture();
  await admin.create(services, service('web'), scope);
  const index = start();
  await index.whenReady();
  assert.equal(index.entries.get('shop/web')?.service?.clusterIP, '10.43.0.9');
  await admin.create(endpointSlices, slice('web-1', 'web'), scope);
  await cluster.settle();
  const endpoints = index.entries.get('shop/web')?.slices.get('web-1')?.endpoints;
  assert.deepEqual(endpoints, [
    { address: '10.42.0.7', hostname: '', ready: true, serving: true, terminating: false, local: true },
  ]);
  await admin.delete(services, 'web', scope);
  await admin.delete(endpointSlices, 'web-1', scope);
  await cluster.settle();
  assert.equal(index.entries.size, 0);
  assert.ok(changes.length >= 4 && changes.every((key) => key === 'shop/web'));
});

test('a slice whose label comes to name another Service moves there', async () => {
  const { cluster, admin, start } = await fixture();
  await admin.create(endpointSlices, slice('moving', 'web'), scope);
  const index = start();
  await index.whenReady();
  await admin.update(endpointSlices, slice('moving', 'other'));
  await cluster.settle();
  assert.deepEqual([...index.entries.keys()], ['shop/other']);
});

test('addresses of other families are left out', async () => {
  const { admin, start } = await fixture();
  await admin.create(endpointSlices, slice('six', 'web', 'IPv6'), scope);
  const index = start();
  await index.whenReady();
  assert.equal(index.entries.size, 0);
});

test('what was deleted while the watch was lost goes', async () => {
  const { cluster, admin, start } = await fixture();
  await admin.create(services, service('web'), scope);
  await admin.create(services, service('stays'), scope);
  await admin.create(endpointSlices, slice('web-1', 'web'), scope);
  const index = start();
  await index.whenReady();
  cluster.closeWatches(apiError.expired('too old'));
  await admin.delete(services, 'web', scope);
  await admin.delete(endpointSlices, 'web-1', scope);
  cluster.clock.advance(60_000);
  await cluster.settle();
  assert.deepEqual([...index.entries.keys()], ['shop/stays']);
});

test('what is made while everything is listed again stays', async () => {
  const { cluster, admin, start } = await fixture();
  const client = cluster.clientFor('proxy');
  const made: Service[] = [];
  const list: Client['list'] = async (ref, options) => {
    const result = await client.list(ref, options);
    if (ref.resource === 'services') made.push(await admin.create(services, service(`made-${made.length}`), scope));
    return result as never;
  };
  const watch: Client['watch'] = (ref, options, handler) => {
    const watching = client.watch(ref, options, handler);
    const isMissed = ({ metadata }: Service): boolean =>
      ref.resource === 'services' && Number(metadata.resourceVersion) > Number(options.resourceVersion);
    for (const object of made.filter(isMissed)) handler.event({ type: 'ADDED', object: object as never });
    return watching;
  };
  const index = start(Object.assign(Object.create(client), { list, watch }) as Client);
  await index.whenReady();
  cluster.closeWatches(apiError.expired('too old'));
  cluster.clock.advance(60_000);
  await cluster.settle();
  assert.equal(made.length, 2);
  assert.deepEqual([...index.entries.keys()].sort(), made.map(({ metadata }) => `shop/${metadata.name}`).sort());
});
