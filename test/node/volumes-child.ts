/** Makes volumes of a pod, again and again with other contents, until it is killed. Says so when it begins. */
import { createVolumeManager } from '../../src/kubelet/volumes/index.ts';
import { containerOf, FakeApi, podOf } from '../../src/kubelet/volumes/testing.ts';
import { silentLogger } from '../../src/kernel/index.ts';
import type { Pod } from '../../src/schema/generated/index.ts';

/** A pod with a volume of each sort that leaves something behind. */
export function podOfChild(): Pod {
  const volumes = [
    { name: 'e', emptyDir: {} },
    { name: 'm', emptyDir: { medium: 'Memory' } },
    { name: 's', secret: { secretName: 's' } },
    { name: 'c', configMap: { name: 'c' } },
  ];
  const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/${name}` }));
  return podOf({ volumes, containers: [containerOf({ volumeMounts })], securityContext: { fsGroup: 1234 } });
}

async function makeForever(root: string): Promise<never> {
  const api = new FakeApi();
  const { client, clock } = api;
  const env = { client, clock, log: silentLogger, nodeName: 'node-1', paths: { root, podLogs: root } };
  const volumes = createVolumeManager(env);
  api.put('nodes', { metadata: { name: 'node-1' }, status: { allocatable: { memory: '1Gi' } } } as never);
  process.send?.('begun');
  for (let round = 0; ; round++) {
    api.put('secrets', { metadata: { name: 's', namespace: 'shop' }, data: { key: btoa(`${round}`) } } as never);
    api.put('configmaps', { metadata: { name: 'c', namespace: 'shop' }, data: { key: `${round}` } } as never);
    await volumes.prepare(podOfChild());
  }
}

const [root] = process.argv.slice(2);
if (root && process.send) await makeForever(root);
