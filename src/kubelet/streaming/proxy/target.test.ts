import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type TestCluster, testCluster } from '../../../api/testing/cluster.ts';
import type { Client } from '../../../client/types.ts';
import { StatusError } from '../../../kernel/index.ts';
import { definitions } from '../../../resources/index.ts';
import { isGlobalUnicast, nodeTarget, podTarget, type Resolve, serviceTarget, splitName } from './target.ts';

let cluster: TestCluster;
let client: Client;
before(async () => {
  cluster = await testCluster({ definitions });
  client = cluster.api.client({ name: 'api', groups: ['system:masters'] });
  const v1 = { apiVersion: 'v1' };
  await make('namespaces', '', { ...v1, kind: 'Namespace', metadata: { name: 'ns' } });
  const containers = [
    { name: 'a', image: 'x' },
    { name: 'b', image: 'x', ports: [{ containerPort: 1080 }] },
  ];
  for (const [name, ip] of [
    ['web', '10.1.2.3'],
    ['local', '127.0.0.1'],
  ] as const) {
    await make('pods', 'ns', { ...v1, kind: 'Pod', metadata: { name }, spec: { containers } });
    await patch(`namespaces/ns/pods/${name}`, { status: { podIP: ip, podIPs: [{ ip }] } });
  }
  const ports = [
    { name: 'http', port: 80, targetPort: 1080 },
    { name: 'other', port: 81, targetPort: 1081 },
  ];
  for (const name of ['web', 'empty', 'forged']) {
    const spec = { clusterIP: 'None', ports };
    await make('services', 'ns', { ...v1, kind: 'Service', metadata: { name }, spec });
  }
  const targetRef = { kind: 'Pod', namespace: 'ns', name: 'web' };
  const endpoints = (name: string, addresses: readonly object[]) => ({
    ...v1,
    kind: 'Endpoints',
    metadata: { name },
    subsets: addresses.length ? [{ addresses, ports: [{ name: 'http', port: 1080 }] }] : [],
  });
  await make(
    'endpoints',
    'ns',
    endpoints('web', [
      { ip: '10.1.2.9', targetRef },
      { ip: '10.1.2.3', targetRef },
    ]),
  );
  await make('endpoints', 'ns', endpoints('empty', []));
  await make('endpoints', 'ns', endpoints('forged', [{ ip: '10.9.9.9', targetRef }, { ip: '10.1.2.3' }]));
  await make('nodes', '', { ...v1, kind: 'Node', metadata: { name: 'n1' } });
  await patch('nodes/n1', {
    status: {
      addresses: [
        { type: 'Hostname', address: 'n1' },
        { type: 'InternalIP', address: '192.0.2.1' },
      ],
    },
  });
});
after(() => cluster.close());

async function make(resource: string, namespace: string, body: object): Promise<void> {
  const { status, text } = await cluster.ask('POST', `/api/v1/${namespace && `namespaces/${namespace}/`}${resource}`, {
    body,
  });
  assert.equal(status, 201, text);
}

async function patch(path: string, body: object): Promise<void> {
  const headers = { 'content-type': 'application/merge-patch+json' };
  const { status, text } = await cluster.ask('PATCH', `/api/v1/${path}/status`, { headers, body });
  assert.equal(status, 200, text);
}

describe('what is proxied to', () => {
  for (const [resolve, id, expected] of [
    [podTarget, 'web', { scheme: 'http', host: '10.1.2.3', port: '1080' }],
    [podTarget, 'web:8443', { scheme: 'http', host: '10.1.2.3', port: '8443' }],
    [podTarget, 'https:web:8443', { scheme: 'https', host: '10.1.2.3', port: '8443' }],
    [serviceTarget, 'web:http', { scheme: 'http', host: '10.1.2.3', port: '1080' }],
    [serviceTarget, 'web:80', { scheme: 'http', host: '10.1.2.3', port: '1080' }],
    [serviceTarget, 'https:web:http', { scheme: 'https', host: '10.1.2.3', port: '1080' }],
    [nodeTarget, 'n1', { scheme: 'https', host: '192.0.2.1', port: '10250' }],
    [nodeTarget, 'n1:9100', { scheme: 'http', host: '192.0.2.1', port: '9100' }],
  ] satisfies [Resolve, string, object][]) {
    test(`${resolve === podTarget ? 'pod' : resolve === nodeTarget ? 'node' : 'service'} ${id}`, async () =>
      assert.deepEqual(await resolve(client, 'ns', id), expected));
  }

  for (const [resolve, id, code, message] of [
    [podTarget, 'none', 404, 'pods "none" not found'],
    [podTarget, 'a:b:c:d', 400, 'invalid pod request "a:b:c:d"'],
    [podTarget, 'ftp:web:21', 400, 'invalid pod request "ftp:web:21"'],
    [podTarget, 'local', 400, 'address not allowed'],
    [serviceTarget, 'none', 404, 'endpoints "none" not found'],
    [serviceTarget, ':80', 400, 'invalid service request ":80"'],
    [serviceTarget, 'web:82', 503, 'no service port 82 found for service "web"'],
    [serviceTarget, 'web:other', 503, 'no endpoints available for service "web:other"'],
    [serviceTarget, 'empty:http', 503, 'no endpoints available for service "empty"'],
    [serviceTarget, 'forged:http', 503, 'no endpoints available for service "forged:http"'],
    [nodeTarget, 'none', 404, 'nodes "none" not found'],
  ] satisfies [Resolve, string, number, string][]) {
    test(`refused: ${id} (${message})`, () =>
      assert.rejects(resolve(client, 'ns', id), (error) => {
        assert.ok(error instanceof StatusError);
        assert.deepEqual([error.code, error.message], [code, message]);
        return true;
      }));
  }

  test('names come apart', () => {
    assert.deepEqual(splitName('a'), { scheme: '', name: 'a', port: '' });
    assert.deepEqual(splitName(':a:1'), { scheme: '', name: 'a', port: '1' });
    assert.equal(splitName('http::1'), undefined);
  });

  test('addresses of this machine and of no one are not proxied to', () => {
    const addresses = [
      '127.0.0.1',
      '0.0.0.0',
      '169.254.1.1',
      '224.0.0.1',
      '255.255.255.255',
      '::1',
      '::',
      'fe80::1',
      'fe80::1%eth0',
      '0:0:0:0:0:0:0:1',
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      'ff02::1',
      '',
      'name',
    ];
    assert.deepEqual(addresses.filter(isGlobalUnicast), []);
    assert.deepEqual(['10.0.0.1', '192.0.2.1', 'fd00::1'].filter(isGlobalUnicast).length, 3);
  });
});
