import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, silentLogger } from '../../kernel/index.ts';
import type { ServiceEntry } from '../facts/index.ts';
import { Proxier } from './proxier.ts';
import { skeleton } from './skeleton.ts';
import { SimulatedKernel } from './testing.ts';

const node = { clusterNetwork: '10.42.0.0/16', dnsIP: '10.43.0.10', nodeIPs: [] };
const networks = { podNetwork: '10.42.0.0/24', clusterNetwork: '10.42.0.0/16', serviceNetwork: '10.43.0.0/16' };

async function fixture() {
  const kernel = new SimulatedKernel();
  const clock = new ManualClock();
  const services = new Map<string, ServiceEntry>();
  const applied: number[] = [];
  const proxier = new Proxier({
    ...{ kernel, clock, log: silentLogger, node, services },
    skeleton: skeleton({ ...networks, dnsIP: node.dnsIP, bridge: 'br0', bridgeFilter: true }),
    hostPorts: () => [],
    applied: () => applied.push(kernel.transactions.length),
  });
  const set = (last: number, endpoints: readonly string[]): void => {
    services.set(`shop/${last}`, entryOf(last, endpoints));
    proxier.serviceChanged(`shop/${last}`);
  };
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await settle();
  };
  const chains = (): string[] => [...kernel.chains.keys()].filter((name) => name.startsWith('service-'));
  /** Every step takes a millisecond. */
  const slow = (): void => {
    let nowMs = clock.monotonicMs();
    clock.monotonicMs = () => ++nowMs;
  };
  return { kernel, proxier, services, set, advance, applied, chains, slow };
}

const entryOf = (last: number, endpoints: readonly string[]): ServiceEntry => ({
  service: {
    ...{ uid: `${last}`, namespace: 'shop', name: `${last}`, clusterIP: `10.43.1.${last}` },
    ...{ headless: false, externalName: '' },
    ...{ proxied: true, affinitySeconds: 0, internalLocal: false, externalLocal: false },
    ...{ externalIPs: [], loadBalancerIPs: [], sourceRanges: [] },
    ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 0 }],
  },
  slices: new Map([
    [
      'a',
      {
        proxied: true,
        ports: [{ name: '', protocol: 'TCP', port: 8080 }],
        endpoints: endpoints.map((address) => ({
          ...{ address, hostname: '', ready: true, serving: true, terminating: false, local: true },
        })),
      },
    ],
  ]),
});

test('nothing is applied before the start, and then all there is at once', async () => {
  const { kernel, proxier, set, advance } = await fixture();
  set(1, ['10.42.0.1']);
  set(2, ['10.42.0.2']);
  await advance(1_000);
  assert.equal(kernel.transactions.length, 0);
  await proxier.start();
  assert.equal(kernel.transactions.length, 1);
  assert.equal(kernel.elements('service-ips').size, 2);
});

test('a plan for many Services leaves turns to others, and what changes meanwhile is not lost', async () => {
  const { kernel, proxier, set, advance, slow } = await fixture();
  for (let last = 1; last <= 60; last++) set(last, ['10.42.0.1']);
  slow();
  let turns = 0;
  const count = setInterval(() => turns++, 0);
  const started = proxier.start();
  set(1, []);
  set(61, ['10.42.0.2']);
  await started;
  clearInterval(count);
  assert.ok(turns > 0);
  await advance(1_000);
  assert.equal(kernel.elements('service-ips').size, 60);
  assert.equal(kernel.elements('no-endpoint-services').size, 1);
});

test('the first change of a quiet time is applied at once; those that follow, together', async () => {
  const { kernel, proxier, set, advance } = await fixture();
  await proxier.start();
  await advance(1_000);
  set(1, []);
  await advance(0);
  assert.equal(kernel.transactions.length, 2);
  for (let last = 2; last < 50; last++) set(last, ['10.42.0.2']);
  await advance(99);
  assert.equal(kernel.transactions.length, 2);
  await advance(1);
  assert.equal(kernel.transactions.length, 3);
  assert.equal(kernel.elements('service-ips').size, 48);
});

test('a change that changes no rule costs no transaction', async () => {
  const { kernel, proxier, set, advance } = await fixture();
  set(1, ['10.42.0.1']);
  await proxier.start();
  set(1, ['10.42.0.1']);
  await advance(1_000);
  assert.equal(kernel.transactions.length, 1);
});

test('chains that nothing leads to go a second later, unless they are wanted again', async () => {
  const { proxier, services, set, advance, chains } = await fixture();
  set(1, ['10.42.0.1']);
  set(2, ['10.42.0.2']);
  await proxier.start();
  for (const last of [1, 2]) {
    services.delete(`shop/${last}`);
    proxier.serviceChanged(`shop/${last}`);
  }
  await advance(0);
  assert.equal(chains().length, 2);
  set(2, ['10.42.0.2']);
  await advance(500);
  await advance(500);
  assert.deepEqual(chains().length, 1);
  await advance(60_000);
  assert.deepEqual(chains().length, 1);
});

test('after a failure everything is made anew, ever more slowly until it works', async () => {
  const { kernel, proxier, set, advance } = await fixture();
  set(1, ['10.42.0.1']);
  await proxier.start();
  kernel.intercept = () => {
    throw new Error('no');
  };
  set(2, ['10.42.0.2']);
  await advance(0);
  kernel.sets.clear();
  await advance(1_000);
  await advance(1_999);
  kernel.intercept = () => {};
  assert.equal(kernel.transactions.length, 1);
  await advance(1);
  assert.equal(kernel.transactions.length, 2);
  assert.equal(kernel.elements('service-ips').size, 2);
});

test('rules that someone has removed are made anew', async () => {
  const { kernel, proxier, set, advance } = await fixture();
  set(1, ['10.42.0.1']);
  await proxier.start();
  kernel.sets.clear();
  kernel.chains.clear();
  proxier.renew();
  await advance(1_000);
  assert.equal(kernel.elements('service-ips').size, 1);
});

test('a start that fails says so', async () => {
  const { kernel, proxier } = await fixture();
  kernel.intercept = () => {
    throw new Error('no nf_tables');
  };
  await assert.rejects(proxier.start(), /no nf_tables/);
});

test('once stopped, nothing is applied any more', async () => {
  const { kernel, proxier, set, advance } = await fixture();
  await proxier.start();
  await proxier.stop();
  set(1, ['10.42.0.1']);
  await advance(60_000);
  assert.equal(kernel.transactions.length, 1);
});
