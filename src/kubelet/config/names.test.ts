import assert from 'node:assert/strict';
import { test } from 'node:test';
import { podOf } from '../volumes/testing.ts';
import { parseResolvConf, podDns } from './dns.ts';
import { kernelName, podName } from './hostname.ts';
import { hostNetworkHosts, podHosts } from './hosts-file.ts';
import { normalizeSysctl, podRejection } from './sysctls.ts';

const long = 'a'.repeat(70);

for (const [what, spec, expected] of [
  ['its own name', {}, { hostname: 'web', domain: '' }],
  ['spec.hostname', { hostname: 'front' }, { hostname: 'front', domain: '' }],
  [
    'a subdomain',
    { hostname: 'front', subdomain: 'site' },
    { hostname: 'front', domain: 'site.shop.svc.cluster.local' },
  ],
  ['an override', { hostname: 'x', subdomain: 'y', hostnameOverride: 'a.b.c' }, { hostname: 'a.b.c', domain: '' }],
] as const) {
  test(`a pod goes by ${what}`, () => assert.deepEqual(podName(podOf(spec), 'cluster.local'), expected));
}

test('names are cut to 63 characters, without a dash or dot at the end', () => {
  assert.equal(podName(podOf({}, { name: long }), '').hostname, 'a'.repeat(63));
  assert.equal(podName(podOf({}, { name: `${'a'.repeat(60)}-.-${long}` }), '').hostname, 'a'.repeat(60));
  assert.throws(() => podName(podOf({}, { name: '-'.repeat(70) }), ''), /^Error: hostname for pod ".*" was invalid: /);
});

test('names that are no labels are refused', () => {
  assert.throws(
    () => podName(podOf({ hostname: 'A.b' }), ''),
    /^Error: pod Hostname "A\.b" is not a valid DNS label: a lowercase/,
  );
  assert.throws(
    () => podName(podOf({ subdomain: 'a_b' }), ''),
    /^Error: pod Subdomain "a_b" is not a valid DNS label: /,
  );
});

test('the kernel’s name is the full one only when asked for, and only when it fits', () => {
  const name = { hostname: 'front', domain: 'site.shop.svc.cluster.local' };
  assert.equal(kernelName(name), 'front');
  assert.equal(kernelName(name, true), 'front.site.shop.svc.cluster.local');
  assert.equal(kernelName({ hostname: 'front', domain: '' }, true), 'front');
  const tooLong = { hostname: 'a'.repeat(40), domain: name.domain };
  const message =
    /^Error: failed to construct FQDN .* is too long \(64 characters is the max, 68 characters requested\)$/;
  assert.throws(() => kernelName(tooLong, true), message);
});

const fixedLines = [
  '# Kubernetes-managed hosts file.',
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'fe00::0\tip6-mcastprefix',
  'fe00::1\tip6-allnodes',
  'fe00::2\tip6-allrouters',
];
const aliases = [
  { ip: '10.0.0.5', hostnames: ['one', 'two.example'] },
  { ip: 'fd00::5', hostnames: ['three'] },
];
const aliasText = '\n# Entries added by HostAliases.\n10.0.0.5\tone\ttwo.example\nfd00::5\tthree\n';

test('the hosts file of a pod', () => {
  const name = { hostname: 'front', domain: '' };
  assert.equal(
    podHosts(['10.1.0.2', 'fd00::2'], name),
    [...fixedLines, '10.1.0.2\tfront', 'fd00::2\tfront', ''].join('\n'),
  );
  const full = podHosts(['10.1.0.2'], { hostname: 'front', domain: 'site.shop.svc.x' }, aliases);
  assert.equal(full, [...fixedLines, '10.1.0.2\tfront.site.shop.svc.x\tfront', aliasText].join('\n'));
});

test('the hosts file of a pod on the host’s network', () => {
  const header = '# Kubernetes-managed hosts file (host network).\n';
  assert.equal(hostNetworkHosts('127.0.0.1 here\n'), `${header}127.0.0.1 here\n`);
  assert.equal(hostNetworkHosts('127.0.0.1 here\n', aliases), `${header}127.0.0.1 here\n${aliasText}`);
});

test('resolv.conf: nameservers add up, the last search and the last of each option hold', () => {
  const text = [
    '# nameserver 9.9.9.9',
    'nameserver 1.1.1.1',
    ' nameserver\t2.2.2.2 ignored',
    'nameserver',
    'search old.example',
    'search new.example. . other',
    'options ndots:1 attempts:3',
    'options ndots:2',
    'sortlist 1.2.3.4',
  ].join('\n');
  assert.deepEqual(parseResolvConf(text), {
    servers: ['1.1.1.1', '2.2.2.2'],
    searches: ['new.example', 'other'],
    options: ['ndots:2', 'attempts:3'],
  });
});

