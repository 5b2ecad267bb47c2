import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  AppsV1Api,
  CoreV1Api,
  KubeConfig,
  KubernetesObjectApi,
  PatchStrategy,
  setHeaderOptions,
  VersionApi,
  Watch,
} from '@kubernetes/client-node';
import { type ServerOverStore, setups, startOver } from '../support/setups.ts';

/** The official JavaScript client against the built program, as a user would use it. */
for (const setup of setups) {
  describe(setup.title, { skip: setup.skip }, () => {
    let server: ServerOverStore;
    const config = new KubeConfig();

    before(async () => {
      server = await startOver(setup);
      config.loadFromFile(server.kubeconfig);
    });
    after(async () => assert.equal(await server?.stop(), 0));

    test('version and discovery', async () => {
      const { major, minor } = await config.makeApiClient(VersionApi).getCode();
      assert.deepEqual([major, minor], ['1', '36']);
      const resources = await config.makeApiClient(CoreV1Api).getAPIResources();
      assert.ok(resources.resources.some((resource) => resource.name === 'pods/exec'));
    });

    test('a ConfigMap through create, get, list, replace, delete', async () => {
      const api = config.makeApiClient(CoreV1Api);
      const namespace = 'default';
      const created = await api.createNamespacedConfigMap({
        namespace,
        body: { metadata: { name: 'one' }, data: { a: '1' } },
      });
      assert.equal(created.metadata?.namespace, namespace);
      assert.ok(created.metadata.uid && created.metadata.creationTimestamp && created.metadata.resourceVersion);
      await assert.rejects(api.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'one' } } }), {
        code: 409,
      });
      const stale = structuredClone(created);
      created.data = { a: '2' };
      const replaced = await api.replaceNamespacedConfigMap({ name: 'one', namespace, body: created });
      assert.ok(Number(replaced.metadata?.resourceVersion) > Number(created.metadata.resourceVersion));
      await assert.rejects(
        api.replaceNamespacedConfigMap({ name: 'one', namespace, body: { ...stale, data: { a: '3' } } }),
        { code: 409 },
      );
      const list = await api.listNamespacedConfigMap({ namespace, fieldSelector: 'metadata.name=one' });
      assert.deepEqual(
        list.items.map((item) => item.data),
        [{ a: '2' }],
      );
      await api.deleteNamespacedConfigMap({ name: 'one', namespace });
      await assert.rejects(api.readNamespacedConfigMap({ name: 'one', namespace }), { code: 404 });
    });

    test('a Deployment by server-side apply, patched in four types, scaled', async () => {
      const objects = KubernetesObjectApi.makeApiClient(config);
      const apps = config.makeApiClient(AppsV1Api);
      const manifest = {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web', namespace: 'default' },
        spec: {
          replicas: 1,
          selector: { matchLabels: { app: 'web' } },
          template: {
            metadata: { labels: { app: 'web' } },
            spec: { containers: [{ name: 'c', image: 'example.test/web:1' }] },
          },
        },
      };
      await objects.patch(manifest, undefined, undefined, 'tester', true, PatchStrategy.ServerSideApply);
      const target = { name: 'web', namespace: 'default' };
      const patch = (body: object, strategy: string): Promise<unknown> =>
        apps.patchNamespacedDeployment({ ...target, body }, setHeaderOptions('Content-Type', strategy));
      await patch({ metadata: { labels: { merge: 'yes' } } }, PatchStrategy.MergePatch);
      await patch([{ op: 'add', path: '/metadata/labels/json', value: 'yes' }], PatchStrategy.JsonPatch);
      await patch(
        { spec: { template: { spec: { containers: [{ name: 'd', image: 'example.test/d:1' }] } } } },
        PatchStrategy.StrategicMergePatch,
      );
      const scale = await apps.readNamespacedDeploymentScale(target);
      assert.equal(scale.spec?.replicas, 1);
      // The Deployment's controller writes too: without a version the scale is set whatever has come between.
      scale.spec = { replicas: 3 };
      delete scale.metadata?.resourceVersion;
      await apps.replaceNamespacedDeploymentScale({ ...target, body: scale });
      const result = await apps.readNamespacedDeployment(target);
      assert.deepEqual(result.metadata?.labels, { merge: 'yes', json: 'yes' });
      assert.deepEqual(result.spec?.template.spec?.containers.map((container) => container.name).sort(), ['c', 'd']);
      assert.equal(result.spec?.replicas, 3);
      assert.ok(
        result.metadata?.managedFields?.some((entry) => entry.manager === 'tester' && entry.operation === 'Apply'),
      );
    });

    test('a watch sees every change of one namespace in order', async () => {
      const api = config.makeApiClient(CoreV1Api);
      await api.createNamespace({ body: { metadata: { name: 'watched' } } });
      const seen: string[] = [];
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const request = await new Watch(config).watch(
        '/api/v1/namespaces/watched/secrets',
        {},
        (phase: string, object: { metadata: { name: string } }) => {
          seen.push(`${phase} ${object.metadata.name}`);
          if (phase === 'DELETED') resolve();
        },
        (error: unknown) => (error ? reject(error) : resolve()),
      );
      const namespace = 'watched';
      await api.createNamespacedSecret({ namespace, body: { metadata: { name: 's' }, stringData: { k: 'v' } } });
      await api.patchNamespacedSecret(
        { name: 's', namespace, body: { metadata: { labels: { l: '1' } } } },
        setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
      );
      await api.deleteNamespacedSecret({ name: 's', namespace });
      await promise;
      request.abort();
      assert.deepEqual(seen, ['ADDED s', 'MODIFIED s', 'DELETED s']);
    });
  });
}
