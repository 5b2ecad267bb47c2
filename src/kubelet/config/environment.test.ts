import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, EnvFromSource, EnvVar, Service } from '../../schema/generated/index.ts';
import { containerOf, podOf } from '../volumes/testing.ts';
import { variableInFile } from './env-file.ts';
import { type EnvironmentSources, makeEnvironment } from './environment.ts';
import { sortLike } from './pod-field.ts';
import { serviceVariables } from './service-variables.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const configMaps: Record<string, Record<string, string>> = { c: { K: 'config', 'odd.key': 'odd' } };
const secrets: Record<string, Record<string, string>> = { s: { K: base64('secret') } };

const sources: EnvironmentSources = {
  configMap: async (name) => (configMaps[name] ? { metadata: { name }, data: configMaps[name] } : undefined),
  secret: async (name) => (secrets[name] ? { metadata: { name }, data: secrets[name] } : undefined),
  allocatable: async () => ({ cpu: '4', memory: '8Gi' }),
  volumeFile: async (volume, path) => ({ path: `/v/${volume}/${path}`, text: "KEY='from file'\n" }),
  services: new Map([['SVC_HOST', '10.0.0.1']]),
  facts: { podIPs: ['fd00::1', '10.1.0.2'], hostIPs: ['192.0.2.7', 'fd01::7'] },
};

const pod = podOf(
  { nodeName: 'node-1', serviceAccountName: 'robot' },
  { labels: { app: 'web' }, annotations: { note: 'x' } },
);

const environment = async (container: Partial<Container>): Promise<Record<string, string>> => {
  const { SVC_HOST: _, ...own } = Object.fromEntries(await makeEnvironment(pod, containerOf(container), sources));
  return own;
};

for (const [what, env, expected] of [
  ['a value', [{ name: 'A', value: '1' }], { A: '1' }],
  ['no value', [{ name: 'A' }], { A: '' }],
  [
    'the last of two',
    [
      { name: 'A', value: '1' },
      { name: 'A', value: '2' },
    ],
    { A: '2' },
  ],
  [
    'an earlier variable',
    [
      { name: 'A', value: '1' },
      { name: 'B', value: '$(A)$(A)' },
    ],
    { A: '1', B: '11' },
  ],
  [
    'a later variable',
    [
      { name: 'B', value: '$(A)' },
      { name: 'A', value: '1' },
    ],
    { B: '$(A)', A: '1' },
  ],
  ['a service', [{ name: 'A', value: 'http://$(SVC_HOST)' }], { A: 'http://10.0.0.1' }],
  [
    'itself',
    [
      { name: 'A', value: '1' },
      { name: 'A', value: '$(A)2' },
    ],
    { A: '12' },
  ],
  ['a name that is no identifier', [{ name: '1-odd.name', value: '1' }], { '1-odd.name': '1' }],
] as [string, EnvVar[], Record<string, string>][]) {
  test(`env: ${what}`, async () => assert.deepEqual(await environment({ env }), expected));
}

for (const [what, envFrom, expected] of [
  ['a ConfigMap', [{ configMapRef: { name: 'c' } }], { K: 'config', 'odd.key': 'odd' }],
  ['a Secret', [{ secretRef: { name: 's' } }], { K: 'secret' }],
  ['a prefix', [{ prefix: 'P_', secretRef: { name: 's' } }], { P_K: 'secret' }],
  [
    'the later of two',
    [{ secretRef: { name: 's' } }, { configMapRef: { name: 'c' } }],
    { K: 'config', 'odd.key': 'odd' },
  ],
  [
    'an optional one that is missing',
    [{ configMapRef: { name: 'x', optional: true } }, { secretRef: { name: 'x', optional: true } }],
    {},
  ],
] as [string, EnvFromSource[], Record<string, string>][]) {
  test(`envFrom: ${what}`, async () => assert.deepEqual(await environment({ envFrom }), expected));
}

test('env goes before envFrom and may refer to it', async () => {
  const envFrom = [{ configMapRef: { name: 'c' } }];
  const env = [
    { name: 'B', value: '<$(K)>' },
    { name: 'K', value: 'own' },
  ];
  assert.deepEqual(await environment({ envFrom, env }), { B: '<config>', K: 'own', 'odd.key': 'odd' });
});

