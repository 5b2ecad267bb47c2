// The hello application as README tells it, by the official JavaScript client: on both fronts, on SQLite and on a real etcd.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { PassThrough, type Readable, Writable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import {
  AppsV1Api,
  CoreV1Api,
  Exec,
  KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  Log,
  PatchStrategy,
  PortForward,
  setHeaderOptions,
  type V1Pod,
  type V1Status,
} from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';
import { type RunningEtcd, startEtcd } from '../support/etcd.ts';
import { inOwnNamespace } from '../support/own-namespace.ts';
import { type RunningNode, startNode, until } from '../support/node.ts';
import { setups } from '../support/setups.ts';

const namespace = 'default';
const example = readFileSync(resolve(import.meta.dirname, '../../examples/hello.yaml'), 'utf8');
const manifests = parseAllDocuments(example).map((document) => document.toJS() as KubernetesObject);
const runningLimitMs = 6_000;

inOwnNamespace(import.meta.url, () => {
  for (const setup of setups.filter(({ store }) => store !== 'memory')) {
    describe(setup.title, { skip: setup.skip }, () => helloApplication(setup));
  }
});

function helloApplication({ store, front }: (typeof setups)[number]): void {
  let etcd: RunningEtcd | undefined;
  let node: RunningNode;
  const config = new KubeConfig();
  let core: CoreV1Api;
  let apps: AppsV1Api;

  before(async () => {
    etcd = store === 'etcd' ? await startEtcd() : undefined;
    node = await startNode({ store, front, ...(etcd && { etcdEndpoint: etcd.endpoint }) });
    config.loadFromFile(node.kubeconfig);
    core = config.makeApiClient(CoreV1Api);
    apps = config.makeApiClient(AppsV1Api);
  });
  after(async () => {
    await node?.dispose();
    await etcd?.dispose();
  });

  const pods = async (): Promise<V1Pod[]> =>
    (await core.listNamespacedPod({ namespace, labelSelector: 'app=hello' })).items;
  const isReady = ({ metadata, status }: V1Pod): boolean =>
    !metadata?.deletionTimestamp &&
    (status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false);
  const name = async (): Promise<string> => (await pods()).find(isReady)?.metadata?.name ?? '';

  /** Standard output of a command in a pod, and how it ended. */
  async function exec(command: readonly string[], input?: Readable): Promise<{ output: string; status: V1Status }> {
    const chunks: Buffer[] = [];
    const output = new Writable({
      write(chunk: Buffer, _, done) {
        chunks.push(chunk);
        done();
      },
    });
    const ended = Promise.withResolvers<V1Status>();
    const pod = await name();
    const socket = await new Exec(config).exec(
      namespace,
      pod,
      'hello',
      [...command],
      output,
      process.stderr,
      input ?? null,
      false,
      (status) => ended.resolve(status),
    );
    const status = await ended.promise;
    socket.close();
    return { output: Buffer.concat(chunks).toString(), status };
  }

  test('applied, it runs within 6 s', async () => {
    const objects = KubernetesObjectApi.makeApiClient(config);
    const beganMs = performance.now();
    for (const manifest of manifests) await objects.create(manifest);
    await until('both pods are ready', async () => (await pods()).filter(isReady).length === 2, runningLimitMs);
    assert.ok(performance.now() - beganMs < runningLimitMs);
  });

  test('its Service answers on the ClusterIP from the host, and by address and name from a pod', async () => {
    const { spec } = await core.readNamespacedService({ name: 'hello', namespace });
    const address = spec?.clusterIP ?? '';
    await until('an answer', async () =>
      /Hello from nanoshift/.test(await fetchText(`http://${address}/`).catch(() => '')),
    );
    for (const host of [address, 'hello', 'hello.default.svc.cluster.local']) {
      const { output, status } = await exec(['wget', '-qO-', `http://${host}/`]);
      assert.equal(status.status, 'Success', JSON.stringify(status));
      assert.match(output, /Hello from nanoshift/);
    }
  });

  test('exec tells the exit code', async () => {
    const { status } = await exec(['sh', '-c', 'exit 9']);
    assert.deepEqual(status.details?.causes, [{ reason: 'ExitCode', message: '9' }]);
  });

  let followsLog = true;

  test('logs can be followed', async () => {
    const stream = new PassThrough();
    let text = '';
    stream.on('data', (chunk) => (text += String(chunk)));
    stream.on('end', () => (followsLog = false));
    await new Log(config).log(namespace, await name(), 'hello', stream, { follow: true, tailLines: 1 });
    await until('the request is in the log', async () => {
      await exec(['wget', '-qO-', 'http://localhost:8080/?followed']);
      return text.includes('followed');
    });
  });

  test('a port can be forwarded', async () => {
    const input = new PassThrough();
    const output = new PassThrough();
    let text = '';
    output.on('data', (chunk) => (text += String(chunk)));
    await new PortForward(config).portForward(namespace, await name(), [8080], output, null, input);
    input.write('GET / HTTP/1.0\r\n\r\n');
    await until('an answer', async () => text.includes('Hello from nanoshift'));
  });

  test('a restarted rollout replaces every pod', async () => {
    const before = new Set((await pods()).map(({ metadata }) => metadata?.uid));
    const annotations = { 'kubectl.kubernetes.io/restartedAt': new Date().toISOString() };
    await apps.patchNamespacedDeployment(
      { name: 'hello', namespace, body: { spec: { template: { metadata: { annotations } } } } },
      setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
    );
    await until('two new pods alone', async () => {
      const now = await pods();
      return now.length === 2 && now.every((pod) => isReady(pod) && !before.has(pod.metadata?.uid));
    });
    await until('the log that is followed ends with its pod', async () => !followsLog);
  });

  test('it scales up and down', async () => {
    for (const replicas of [4, 1]) {
      await apps.patchNamespacedDeploymentScale(
        { name: 'hello', namespace, body: { spec: { replicas } } },
        setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
      );
      await until(`${replicas} pods`, async () => {
        const now = await pods();
        return now.length === replicas && now.every(isReady);
      });
    }
  });

  test('a restart of nanoshift leaves the pod as it is', async () => {
    const identity = async (): Promise<unknown> =>
      (await pods()).map(({ metadata, status }) => [
        metadata?.uid,
        status?.podIP,
        status?.containerStatuses?.map(({ containerID, restartCount }) => [containerID, restartCount]),
      ]);
    const before = await identity();
    await node.restart();
    assert.deepEqual(await identity(), before);
    const { output } = await exec(['wget', '-qO-', 'http://hello/']);
    assert.match(output, /Hello from nanoshift/);
  });

  test('deleted, everything is gone', async () => {
    const objects = KubernetesObjectApi.makeApiClient(config);
    for (const manifest of manifests) await objects.delete(manifest);
    await until('no pods', async () => (await pods()).length === 0);
  });
}

async function fetchText(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(3_000), headers: { connection: 'close' } });
  return response.text();
}