const host = { servers: ['1.1.1.1'], searches: ['corp.example'], options: ['timeout:1'] };
const settings = { servers: ['10.96.0.10'], clusterDomain: 'cluster.local' };
const clusterSearches = ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'corp.example'];
const cluster = { servers: ['10.96.0.10'], searches: clusterSearches, options: ['ndots:5'] };

for (const [what, spec, expected] of [
  ['ClusterFirst', { dnsPolicy: 'ClusterFirst' }, cluster],
  ['ClusterFirst on the host’s network', { dnsPolicy: 'ClusterFirst', hostNetwork: true }, host],
  ['ClusterFirstWithHostNet', { dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }, cluster],
  ['Default', { dnsPolicy: 'Default' }, host],
  [
    'None',
    { dnsPolicy: 'None', dnsConfig: { nameservers: ['8.8.8.8'] } },
    { servers: ['8.8.8.8'], searches: [], options: [] },
  ],
  [
    'a dnsConfig on top',
    {
      dnsPolicy: 'ClusterFirst',
      dnsConfig: {
        nameservers: ['8.8.8.8', '10.96.0.10'],
        searches: ['own.example', 'cluster.local'],
        options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
      },
    },
    {
      servers: ['10.96.0.10', '8.8.8.8'],
      searches: [...clusterSearches, 'own.example'],
      options: ['ndots:2', 'edns0'],
    },
  ],
] as const) {
  test(`DNS of a pod: ${what}`, () => {
    const { config, warnings } = podDns(podOf(spec as never), host, settings);
    assert.deepEqual(config, expected);
    assert.deepEqual(warnings, []);
  });
}

test('what resolvers do not take is cut, and told', () => {
  const searches = [...Array.from({ length: 33 }, (_, index) => `s${index}`)];
  const dnsConfig = { nameservers: ['1', '2', '3', '4'], searches };
  const { config, warnings } = podDns(podOf({ dnsPolicy: 'None', dnsConfig }), host, settings);
  assert.deepEqual(config.servers, ['1', '2', '3']);
  assert.equal(config.searches.length, 32);
  assert.match(warnings[0] ?? '', /^Nameserver limits were exceeded, .* line is: 1 2 3$/);
  assert.match(
    warnings[1] ?? '',
    /^Search Line limits were exceeded, some search paths have been omitted, .* line is: s0 s1 /,
  );
});

test('search lines end at 2048 characters; paths over 253 are left out', () => {
  const searches = [`${'x'.repeat(254)}`, ...Array.from({ length: 20 }, (_, index) => `${index}`.padStart(120, 'y'))];
  const { config } = podDns(podOf({ dnsPolicy: 'None', dnsConfig: { searches } }), host, settings);
  assert.equal(config.searches.length, 16);
  assert.ok(config.searches.join(' ').length <= 2048);
});

const sysctl = (name: string) => ({ securityContext: { sysctls: [{ name, value: '1' }] } });

for (const [what, spec, message] of [
  ['safe', sysctl('kernel.shm_rmid_forced'), undefined],
  ['safe, with slashes', sysctl('net/ipv4/tcp_syncookies'), undefined],
  ['unsafe', sysctl('kernel.msgmax'), '"kernel.msgmax" not allowlisted'],
  ['unknown', sysctl('constructor'), '"constructor" not allowlisted'],
  [
    'shared IPC',
    { ...sysctl('kernel.shm_rmid_forced'), hostIPC: true },
    '"kernel.shm_rmid_forced" not allowed with host IPC enabled',
  ],
  [
    'shared network',
    { ...sysctl('net.ipv4.tcp_syncookies'), hostNetwork: true },
    '"net.ipv4.tcp_syncookies" not allowed with host Net enabled',
  ],
  ['too new for the kernel', sysctl('net.ipv4.tcp_rmem'), '"net.ipv4.tcp_rmem" not allowlisted'],
] as const) {
  test(`a sysctl that is ${what}`, () => {
    const expected = message && { reason: 'SysctlForbidden', message: `forbidden sysctl: ${message}` };
    assert.deepEqual(podRejection(podOf(spec), '4.14.0-tegra'), expected);
  });
}

test('names of sysctls: the first separator says which is which', () => {
  assert.equal(normalizeSysctl('net.ipv4.conf.eno2/100.rp_filter'), 'net.ipv4.conf.eno2/100.rp_filter');
  assert.equal(normalizeSysctl('net/ipv4/conf/eno2.100/rp_filter'), 'net.ipv4.conf.eno2/100.rp_filter');
});
