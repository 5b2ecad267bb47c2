/** A pod runs as a service account that exists; its token, the cluster's CA and its namespace are mounted. */
import { apiError, type Clock } from '../../kernel/index.ts';
import type { Container, Pod, ServiceAccount, Volume, VolumeMount } from '../../schema/generated/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../types.ts';
import type { Lookup } from './lookup.ts';
import { checkMountableSecrets, enforcesMountableSecrets, podSecretNames } from './pod-secrets.ts';
import { forbidden, isPod, on } from './request.ts';

const volumePrefix = 'kube-api-access-';
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const mirrorAnnotation = 'kubernetes.io/config.mirror';
/** 3600 s and seven more: the token server takes this number as leave to extend the token of an old client. */
const tokenSeconds = 3607;
const lookupAttempts = 10;
const retryMs = 100;

export interface ServiceAccountDeps {
  lookup: Lookup;
  clock: Clock;
  /** Appends a random suffix, as for generateName. */
  generateName(base: string): string;
}

export function serviceAccount(deps: ServiceAccountDeps): AdmissionPlugin {
  return {
    name: 'ServiceAccount',
    handles: on('CREATE', 'UPDATE'),
    async admit(request) {
      if (!isPod(request) || request.operation !== 'CREATE') return;
      const pod = request.object as Pod;
      if (isMirror(pod)) return checkMirror(request, pod);
      await setAccount(deps, request, pod);
    },
    async validate(request) {
      if (request.operation === 'CREATE' && isPod(request)) await checkPod(deps, request, request.object as Pod);
      else if (isEphemeral(request)) await checkSecrets(deps, request, request.object as Pod);
    },
  };
}

const isMirror = (pod: Pod): boolean => pod.metadata.annotations?.[mirrorAnnotation] !== undefined;

const isEphemeral = ({ operation, subresource, definition }: AdmissionRequest): boolean =>
  operation === 'UPDATE' &&
  subresource === 'ephemeralcontainers' &&
  definition.group === '' &&
  definition.resource === 'pods';

async function setAccount(deps: ServiceAccountDeps, request: AdmissionRequest, pod: Pod): Promise<void> {
  const { spec } = pod;
  spec.serviceAccountName ||= spec.serviceAccount || 'default';
  // The deprecated alias always shows the same.
  spec.serviceAccount = spec.serviceAccountName;
  const account = await findAccount(deps, request, spec.serviceAccountName);
  if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) {
    mountToken(pod, deps.generateName);
  }
  const pullSecrets = account.imagePullSecrets ?? [];
  if (!spec.imagePullSecrets?.length && pullSecrets.length) {
    spec.imagePullSecrets = pullSecrets.map(({ name }) => ({ ...(name !== undefined && { name }) }));
  }
}

async function checkPod(deps: ServiceAccountDeps, request: AdmissionRequest, pod: Pod): Promise<void> {
  if (isMirror(pod)) return checkMirror(request, pod);
  await checkSecrets(deps, request, pod);
}

async function checkSecrets(deps: ServiceAccountDeps, request: AdmissionRequest, pod: Pod): Promise<void> {
  const name = pod.spec.serviceAccountName;
  if (!name) {
    throw forbidden(request, `no service account specified for pod ${request.namespace}/${pod.metadata.name ?? ''}`);
  }
  const account = await findAccount(deps, request, name);
  if (!enforcesMountableSecrets(account)) return;
  const problem = checkMountableSecrets(account, pod, isEphemeral(request));
  if (problem) throw forbidden(request, problem);
}

function checkMirror(request: AdmissionRequest, pod: Pod): void {
  const { spec } = pod;
  if (spec.serviceAccountName) throw forbidden(request, 'a mirror pod may not reference service accounts');
  if (podSecretNames(spec).length) throw forbidden(request, 'a mirror pod may not reference secrets');
  const projectsToken = spec.volumes?.some((volume) => volume.projected?.sources?.some((s) => s.serviceAccountToken));
  if (projectsToken) throw forbidden(request, 'a mirror pod may not use ServiceAccountToken volume projections');
}

/** The default account is made by a controller right after its namespace: it is worth a short wait. */
async function findAccount(deps: ServiceAccountDeps, request: AdmissionRequest, name: string): Promise<ServiceAccount> {
  const { namespace } = request;
  const attempts = name === 'default' ? lookupAttempts : 1;
  for (let attempt = 1; ; attempt++) {
    const account = deps.lookup.get<ServiceAccount>('v1/ServiceAccount', name, namespace);
    if (account) return account;
    if (attempt >= attempts) break;
    await deps.clock.sleep(retryMs);
  }
  const missing = apiError.notFound({ group: '', resource: 'serviceaccount' }, name);
  throw forbidden(request, `error looking up service account ${namespace}/${name}: ${missing.message}`);
}

function mountToken(pod: Pod, generateName: (base: string) => string): void {
  const { spec } = pod;
  const existing = spec.volumes?.find((volume) => volume.name?.startsWith(volumePrefix))?.name;
  const name = existing ?? generateName(volumePrefix);
  const mounted = [...(spec.initContainers ?? []), ...(spec.containers ?? [])].filter((c) => mountInto(c, name));
  if (existing === undefined && mounted.length) spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)];
}

/** False when something is mounted at that path already. */
function mountInto(container: Container, name: string): boolean {
  const mounts = container.volumeMounts ?? [];
  if (mounts.some((mount) => mount.mountPath === mountPath)) return false;
  const mount: VolumeMount = { name, readOnly: true, mountPath };
  container.volumeMounts = [...mounts, mount];
  return true;
}

const tokenVolume = (name: string): Volume => ({
  name,
  projected: {
    defaultMode: 0o644,
    sources: [
      { serviceAccountToken: { expirationSeconds: tokenSeconds, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
        },
      },
    ],
  },
});
