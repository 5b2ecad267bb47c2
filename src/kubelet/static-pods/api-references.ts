import type { Container, EnvVar, Pod, Volume, VolumeProjection } from '../../schema/generated/index.ts';

/** What of the API `pod` needs, which a static pod may not: it runs without one. Undefined: nothing. */
export function apiReferenceOf({ spec }: Pod): string | undefined {
  if (!spec) return undefined;
  if (spec.serviceAccountName) return 'serviceaccounts';
  const containers: Container[] = [
    ...(spec.initContainers ?? []),
    ...(spec.containers ?? []),
    ...((spec.ephemeralContainers ?? []) as Container[]),
  ];
  const volumes = spec.volumes ?? [];
  const fromEnv = (has: (variable: EnvVar) => unknown): boolean =>
    containers.some(({ env }) => env?.some((variable) => has(variable)));
  if (
    spec.imagePullSecrets?.some(({ name }) => name) ||
    fromEnv(({ valueFrom }) => valueFrom?.secretKeyRef) ||
    containers.some(({ envFrom }) => envFrom?.some(({ secretRef }) => secretRef)) ||
    volumes.some(needsSecret)
  ) {
    return 'secrets';
  }
  if (
    fromEnv(({ valueFrom }) => valueFrom?.configMapKeyRef) ||
    containers.some(({ envFrom }) => envFrom?.some(({ configMapRef }) => configMapRef)) ||
    volumes.some(needsConfigMap)
  ) {
    return 'configmaps';
  }
  if (spec.resourceClaims?.length) return 'resourceclaims';
  for (const volume of volumes) {
    const found = volumeReference(volume);
    if (found) return found;
  }
  return undefined;
}

const needsSecret = (volume: Volume): boolean =>
  Boolean(
    volume.secret ||
      volume.azureFile ||
      volume.cephfs?.secretRef ||
      volume.cinder?.secretRef ||
      volume.flexVolume?.secretRef ||
      volume.rbd?.secretRef ||
      volume.scaleIO?.secretRef ||
      volume.iscsi?.secretRef ||
      volume.storageos?.secretRef ||
      volume.csi?.nodePublishSecretRef ||
      volume.projected?.sources?.some(({ secret }) => secret),
  );

const needsConfigMap = (volume: Volume): boolean =>
  Boolean(volume.configMap || volume.projected?.sources?.some(({ configMap }) => configMap));

function volumeReference(volume: Volume): string | undefined {
  if (volume.csi) return 'csidrivers (via CSI volumes)';
  if (volume.glusterfs) return 'endpoints (via glusterFS volumes)';
  if (volume.persistentVolumeClaim) return 'persistentvolumeclaims';
  if (volume.ephemeral) return 'persistentvolumeclaims (via ephemeral volumes)';
  return volume.projected?.sources?.map(projectionReference).find(Boolean);
}

function projectionReference(source: VolumeProjection): string | undefined {
  if (source.serviceAccountToken) return 'serviceaccounts (via projected volumes)';
  if (source.clusterTrustBundle) return 'clustertrustbundles';
  return source.podCertificate ? 'podcertificates' : undefined;
}
