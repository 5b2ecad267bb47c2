/** Every active namespace has a ConfigMap `kube-root-ca.crt` by which pods verify the API server. */
import type { ResourceRef } from '../client/types.ts';
import { isReason } from '../kernel/index.ts';
import type { ConfigMap, Namespace } from '../schema/generated/index.ts';
import {
  type Action,
  type Controller,
  type ControllerEnv,
  carryOut,
  controllerOf,
  done,
  find,
  follow,
  namespaceIsTerminating,
  queueLimit,
  readerName,
  type SyncResult,
  WorkQueue,
} from './runtime/index.ts';

const name = 'root-ca-cert-publisher';
const namespaces: ResourceRef = { group: '', version: 'v1', resource: 'namespaces' };
const configMaps: ResourceRef = { group: '', version: 'v1', resource: 'configmaps' };
const configMapName = 'kube-root-ca.crt';
const descriptionKey = 'kubernetes.io/description';
const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the ' +
  'internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes ' +
  'clusters.';
const workers = 5;

/** Plans the ConfigMap of one namespace. */
export function planRootCa(
  namespace: Namespace | undefined,
  configMap: ConfigMap | undefined,
  bundle: string,
): Action[] {
  if (namespace?.status?.phase !== 'Active') return [];
  const data = { 'ca.crt': bundle };
  if (!configMap) {
    const annotations = { [descriptionKey]: description };
    const metadata = { name: configMapName, namespace: namespace.metadata.name ?? '', annotations };
    const object: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
    return [{ do: 'create', ref: configMaps, object }];
  }
  const published = configMap.data ?? {};
  const isCurrent = published['ca.crt'] === bundle && Object.keys(published).length === 1;
  if (isCurrent && configMap.metadata.annotations?.[descriptionKey]) return [];
  const annotations = { ...configMap.metadata.annotations, [descriptionKey]: description };
  const object = { ...configMap, metadata: { ...configMap.metadata, annotations }, data };
  return [{ do: 'update', ref: configMaps, object }];
}

export interface RootCaOptions {
  /** PEM bundle of the CAs that sign the API server's certificates. */
  bundle(): string;
}

export function rootCaController({ clientFor, clock, log }: ControllerEnv, { bundle }: RootCaOptions): Controller {
  const reader = clientFor(readerName);
  const writer = clientFor(name);

  const sync = async (key: string): Promise<SyncResult> => {
    const namespace = await find<Namespace>(reader, namespaces, key);
    const configMap = namespace && (await find<ConfigMap>(reader, configMaps, configMapName, key));
    try {
      await carryOut(writer, planRootCa(namespace, configMap, bundle()));
    } catch (error) {
      if (!isReason(error, 'NotFound') && !namespaceIsTerminating(error)) throw error;
    }
    return done;
  };

  const queue = new WorkQueue({
    name,
    clock,
    log,
    workers,
    limit: queueLimit,
    sync,
    overflowed: () => followedNamespaces.relist(),
  });
  const options = { client: reader, clock, log };
  const followedNamespaces = follow<Namespace>(namespaces, options, {
    changed: ({ metadata }, deleted) => {
      if (!deleted) queue.add(metadata.name ?? '');
    },
  });
  const followedConfigMaps = follow<ConfigMap>(
    configMaps,
    { ...options, selection: { fieldSelector: `metadata.name=${configMapName}` } },
    {
      changed: ({ metadata }) => queue.add(metadata.namespace ?? ''),
      relisted: () => followedNamespaces.relist(),
    },
  );
  return controllerOf(name, queue, [followedNamespaces, followedConfigMaps]);
}
