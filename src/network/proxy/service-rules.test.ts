import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointSlice, Service } from '../../schema/generated/index.ts';
import { serviceFacts, sliceFacts } from '../facts/extract.ts';
import type { ServiceEntry } from '../facts/index.ts';
import { compose, type Ruleset } from './ruleset.ts';
import { finished } from './testing.ts';
import { serviceRules } from './service-rules.ts';

const node = { clusterNetwork: '10.42.0.0/16', dnsIP: '10.43.0.10', nodeIPs: ['192.0.2.10'] };
const ip = '10.43.0.20';

type Conditions = NonNullable<NonNullable<EndpointSlice['endpoints']>[number]['conditions']>;
interface TestEndpoint {
  address: string;
  node?: string;
  conditions?: Conditions;
}

const endpoint = (last: number, conditions: Conditions = {}, nodeName = 'here'): TestEndpoint => ({
  address: `10.42.0.${last}`,
  node: nodeName,
  conditions,
});

function entryOf(
  spec: Partial<Service['spec']>,
  endpoints: readonly TestEndpoint[],
  more: Partial<Pick<Service, 'status'>> & { labels?: Record<string, string> } = {},
): ServiceEntry {
  const { labels = {}, ...rest } = more;
  const service: Service = {
    metadata: { name: 'web', namespace: 'shop', labels },
    spec: {
      clusterIP: ip,
      clusterIPs: [ip],
      ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 0 }],
      ...spec,
    },
    ...rest,
  };
  const slice: EndpointSlice = {
    metadata: { name: 'web-1', namespace: 'shop' },
    addressType: 'IPv4',
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
    endpoints: endpoints.map(({ address, node: nodeName = 'here', conditions = {} }) => ({
      ...{ addresses: [address], nodeName, conditions },
    })),
  };
  return { service: serviceFacts(service), slices: new Map([['web-1', sliceFacts(slice, 'here')!]]) };
}

const rulesOf = (...args: Parameters<typeof entryOf>): Ruleset => {
  const fragment = serviceRules(entryOf(...args), node);
  return finished(compose(fragment ? [fragment] : []));
};

/** The endpoints that an address leads to, through whatever chains; or what becomes of its packets. */
function outcome(rules: Ruleset, key: string, set: 'service-ips' | 'service-nodeports' = 'service-ips'): string {
  const verdict = rules.elements[set].get(key);
  if (verdict) return endpointsBehind(rules, verdict);
  const refusals = set === 'service-ips' ? 'no-endpoint-services' : 'no-endpoint-nodeports';
  return rules.elements[refusals].get(key) ?? 'nothing';
}

function endpointsBehind(rules: Ruleset, verdict: string): string {
  const chain = rules.chains.get(verdict.replace('goto ', '')) ?? [];
  const last = chain.at(-1) ?? '';
  if (last.startsWith('goto ')) return endpointsBehind(rules, last);
  const found = [...last.matchAll(/\d+ : (10\.42\.0\.\d+ \. \d+|goto endpoint-\S*?__[\d./]+)/g)];
  return found.map(([, target = '']) => target.replace(/^goto \S+__/, '').replace(/[./ ]+(?=\d+$)/, ':')).join(' ');
}

const cluster = `${ip} . tcp . 80`;

test('a cluster IP leads to ready endpoints', () => {
  const rules = rulesOf({}, [endpoint(7), endpoint(8), endpoint(9, { ready: false })]);
  assert.equal(outcome(rules, cluster), '10.42.0.7:8080 10.42.0.8:8080');
  assert.deepEqual([...rules.elements['cluster-ips'].keys()], [ip]);
  assert.deepEqual(
    [...rules.elements['hairpin-connections'].keys()],
    ['10.42.0.7 . 10.42.0.7 . tcp . 8080', '10.42.0.8 . 10.42.0.8 . tcp . 8080'],
  );
});

test('when no endpoint is ready, those that serve while they terminate do', () => {
  const terminating = endpoint(9, { ready: false, serving: true, terminating: true });
  assert.equal(outcome(rulesOf({}, [terminating, endpoint(7, { ready: false })]), cluster), '10.42.0.9:8080');
  assert.equal(outcome(rulesOf({}, [terminating, endpoint(7)]), cluster), '10.42.0.7:8080');
});

test('without endpoints packets are refused', () => {
  const rules = rulesOf(
    { type: 'NodePort', ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 30080 }] },
    [],
  );
  assert.equal(outcome(rules, cluster), 'goto reject-it');
  assert.equal(outcome(rules, 'tcp . 30080', 'service-nodeports'), 'goto reject-it');
});

test('internal policy Local keeps to this node, or drops', () => {
  const spec = { internalTrafficPolicy: 'Local' } as const;
  assert.equal(outcome(rulesOf(spec, [endpoint(7), endpoint(8, {}, 'there')]), cluster), '10.42.0.7:8080');
  assert.equal(outcome(rulesOf(spec, [endpoint(8, {}, 'there')]), cluster), 'drop');
});

