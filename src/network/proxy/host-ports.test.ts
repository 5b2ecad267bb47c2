import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namespaces, pods } from '../../client/index.ts';
import { FakeCluster } from '../../controllers/testing.ts';
import { apiError, silentLogger } from '../../kernel/index.ts';
import type { Pod } from '../../schema/generated/index.ts';
import { HostPorts, hostPortRules } from './host-ports.ts';

const pod = (spec: Partial<Pod['spec']>, status: Pod['status'] = { podIP: '10.42.0.7', phase: 'Running' }): Pod => ({
  metadata: { name: 'web', namespace: 'shop' },
  spec: { containers: [], ...spec } as NonNullable<Pod['spec']>,
  status,
});

const port = { containerPort: 80, hostPort: 8080 };
const container = { name: 'main', ports: [port] };

const keysOf = (of: Pod): string[] =>
  (hostPortRules(of)?.elements ?? [])
    .filter(({ set }) => set !== 'hairpin-connections')
    .map(({ set, key, value }) => `${set} ${key} -> ${value}`);

test('a port on all addresses, on one, and of a sidecar', () => {
  const sidecar = {
    name: 'side',
    restartPolicy: 'Always',
    ports: [{ ...port, hostPort: 9, protocol: 'UDP' as const }],
  };
  const once = { name: 'init', ports: [{ ...port, hostPort: 10 }] };
  const one = { name: 'one', ports: [{ ...port, hostIP: '127.0.0.1' }] };
  assert.deepEqual(keysOf(pod({ containers: [container, one], initContainers: [sidecar, once] })), [
    'host-ports tcp . 8080 -> 10.42.0.7 . 80',
    'host-port-ips 127.0.0.1 . tcp . 8080 -> 10.42.0.7 . 80',
    'host-ports udp . 9 -> 10.42.0.7 . 80',
  ]);
});

for (const [what, of] of [
  ['on the network of the node', pod({ hostNetwork: true, containers: [container] })],
  ['without an address', pod({ containers: [container] }, {})],
  ['that has run to its end', pod({ containers: [container] }, { podIP: '10.42.0.7', phase: 'Succeeded' })],
  ['without ports on the node', pod({ containers: [{ name: 'main', ports: [{ containerPort: 80 }] }] })],
] as const) {
  test(`a pod ${what} has no rules`, () => assert.equal(hostPortRules(of), undefined));
}

test('rules follow the pods: a change of status is none of them, a deletion is, seen or not', async () => {
  const cluster = new FakeCluster();
  const admin = cluster.clientFor('admin');
  const scope = { namespace: 'shop' };
  await admin.create(namespaces, { metadata: { name: 'shop' } });
  const made = await admin.create<Pod>(pods, pod({ containers: [container] }), scope);
  let changes = 0;
  const client = cluster.clientFor('node');
  // The double knows names only: all pods are this node's.
  const list: typeof client.list = (ref) => client.list(ref);
  const watch: typeof client.watch = (ref, _, handler) => client.watch(ref, {}, handler);
  const hostPorts = new HostPorts({
    client: Object.assign(Object.create(client), { list, watch }),
    ...{ clock: cluster.clock, log: silentLogger, nodeName: 'here' },
    changed: () => changes++,
  });
  await hostPorts.whenReady();
  assert.deepEqual([changes, [...hostPorts.fragments].length], [1, 1]);
  await admin.update<Pod>(pods, { ...made, status: { ...made.status, message: 'other' } });
  assert.equal(changes, 1);
  cluster.closeWatches(apiError.expired('too old'));
  await admin.delete(pods, 'web', scope);
  cluster.clock.advance(60_000);
  await cluster.settle();
  assert.deepEqual([changes, [...hostPorts.fragments].length], [2, 0]);
  hostPorts.stop();
});
