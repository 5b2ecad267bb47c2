/** Secrets that a pod refers to, and whether its service account lets it. */
import type { Container, EphemeralContainer, Pod, PodSpec, ServiceAccount } from '../../schema/generated/index.ts';

type AnyContainer = Container | EphemeralContainer;

const envSecrets = (container: AnyContainer): string[] => [
  ...(container.envFrom ?? []).flatMap((from) => from.secretRef?.name || []),
  ...(container.env ?? []).flatMap((variable) => variable.valueFrom?.secretKeyRef?.name || []),
];

/** Every Secret that the pod names, in any way. */
export function podSecretNames(spec: PodSpec): string[] {
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
  const volumes = (spec.volumes ?? []).flatMap((volume) => [
    volume.azureFile?.secretName,
    volume.cephfs?.secretRef?.name,
    volume.cinder?.secretRef?.name,
    volume.flexVolume?.secretRef?.name,
    ...(volume.projected?.sources ?? []).map((source) => source.secret?.name),
    volume.rbd?.secretRef?.name,
    volume.secret?.secretName,
    volume.scaleIO?.secretRef?.name,
    volume.iscsi?.secretRef?.name,
    volume.storageos?.secretRef?.name,
    volume.csi?.nodePublishSecretRef?.name,
  ]);
  const pull = (spec.imagePullSecrets ?? []).map(({ name }) => name);
  return [...pull, ...containers.flatMap(envSecrets), ...volumes].filter((name): name is string => Boolean(name));
}

const trueTexts = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);

export const enforcesMountableSecrets = (account: ServiceAccount): boolean =>
  trueTexts.has(account.metadata.annotations?.['kubernetes.io/enforce-mountable-secrets'] ?? '');

/** The first reference to a secret that the account does not list, as a message. */
export function checkMountableSecrets(account: ServiceAccount, pod: Pod, ephemeralOnly: boolean): string | undefined {
  const allowed = new Set((account.secrets ?? []).map(({ name }) => name ?? ''));
  const because = `because service account ${account.metadata.name} does not reference that`;
  const { spec } = pod;
  if (ephemeralOnly) return refusedEnv('ephemeral container', spec.ephemeralContainers, allowed, because);
  for (const { secret } of spec.volumes ?? []) {
    if (secret && !allowed.has(secret.secretName ?? ''))
      return `volume with secret.secretName="${secret.secretName ?? ''}" is not allowed ${because} secret`;
  }
  const refused =
    refusedEnv('init container', spec.initContainers, allowed, because) ??
    refusedEnv('container', spec.containers, allowed, because);
  if (refused) return refused;
  const pullable = new Set((account.imagePullSecrets ?? []).map(({ name }) => name ?? ''));
  for (const [i, { name = '' }] of (spec.imagePullSecrets ?? []).entries()) {
    if (!pullable.has(name)) return `imagePullSecrets[${i}].name="${name}" is not allowed ${because} imagePullSecret`;
  }
  return undefined;
}

function refusedEnv(
  what: string,
  containers: readonly AnyContainer[] | undefined,
  allowed: ReadonlySet<string>,
  because: string,
): string | undefined {
  for (const container of containers ?? []) {
    for (const { name, valueFrom } of container.env ?? []) {
      const secret = valueFrom?.secretKeyRef;
      if (secret && !allowed.has(secret.name ?? ''))
        return `${what} ${container.name} with envVar ${name} referencing secret.secretName="${secret.name ?? ''}" is not allowed ${because} secret`;
    }
    for (const { secretRef } of container.envFrom ?? []) {
      if (secretRef && !allowed.has(secretRef.name ?? ''))
        return `${what} ${container.name} with envFrom referencing secret.secretName="${secretRef.name ?? ''}" is not allowed ${because} secret`;
    }
  }
  return undefined;
}