test('external policy Local keeps what comes from outside to this node', () => {
  const spec: Partial<Service['spec']> = {
    type: 'NodePort',
    externalTrafficPolicy: 'Local',
    ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 30080 }],
  };
  const both = rulesOf(spec, [endpoint(7), endpoint(8, {}, 'there')]);
  assert.equal(outcome(both, 'tcp . 30080', 'service-nodeports'), '10.42.0.7:8080');
  assert.equal(outcome(both, cluster), '10.42.0.7:8080 10.42.0.8:8080');
  const external = [...both.chains].find(([name]) => name.startsWith('external-'))?.[1] ?? [];
  assert.ok(!external.some((rule) => rule.startsWith('meta mark')), 'sources are kept');
  const remote = rulesOf(spec, [endpoint(8, {}, 'there')]);
  assert.equal(remote.elements['no-endpoint-nodeports'].get('tcp . 30080'), 'drop');
});

test('external policy Cluster hides the source, so that the answer comes back by this node', () => {
  const rules = rulesOf({ externalIPs: ['203.0.113.5'] }, [endpoint(7)]);
  assert.equal(outcome(rules, '203.0.113.5 . tcp . 80'), '10.42.0.7:8080');
  const external = [...rules.chains].find(([name]) => name.startsWith('external-'))?.[1] ?? [];
  assert.match(external[0] ?? '', /^meta mark set/);
});

test('affinity remembers the endpoint for as long as the Service says', () => {
  const spec = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 90 } } } as const;
  const rules = rulesOf(spec, [endpoint(7), endpoint(8)]);
  assert.deepEqual([...rules.affinitySets.values()], [90, 90]);
  const [set = ''] = rules.affinitySets.keys();
  assert.match(set, /10\.42\.0\.7\/8080\/90$/);
  const chainOf = (start: string): readonly string[] =>
    [...rules.chains].find(([name]) => name.startsWith(start))?.[1] ?? [];
  assert.deepEqual(chainOf('endpoint-'), [`update @${set} { ip saddr }`, 'meta l4proto tcp dnat to 10.42.0.7:8080']);
  assert.match(chainOf('service-')[0] ?? '', /^ip saddr @affinity-.* goto endpoint-.*10\.42\.0\.7/);
  assert.equal(outcome(rules, cluster).split(' ').length, 2);
});

test('load balancers lead to endpoints, for the sources that they allow', () => {
  const spec: Partial<Service['spec']> = { type: 'LoadBalancer', loadBalancerSourceRanges: [' 198.51.100.0/24'] };
  const status = { loadBalancer: { ingress: [{ ip: '203.0.113.9' }, { ip: '203.0.113.8', ipMode: 'Proxy' }] } };
  const rules = rulesOf(spec, [endpoint(7)], { status });
  assert.equal(outcome(rules, '203.0.113.9 . tcp . 80'), '10.42.0.7:8080');
  assert.equal(outcome(rules, '203.0.113.8 . tcp . 80'), 'nothing');
  const firewall = rules.elements['firewall-ips'].get('203.0.113.9 . tcp . 80')?.replace('goto ', '') ?? '';
  assert.deepEqual(rules.chains.get(firewall), ['ip saddr 198.51.100.0/24 return', 'drop']);
  const open = rulesOf({ ...spec, loadBalancerSourceRanges: ['0.0.0.0/0'] }, [endpoint(7)], { status });
  assert.equal(open.elements['firewall-ips'].size, 0);
});

for (const [what, spec, labels] of [
  ['is headless', { clusterIP: 'None', clusterIPs: ['None'] }, {}],
  ['is a name elsewhere', { type: 'ExternalName', externalName: 'example.com' }, {}],
  ['is the DNS of the node', { clusterIP: node.dnsIP, clusterIPs: [node.dnsIP] }, {}],
  ['is served by another proxy', {}, { 'service.kubernetes.io/service-proxy-name': 'other' }],
  ['is not for proxies', {}, { 'service.kubernetes.io/headless': '' }],
] as const) {
  test(`a Service that ${what} has no rules`, () => {
    const entry = entryOf(spec as unknown as Partial<Service['spec']>, [endpoint(7)], { labels });
    assert.equal(serviceRules(entry, node), undefined);
  });
}

test('an address in two slices is one endpoint, and the pod that runs has it', () => {
  const entry = entryOf({}, [endpoint(7)]);
  const other = entryOf({}, [endpoint(7, { ready: false, serving: true, terminating: true }), endpoint(8)]);
  entry.slices.set('web-2', other.slices.get('web-1')!);
  const fragment = serviceRules(entry, node)!;
  assert.equal(outcome(finished(compose([fragment])), cluster), '10.42.0.7:8080 10.42.0.8:8080');
});

test('names in the kernel stay short enough, and differ where Services differ only at their end', () => {
  const long = 'x'.repeat(63);
  const nameOf = (name: string): string => {
    const entry = entryOf({}, [endpoint(7)]);
    const fragment = serviceRules({ ...entry, service: { ...entry.service!, namespace: long, name } }, node)!;
    return [...fragment.chains.keys()][0] ?? '';
  };
  assert.notEqual(nameOf(`${long.slice(1)}a`), nameOf(`${long.slice(1)}b`));
  assert.ok(nameOf(long).length <= 127);
});
