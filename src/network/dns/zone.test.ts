import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointFacts, ServiceEntry, ServiceFacts } from '../facts/index.ts';
import { rcodes, recordTypes } from './wire.ts';
import { answerFromZone, type ZoneFacts } from './zone.ts';

const ports = [
  { name: 'http', protocol: 'TCP' as const, port: 80, nodePort: 0 },
  { name: 'dns', protocol: 'UDP' as const, port: 53, nodePort: 0 },
];

const endpoint = (address: string, more: Partial<EndpointFacts> = {}): EndpointFacts => ({
  ...{ address, hostname: '', ready: true, serving: true, terminating: false, local: true },
  ...more,
});

function entryOf(name: string, more: Partial<ServiceFacts>, endpoints: readonly EndpointFacts[] = []): ServiceEntry {
  const service: ServiceFacts = {
    ...{ uid: name, namespace: 'shop', name, clusterIP: '', headless: false, externalName: '', proxied: true, ports },
    ...{ affinitySeconds: 0, internalLocal: false, externalLocal: false },
    ...{ externalIPs: [], loadBalancerIPs: [], sourceRanges: [] },
    ...more,
  };
  const slice = { proxied: true, ports: ports.map((port) => ({ ...port, port: port.port + 8_000 })), endpoints };
  return { service, slices: new Map([['a', slice]]) };
}

const peers = [
  endpoint('10.42.0.7', { hostname: 'peer-0' }),
  endpoint('10.42.0.8'),
  endpoint('10.42.0.9', { ready: false }),
];

const zone: ZoneFacts = {
  ...{ clusterDomain: 'cluster.local', serviceNetwork: '10.43.0.0/16', clusterNetwork: '10.42.0.0/16' },
  dnsIP: '10.43.0.10',
  nowMs: () => 1_000_000,
  services: new Map([
    ['shop/web', entryOf('web', { clusterIP: '10.43.0.20' }, peers)],
    ['shop/peers', entryOf('peers', { headless: true }, peers)],
    [
      'shop/bare',
      {
        ...entryOf('bare', { headless: true, ports: [] }),
        slices: new Map([['a', { proxied: true, ports: [], endpoints: peers }]]),
      },
    ],
    ['shop/empty', entryOf('empty', { headless: true })],
    ['shop/away', entryOf('away', { externalName: 'example.com' })],
  ]),
};

/** `A 10.43.0.20`, `SRV 80 web…`, sorted; or the code and what comes in place of an answer. */
function ask(name: string, type: keyof typeof recordTypes = 'A'): string[] | string {
  const reply = answerFromZone(zone, name.split('.'), recordTypes[type]);
  if (!reply) return 'elsewhere';
  if (reply.answers.length === 0) {
    assert.equal(reply.authority[0]?.data.type, 'SOA');
    return reply.rcode === rcodes.nxDomain ? 'no such name' : 'no such type';
  }
  assert.equal(reply.rcode, rcodes.noError);
  return reply.answers
    .map(({ data }) => Object.values(data).join(' ').replaceAll('.shop.svc.cluster.local', '…'))
    .sort();
}

for (const [name, type, expected] of [
  ['web.shop.svc.cluster.local', 'A', ['A 10.43.0.20']],
  ['web.shop.svc.cluster.local', 'AAAA', 'no such type'],
  ['web.shop.svc.cluster.local', 'SRV', ['SRV 53 web…', 'SRV 80 web…']],
  ['_http._tcp.web.shop.svc.cluster.local', 'SRV', ['SRV 80 web…']],
  ['_dns._udp.web.shop.svc.cluster.local', 'SRV', ['SRV 53 web…']],
  ['_http._udp.web.shop.svc.cluster.local', 'SRV', 'no such name'],
  ['_tcp.web.shop.svc.cluster.local', 'SRV', 'no such type'],
  ['peer-0.web.shop.svc.cluster.local', 'A', ['A 10.42.0.7']],
  ['peers.shop.svc.cluster.local', 'A', ['A 10.42.0.7', 'A 10.42.0.8']],
  ['peer-0.peers.shop.svc.cluster.local', 'A', ['A 10.42.0.7']],
  ['10-42-0-8.peers.shop.svc.cluster.local', 'A', ['A 10.42.0.8']],
  ['10-42-0-9.peers.shop.svc.cluster.local', 'A', 'no such name'],
  ['_http._tcp.peers.shop.svc.cluster.local', 'SRV', ['SRV 8080 10-42-0-8.peers…', 'SRV 8080 peer-0.peers…']],
  ['bare.shop.svc.cluster.local', 'A', ['A 10.42.0.7', 'A 10.42.0.8']],
  ['empty.shop.svc.cluster.local', 'A', 'no such name'],
  ['away.shop.svc.cluster.local', 'A', ['CNAME example.com']],
  ['away.shop.svc.cluster.local', 'CNAME', ['CNAME example.com']],
  ['x.away.shop.svc.cluster.local', 'A', 'no such name'],
  ['gone.shop.svc.cluster.local', 'A', 'no such name'],
  ['a.b.c.web.shop.svc.cluster.local', 'A', 'no such name'],
  ['shop.svc.cluster.local', 'A', 'no such type'],
  ['other.svc.cluster.local', 'A', 'no such name'],
  ['svc.cluster.local', 'A', 'no such type'],
  ['10-42-0-7.shop.pod.cluster.local', 'A', ['A 10.42.0.7']],
  ['10-42-0.shop.pod.cluster.local', 'A', 'no such name'],
  ['dns-version.cluster.local', 'TXT', ['TXT 1.1.0']],
  ['dns-version.cluster.local', 'A', 'no such type'],
  ['ns.dns.cluster.local', 'A', ['A 10.43.0.10']],
  ['cluster.local', 'NS', ['NS ns.dns.cluster.local']],
  ['cluster.local', 'A', 'no such type'],
  ['20.0.43.10.in-addr.arpa', 'PTR', ['PTR web…']],
  ['7.0.42.10.in-addr.arpa', 'PTR', ['PTR peer-0.bare…', 'PTR peer-0.peers…']],
  ['8.0.42.10.in-addr.arpa', 'PTR', 'no such name'],
  ['1.2.0.192.in-addr.arpa', 'PTR', 'elsewhere'],
  ['example.com', 'A', 'elsewhere'],
  ['mycluster.local', 'A', 'elsewhere'],
] as const) {
  test(`${name} ${type}: ${[expected].flat().join(', ')}`, () => assert.deepEqual(ask(name, type), expected));
}

test('SRV records come with the addresses of their targets', () => {
  const { additional } = answerFromZone(zone, '_http._tcp.peers.shop.svc.cluster.local'.split('.'), recordTypes.SRV)!;
  const addresses = additional.map(({ name, data }) => `${name.split('.', 1)} ${'address' in data && data.address}`);
  assert.deepEqual(addresses.sort(), ['10-42-0-8 10.42.0.8', 'peer-0 10.42.0.7']);
});

test('answers come in another order each time', () => {
  const orders = new Set(
    Array.from({ length: 50 }, () =>
      JSON.stringify(answerFromZone(zone, 'peers.shop.svc.cluster.local'.split('.'), recordTypes.A)?.answers),
    ),
  );
  assert.equal(orders.size, 2);
});
