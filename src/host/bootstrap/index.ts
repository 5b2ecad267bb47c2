/** What a cluster holds before anyone uses it. Done at every start; writes only what is missing or out of date. */
import { isDeepStrictEqual } from 'node:util';
import { reconcilePolicy } from '../../api/authz/index.ts';
import { configMaps, namespaces, priorityClasses } from '../../client/index.ts';
import type { Client, ResourceRef } from '../../client/types.ts';
import { type Clock, isReason, type Logger } from '../../kernel/index.ts';
import type { ConfigMap, PriorityClass } from '../../schema/generated/index.ts';
import type { KubeObject } from '../../schema/object.ts';
import { autoUpdateKey, flowSchemas, mandatory, priorityLevels } from './flow-control.ts';
import { bootstrapPolicy } from './rbac-policy.ts';

export { type DnsServiceOptions, publishDnsService } from './dns-service.ts';

/** How extension API servers recognise users whom this server has authenticated. */
export interface AuthenticationInfo {
  /** PEM bundle that client certificates are verified against. */
  clientCa: string;
  requestHeader?: { clientCa: string; allowedNames: readonly string[] };
}

export interface BootstrapOptions {
  /** Acts with full rights: a user in system:masters. */
  client: Client;
  clock: Clock;
  log: Logger;
  authentication: AuthenticationInfo;
}

const flow = (resource: string): ResourceRef => ({ group: 'flowcontrol.apiserver.k8s.io', version: 'v1', resource });

const systemNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** Makes sure of the system namespaces first, then of everything else at once. Returns the number of writes. */
export async function bootstrap(options: BootstrapOptions): Promise<number> {
  const { client, clock, log } = options;
  const beganMs = clock.monotonicMs();
  const made = await ensureAll(client, namespaces, systemNamespaces.map(namespaceOf), keep);
  const writes = await Promise.all([
    reconcilePolicy(client, bootstrapPolicy()),
    ensureAll(client, priorityClasses, systemPriorityClasses(), keep),
    ensureAll(client, flow('prioritylevelconfigurations'), priorityLevels(), updateSpec),
    ensureAll(client, flow('flowschemas'), flowSchemas(), updateSpec),
    publishAuthentication(client, options.authentication),
  ]);
  const total = writes.reduce((sum, count) => sum + count, made);
  log.info('cluster bootstrapped', { writes: total, tookMs: Math.round(clock.monotonicMs() - beganMs) });
  return total;
}

const namespaceOf = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });

const systemPriorityClasses = (): PriorityClass[] => [
  {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: 'system-node-critical' },
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
  {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: 'system-cluster-critical' },
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
];

/** The object to write in place of the existing one, or undefined to leave that as it is. */
type Revision<T> = (existing: T, expected: T) => T | undefined;

const keep = (): undefined => undefined;

interface WithSpec extends KubeObject {
  spec?: object;
}

/** A suggestion is left alone once an administrator has taken it over. */
function updateSpec(existing: WithSpec, expected: WithSpec): WithSpec | undefined {
  const { name = '', annotations, generation } = existing.metadata;
  const marked = annotations?.[autoUpdateKey];
  const isOurs = mandatory.has(name) || (marked === undefined ? generation === 1 : marked === 'true');
  if (!isOurs || (marked === 'true' && isDeepStrictEqual(existing.spec, expected.spec))) return undefined;
  const metadata = { ...existing.metadata, annotations: { ...annotations, [autoUpdateKey]: 'true' } };
  return { ...existing, metadata, ...(expected.spec && { spec: expected.spec }) };
}

async function ensureAll<T extends KubeObject>(
  client: Client,
  ref: ResourceRef,
  expected: readonly T[],
  revise: Revision<T>,
): Promise<number> {
  const { items } = await client.list<T>(ref);
  const existing = new Map(items.map((item) => [item.metadata.name, item]));
  const writes = await Promise.all(
    expected.map((object) => ensure(client, ref, existing.get(object.metadata.name), object, revise)),
  );
  return writes.filter(Boolean).length;
}

async function ensure<T extends KubeObject>(
  client: Client,
  ref: ResourceRef,
  existing: T | undefined,
  expected: T,
  revise: Revision<T>,
): Promise<boolean> {
  if (existing) {
    const next = revise(existing, expected);
    if (next) await client.update(ref, next);
    return next !== undefined;
  }
  const { namespace } = expected.metadata;
  try {
    await client.create(ref, expected, namespace ? { namespace } : {});
    return true;
  } catch (error) {
    if (isReason(error, 'AlreadyExists')) return false;
    throw error;
  }
}

/** Publishes `kube-system/extension-apiserver-authentication`. Also to be called when a CA changes. */
export async function publishAuthentication(client: Client, info: AuthenticationInfo): Promise<number> {
  const expected: ConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    data: authenticationData(info),
  };
  const { items } = await client.list<ConfigMap>(configMaps, {
    namespace: 'kube-system',
    fieldSelector: 'metadata.name=extension-apiserver-authentication',
  });
  const replaceData = (existing: ConfigMap): ConfigMap | undefined =>
    isDeepStrictEqual(existing.data, expected.data) ? undefined : { ...existing, data: expected.data ?? {} };
  return (await ensure(client, configMaps, items[0], expected, replaceData)) ? 1 : 0;
}

function authenticationData({ clientCa, requestHeader }: AuthenticationInfo): Record<string, string> {
  return {
    'client-ca-file': clientCa,
    ...(requestHeader && {
      'requestheader-allowed-names': JSON.stringify(requestHeader.allowedNames),
      'requestheader-client-ca-file': requestHeader.clientCa,
      'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
      'requestheader-group-headers': '["X-Remote-Group"]',
      'requestheader-username-headers': '["X-Remote-User"]',
    }),
  };
}
