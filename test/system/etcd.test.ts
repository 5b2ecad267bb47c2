/** Over a real etcd: what is in it is laid out as kube-apiserver's, and its loss is told, survived, and loses nothing. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { referenceCodec, unwrapEnvelope } from '../../src/schema/index.ts';
import { skipWithoutEtcd } from '../support/etcd.ts';
import { type Answer, type HttpClient, httpClient } from '../support/http.ts';
import { type ServerOverStore, startOver } from '../support/setups.ts';

const json = { 'content-type': 'application/json' };
const containers = [{ name: 'c', image: 'example.test/c:1', resources: { limits: { cpu: '100m' } } }];
const selector = { matchLabels: { app: 'x' } };
const template = { metadata: { labels: { app: 'x' } }, spec: { containers } };

/** Where it is made, below which key it is kept, and its message of the published definitions. */
const kinds: readonly { path: string; key: string; apiVersion: string; kind: string; message: string; body: object }[] =
  [
    {
      ...{ path: '/api/v1/namespaces/default/configmaps', key: 'configmaps/default' },
      ...{ apiVersion: 'v1', kind: 'ConfigMap', message: 'core/v1.ConfigMap' },
      body: { data: { a: 'b' }, binaryData: { z: 'AAEC' } },
    },
    {
      ...{ path: '/api/v1/namespaces/default/services', key: 'services/specs/default' },
      ...{ apiVersion: 'v1', kind: 'Service', message: 'core/v1.Service' },
      body: { spec: { ports: [{ port: 80, targetPort: 'http' }], selector: { app: 'x' } } },
    },
    {
      ...{ path: '/api/v1/nodes', key: 'minions' },
      ...{ apiVersion: 'v1', kind: 'Node', message: 'core/v1.Node' },
      body: { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } },
    },
    {
      ...{ path: '/api/v1/namespaces/default/pods', key: 'pods/default' },
      ...{ apiVersion: 'v1', kind: 'Pod', message: 'core/v1.Pod' },
      body: { spec: { containers } },
    },
    {
      ...{ path: '/apis/apps/v1/namespaces/default/deployments', key: 'deployments/default' },
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', message: 'apps/v1.Deployment' },
      body: { spec: { selector, template } },
    },
    {
      ...{ path: '/apis/rbac.authorization.k8s.io/v1/clusterroles', key: 'clusterroles' },
      ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', message: 'rbac/v1.ClusterRole' },
      body: { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] },
    },
    {
      ...{ path: '/apis/coordination.k8s.io/v1/namespaces/default/leases', key: 'leases/default' },
      ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', message: 'coordination/v1.Lease' },
      body: { spec: { holderIdentity: 'me', renewTime: '2026-01-02T03:04:05.000006Z' } },
    },
  ];

interface Stored {
  value: Buffer;
  revision: string;
}

describe('etcd', { skip: skipWithoutEtcd }, () => {
  let server: ServerOverStore;
  let send: HttpClient;
  before(async () => {
    server = await startOver({ store: 'etcd', front: 'uws' });
    send = httpClient(server.kubeconfig);
  });
  after(async () => {
    send.close();
    assert.equal(await server.stop(), 0);
  });

  const post = (path: string, object: object): Promise<Answer> =>
    send({ method: 'POST', path, headers: json, body: JSON.stringify(object) });

  /** Reads one key through etcd's JSON gateway. */
  async function stored(key: string): Promise<Stored> {
    const body = JSON.stringify({ key: Buffer.from(key).toString('base64') });
    const answer = await fetch(`${server.etcd?.endpoint}/v3/kv/range`, { method: 'POST', body });
    const { kvs = [] } = (await answer.json()) as { kvs?: { value: string; mod_revision: string }[] };
    assert.equal(kvs.length, 1, `nothing is kept at ${key}`);
    return { value: Buffer.from(kvs[0]!.value, 'base64'), revision: kvs[0]!.mod_revision };
  }

  /** One version as it is kept and as it is served: controllers may have written since it was made. */
  async function settled(path: string, key: string): Promise<Stored & { served: unknown }> {
    for (let attempt = 0; attempt < 50; attempt++) {
      const served = (await send({ method: 'GET', path })).json as { metadata: { resourceVersion: string } };
      const kept = await stored(key);
      if (kept.revision === served.metadata.resourceVersion) return { ...kept, served };
    }
    throw new Error(`${path} never comes to rest`);
  }

  for (const { path, key, apiVersion, kind, message, body } of kinds) {
    test(`${kind} is kept as the published definitions say`, async () => {
      const created = await post(path, { metadata: { name: 'it', labels: { app: 'x' } }, ...body });
      assert.equal(created.status, 201, created.text);
      const { value, revision, served } = await settled(`${path}/it`, `/kubernetes.io/${key}/it`);
      const { message: bytes, ...envelope } = unwrapEnvelope(value);
      assert.deepEqual(envelope, { apiVersion, kind, contentEncoding: '', contentType: '' });
      const { bytes: canonical } = referenceCodec.fromProto(message, bytes, { defaults: false });
      assert.deepEqual(Buffer.from(canonical), Buffer.from(bytes));
      const decoded = JSON.parse(Buffer.from(referenceCodec.toJson(message, bytes, { apiVersion, kind })).toString());
      assert.equal(decoded.metadata.resourceVersion, undefined);
      decoded.metadata.resourceVersion = revision;
      assert.deepEqual(decoded, served);
    });
  }

  test('while etcd is gone requests fail with 5xx and lists go on; then all goes on and nothing is lost', async () => {
    const configMaps = '/api/v1/namespaces/default/configmaps';
    const acknowledged: string[] = [];
    const refused: Answer[] = [];
    let isOver = false;
    const write = async (writer: number): Promise<void> => {
      for (let step = 0; !isOver; step++) {
        const name = `w${writer}-${step}`;
        const answer = await post(configMaps, { metadata: { name } });
        if (answer.status === 201) acknowledged.push(name);
        else refused.push(answer);
      }
    };
    const until = async (isDone: () => boolean): Promise<void> => {
      while (!isDone()) await sleep(5);
    };
    const writers = Array.from({ length: 8 }, (_, writer) => write(writer));
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const before = acknowledged.length;
      await until(() => acknowledged.length > before + 50);
      await server.etcd?.kill(signal);
      const failed = refused.length;
      await until(() => refused.length > failed + 8);
      assert.equal((await send({ path: configMaps })).status, 200);
      await server.etcd?.restart();
      const resumed = acknowledged.length;
      await until(() => acknowledged.length > resumed + 50);
    }
    isOver = true;
    await Promise.all(writers);
    assert.deepEqual([...new Set(refused.map(({ status }) => Math.floor(status / 100)))], [5]);
    assert.ok(refused.every(({ json: { kind } }) => kind === 'Status'));
    const list = (await send({ path: configMaps })).json['items'] as { metadata: { name: string } }[];
    const names = new Set(list.map((item) => item.metadata.name));
    assert.deepEqual(
      acknowledged.filter((name) => !names.has(name)),
      [],
    );
  });
});
