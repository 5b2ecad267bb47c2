/** What a pod lets its node read (the Node authorizer's graph: https://kubernetes.io/docs/reference/access-authn-authz/node/). */
import type { Container, Pod, Volume } from '../../schema/generated/index.ts';

/** `secrets/name`, `configmaps/name`, `serviceaccounts/name`, `persistentvolumeclaims/name`, in the pod's namespace. */
export type References = ReadonlySet<string>;

const known = new WeakMap<Pod, References>();

/** Everything in its namespace that a pod refers to. Remembered for as long as the (frozen) object lives. */
export function podReferences(pod: Pod): References {
  const found = known.get(pod);
  if (found) return found;
  const references = new Set(referencesOf(pod));
  known.set(pod, references);
  return references;
}

function* referencesOf({ spec }: Pod): Generator<string> {
  if (!spec) return;
  yield `serviceaccounts/${spec.serviceAccountName || 'default'}`;
  for (const { name } of spec.imagePullSecrets ?? []) yield `secrets/${name}`;
  for (const container of [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]) {
    yield* ofContainer(container);
  }
  for (const volume of spec.volumes ?? []) yield* ofVolume(volume);
}

function* ofContainer({ env, envFrom }: Pick<Container, 'env' | 'envFrom'>): Generator<string> {
  for (const { valueFrom } of env ?? []) {
    if (valueFrom?.secretKeyRef) yield `secrets/${valueFrom.secretKeyRef.name}`;
    if (valueFrom?.configMapKeyRef) yield `configmaps/${valueFrom.configMapKeyRef.name}`;
  }
  for (const { secretRef, configMapRef } of envFrom ?? []) {
    if (secretRef) yield `secrets/${secretRef.name}`;
    if (configMapRef) yield `configmaps/${configMapRef.name}`;
  }
}

function* ofVolume(volume: Volume): Generator<string> {
  if (volume.secret) yield `secrets/${volume.secret.secretName}`;
  if (volume.configMap) yield `configmaps/${volume.configMap.name}`;
  if (volume.persistentVolumeClaim) yield `persistentvolumeclaims/${volume.persistentVolumeClaim.claimName}`;
  if (volume.csi?.nodePublishSecretRef) yield `secrets/${volume.csi.nodePublishSecretRef.name}`;
  for (const { secret, configMap } of volume.projected?.sources ?? []) {
    if (secret) yield `secrets/${secret.name}`;
    if (configMap) yield `configmaps/${configMap.name}`;
  }
}
