/** The node as the API shows it, its probes and its static pods: the built program with real containers. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { ContainerStatus, Event, Lease, Node, Pod, Probe } from '../../src/schema/generated/index.ts';
import { nodeName, type RunningNode, startNode, until } from '../support/node.ts';
import { inOwnNamespace } from '../support/own-namespace.ts';

const pods = '/api/v1/namespaces/default/pods';
const nodePath = `/api/v1/nodes/${nodeName}`;
const leasePath = `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${nodeName}`;
const image = 'docker.io/nanoshift/hello:1';

inOwnNamespace(import.meta.url, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'static-'));
  const beganMs = performance.now();
  const node = await startNode({ config: `kubelet: {staticPodPath: ${folder}}` });
  console.log(
    `Ready after ${Math.round(performance.now() - beganMs)} ms, with making certificates and importing images`,
  );
  after(async () => {
    await node.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  test('the node tells what it is and renews its lease', async () => {
    const { metadata, spec, status } = await node.ask<Node>('GET', nodePath);
    assert.equal(spec?.podCIDR, '10.42.0.0/24');
    assert.equal(metadata.labels?.['kubernetes.io/hostname'], nodeName);
    assert.match(status?.nodeInfo?.containerRuntimeVersion ?? '', /^containerd:\/\/\d/);
    for (const name of ['cpu', 'memory', 'ephemeral-storage', 'pods']) assert.ok(status?.allocatable?.[name], name);
    assert.deepEqual(status?.addresses?.at(-1), { type: 'Hostname', address: nodeName });
    const before = await node.ask<Lease>('GET', leasePath);
    assert.deepEqual([before.spec?.holderIdentity, before.spec?.leaseDurationSeconds], [nodeName, 40]);
    await until('the lease is renewed', async () => {
      const { spec: now } = await node.ask<Lease>('GET', leasePath);
      return now?.renewTime !== before.spec?.renewTime;
    });
    await until('its images are known', async () => {
      const { status: now } = await node.ask<Node>('GET', nodePath);
      return now?.images?.some(({ names }) => names?.includes(image));
    });
  });

  test('a node that is deleted registers again', async () => {
    await node.ask('DELETE', nodePath);
    await until('it is back and Ready', async () => {
      const found = await node.ask<Node>('GET', nodePath).catch(() => undefined);
      return found?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
    });
  });

  test('a container that is not there yet is not ready; one that fails its liveness probe is restarted', async () => {
    const command = ['sh', '-c', 'sleep 1; touch /tmp/up; sleep 3; rm /tmp/up; sleep 600'];
    const probe: Probe = { exec: { command: ['test', '-e', '/tmp/up'] }, periodSeconds: 1 };
    await create(
      node,
      'moody',
      { command },
      { readinessProbe: probe, livenessProbe: { ...probe, initialDelaySeconds: 3, failureThreshold: 1 } },
    );
    await until('it is ready', async () => (await statusOf(node, 'moody'))?.ready);
    await until('it is restarted', async () => ((await statusOf(node, 'moody'))?.restartCount ?? 0) > 0);
    const texts = await eventsOf(node, 'moody');
    assert.ok(texts.includes('Unhealthy: Liveness probe failed: '), texts.join('\n'));
    assert.ok(texts.includes('Killing: Container c failed liveness probe, will be restarted'), texts.join('\n'));
    await remove(node, 'moody');
  });

  test('http and tcp probes reach the pod; nothing is probed before the startup probe has succeeded', async () => {
    const port = 8080;
    await create(
      node,
      'web',
      {},
      {
        startupProbe: { tcpSocket: { port }, periodSeconds: 1 },
        livenessProbe: { httpGet: { port, path: '/' }, periodSeconds: 1 },
        readinessProbe: { httpGet: { port, path: '/none' }, periodSeconds: 1 },
      },
    );
    await until('it has started', async () => (await statusOf(node, 'web'))?.started);
    await until('its readiness is told', async () =>
      (await eventsOf(node, 'web')).includes(
        'Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 404',
      ),
    );
    const found = await statusOf(node, 'web');
    assert.deepEqual([found?.ready, found?.restartCount], [false, 0]);
    await remove(node, 'web');
  });

  test('a file becomes a pod of this node, is shown in the API, and goes with the file', async () => {
    const name = `static-${nodeName}`;
    mkdirSync(folder, { recursive: true });
    const file = join(folder, 'static.yaml');
    const manifest = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'static' },
      spec: { containers: [{ name: 'c', image }] },
    };
    writeFileSync(file, JSON.stringify(manifest));
    await until(
      'it runs',
      async () => (await statusOf(node, name).catch(() => undefined))?.state?.running !== undefined,
    );
    const mirror = await node.ask<Pod>('GET', `${pods}/${name}`);
    assert.equal(mirror.metadata.annotations?.['kubernetes.io/config.source'], 'file');
    writeFileSync(file, 'kind: Pod\n');
    rmSync(file);
    await until('it is gone', async () =>
      node.ask('GET', `${pods}/${name}`).then(
        () => false,
        () => true,
      ),
    );
  });
});

async function create(node: RunningNode, name: string, container: object, probes: object): Promise<void> {
  const containers = [{ name: 'c', image, ...container, ...probes }];
  const spec = { terminationGracePeriodSeconds: 0, containers };
  await node.ask('POST', pods, { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec });
}

const remove = (node: RunningNode, name: string): Promise<unknown> => node.ask('DELETE', `${pods}/${name}`);

const statusOf = async (node: RunningNode, name: string): Promise<ContainerStatus | undefined> =>
  (await node.ask<Pod>('GET', `${pods}/${name}`)).status?.containerStatuses?.[0];

async function eventsOf(node: RunningNode, name: string): Promise<string[]> {
  const path = `/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3D${name}`;
  const { items } = await node.ask<{ items: Event[] }>('GET', path);
  return items.map(({ reason, message }) => `${reason}: ${message}`);
}