for (const [field, value] of [
  ['metadata.name', 'web'],
  ["metadata.labels['app']", 'web'],
  ["metadata.annotations['note']", 'x'],
  ['spec.nodeName', 'node-1'],
  ['spec.serviceAccountName', 'robot'],
  ['status.hostIP', '192.0.2.7'],
  ['status.hostIPs', '192.0.2.7,fd01::7'],
  ['status.podIP', '10.1.0.2'],
  ['status.podIPs', '10.1.0.2,fd00::1'],
] as const) {
  test(`fieldRef ${field} is ${value}`, async () => {
    const env = [{ name: 'A', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: field } } }];
    assert.deepEqual(await environment({ env }), { A: value });
  });
}

test('resourceFieldRef is of this container, or of the one it names', async () => {
  const env = [
    { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
    {
      name: 'MEM',
      valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi', containerName: 'main' } },
    },
  ];
  const resources = { limits: { cpu: '1500m' } };
  assert.deepEqual(await environment({ env, resources }), { CPU: '2', MEM: '8192' });
});

test('keys of ConfigMaps, Secrets and files', async () => {
  const env = [
    { name: 'C', valueFrom: { configMapKeyRef: { name: 'c', key: 'odd.key' } } },
    { name: 'S', valueFrom: { secretKeyRef: { name: 's', key: 'K' } } },
    { name: 'F', valueFrom: { fileKeyRef: { volumeName: 'v', path: 'env', key: 'KEY' } } },
    { name: 'N1', valueFrom: { configMapKeyRef: { name: 'none', key: 'K', optional: true } } },
    { name: 'N2', valueFrom: { secretKeyRef: { name: 's', key: 'none', optional: true } } },
    { name: 'N3', valueFrom: { fileKeyRef: { volumeName: 'v', path: 'env', key: 'none', optional: true } } },
  ];
  assert.deepEqual(await environment({ env }), { C: 'odd', S: 'secret', F: 'from file' });
});

for (const [valueFrom, message] of [
  [{ configMapKeyRef: { name: 'none', key: 'k' } }, 'configmap "none" not found'],
  [{ secretKeyRef: { name: 'none', key: 'k' } }, 'secret "none" not found'],
  [{ configMapKeyRef: { name: 'c', key: 'k' } }, "couldn't find key k in ConfigMap shop/c"],
  [{ secretKeyRef: { name: 's', key: 'k' } }, "couldn't find key k in Secret shop/s"],
  [
    { fileKeyRef: { volumeName: 'v', path: 'env', key: 'k' } },
    'environment variable key "k" not found in file "/v/v/env"',
  ],
  [{ fieldRef: { apiVersion: 'v2', fieldPath: 'metadata.name' } }, 'unsupported pod version: v2'],
  [{ fieldRef: { fieldPath: 'spec.host.name' } }, 'field label not supported: spec.host.name'],
  [{ fieldRef: { fieldPath: "spec.nodeName['a']" } }, "field label does not support subscript: spec.nodeName['a']"],
  [{ resourceFieldRef: { resource: 'limits.cpu', containerName: 'x' } }, 'container x not found'],
] as const) {
  test(`what fails says ${message}`, () =>
    assert.rejects(environment({ env: [{ name: 'A', valueFrom }] }), { message }));
}

for (const [source, message] of [
  [{ configMapRef: { name: 'none' } }, 'configmap "none" not found'],
  [{ secretRef: { name: 'none' } }, 'secret "none" not found'],
] as const) {
  test(`envFrom that fails says ${message}`, () => assert.rejects(environment({ envFrom: [source] }), { message }));
}

test('the addresses of the node’s first family go first', () => {
  assert.deepEqual(sortLike(['fd00::1', '10.0.0.1'], '192.0.2.1'), ['10.0.0.1', 'fd00::1']);
  assert.deepEqual(sortLike(['10.0.0.1', 'fd00::1'], 'fd01::1'), ['fd00::1', '10.0.0.1']);
});

const service = (namespace: string, name: string, spec: Partial<Service['spec']>): Service =>
  ({ metadata: { name, namespace }, spec }) as Service;

const kubernetes = service('default', 'kubernetes', {
  clusterIP: '10.0.0.1',
  ports: [{ name: 'https', port: 443, protocol: 'TCP' }],
});

test('variables of a service', () => {
  const own = service('shop', 'my-db', {
    clusterIP: '10.0.0.9',
    ports: [
      { name: 'sql-port', port: 5432 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  });
  assert.deepEqual(Object.fromEntries(serviceVariables([own], 'shop', true)), {
    MY_DB_SERVICE_HOST: '10.0.0.9',
    MY_DB_SERVICE_PORT: '5432',
    MY_DB_SERVICE_PORT_SQL_PORT: '5432',
    MY_DB_SERVICE_PORT_DNS: '53',
    MY_DB_PORT: 'tcp://10.0.0.9:5432',
    MY_DB_PORT_5432_TCP: 'tcp://10.0.0.9:5432',
    MY_DB_PORT_5432_TCP_PROTO: 'tcp',
    MY_DB_PORT_5432_TCP_PORT: '5432',
    MY_DB_PORT_5432_TCP_ADDR: '10.0.0.9',
    MY_DB_PORT_53_UDP: 'udp://10.0.0.9:53',
    MY_DB_PORT_53_UDP_PROTO: 'udp',
    MY_DB_PORT_53_UDP_PORT: '53',
    MY_DB_PORT_53_UDP_ADDR: '10.0.0.9',
  });
});

test('an IPv6 address is bracketed in URLs only', () => {
  const own = service('shop', 'v6', { clusterIP: 'fd00::5', ports: [{ port: 80 }] });
  const variables = serviceVariables([own], 'shop', true);
  assert.equal(variables.get('V6_PORT'), 'tcp://[fd00::5]:80');
  assert.equal(variables.get('V6_SERVICE_HOST'), 'fd00::5');
});

test('only services with an address, of the pod’s namespace, and kubernetes', () => {
  const spec = { clusterIP: '10.0.0.5', ports: [{ port: 80 }] };
  const all = [
    kubernetes,
    service('shop', 'own', spec),
    service('other', 'foreign', spec),
    service('default', 'plain', spec),
    service('shop', 'headless', { ...spec, clusterIP: 'None' }),
    service('shop', 'external', { type: 'ExternalName', externalName: 'x' }),
  ];
  const hosts = (namespace: string, links: boolean) =>
    [...serviceVariables(all, namespace, links).keys()].filter((name) => name.endsWith('_HOST')).sort();
  assert.deepEqual(hosts('shop', true), ['KUBERNETES_SERVICE_HOST', 'OWN_SERVICE_HOST']);
  assert.deepEqual(hosts('shop', false), ['KUBERNETES_SERVICE_HOST']);
  assert.deepEqual(hosts('default', true), ['KUBERNETES_SERVICE_HOST', 'PLAIN_SERVICE_HOST']);
});

test('a service called kubernetes in the pod’s namespace goes before the real one', () => {
  const own = service('shop', 'kubernetes', { clusterIP: '10.0.0.77', ports: [{ port: 1 }] });
  for (const all of [
    [kubernetes, own],
    [own, kubernetes],
  ]) {
    assert.equal(serviceVariables(all, 'shop', true).get('KUBERNETES_SERVICE_HOST'), '10.0.0.77');
    assert.equal(serviceVariables(all, 'shop', false).get('KUBERNETES_SERVICE_HOST'), '10.0.0.1');
  }
});

for (const [what, text, value] of [
  ['a value', "A='1'\nKEY='x y'\n", 'x y'],
  ['the first of two', "KEY='1'\nKEY='2'", '1'],
  ['comments and blank lines', "# KEY='no'\n\n  \t\n\tKEY='yes' # why", 'yes'],
  ['several lines', "A='one\n\n KEY=two'\nKEY='a\nb'\n", 'a\nb'],
  ['nothing interpreted', 'KEY=\'$A \\n "q"\'', '$A \\n "q"'],
  ['no such key', "A='1'", ''],
  ['a blank before the quote', "KEY= 'x'", ''],
  ['an empty file', '', ''],
] as const) {
  test(`environment file: ${what}`, () => assert.equal(variableInFile(text, 'KEY'), value));
}

for (const [text, message] of [
  ['\nKEY', "at line 2: missing '='"],
  ["='x'", 'at line 1: empty variable name'],
  ["KEY ='x'", "at line 1: whitespace before '=' is not allowed"],
  ['KEY=x', 'at line 1: value must be enclosed in single quotes'],
  ["KEY='x'y", 'at line 1: unexpected content after closing quote'],
  ["A='1'\nKEY='x\ny", 'starting at line 2: unclosed single quote'],
] as const) {
  test(`environment file ${JSON.stringify(text)} is refused`, () => {
    assert.throws(() => variableInFile(text, 'KEY'), { message: `invalid environment variable format ${message}` });
  });
}
