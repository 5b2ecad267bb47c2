/** Every active namespace has a ConfigMap `kube-root-ca.crt` by which pods verify the API server. */
import { configMaps } from '../client/index.ts';
import type { ConfigMap, Namespace } from '../schema/generated/index.ts';
import { type Action, type Controller, type ControllerEnv, perNamespaceController } from './runtime/index.ts';

const name = 'root-ca-cert-publisher';
const configMapName = 'kube-root-ca.crt';
const descriptionKey = 'kubernetes.io/description';
const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the ' +
  'internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes ' +
  'clusters.';

/** Plans the ConfigMap of one namespace. */
function planRootCa(namespace: Namespace | undefined, configMap: ConfigMap | undefined, bundle: string): Action[] {
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

export const rootCaController = (env: ControllerEnv, { bundle }: RootCaOptions): Controller =>
  perNamespaceController<ConfigMap>(env, {
    name,
    ref: configMaps,
    objectName: configMapName,
    plan: (namespace, configMap) => planRootCa(namespace, configMap, bundle()),
  });
