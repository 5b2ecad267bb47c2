import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { configMaps, secrets, services } from '../../client/index.ts';
import type { Client, ResourceRef } from '../../client/types.ts';
import { isReason } from '../../kernel/index.ts';
import type { ConfigMap, Pod, Secret, Service } from '../../schema/generated/index.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { KubeletEnv, MountedVolumes } from '../types.ts';
import { allocatableOf, goQuote } from '../volumes/index.ts';
import type { EnvironmentSources } from './environment.ts';
import { serviceVariables } from './service-variables.ts';

type SourcesEnv = Pick<KubeletEnv, 'client' | 'nodeName' | 'nodeIPs'>;

/** Variables' sources, read from the API and from the pod's volumes. */
export async function environmentSources(
  { client, nodeName, nodeIPs }: SourcesEnv,
  pod: Pod,
  podIPs: readonly string[],
  volumes: MountedVolumes,
): Promise<EnvironmentSources> {
  const { namespace = '' } = pod.metadata;
  return {
    configMap: (name) => find<ConfigMap>(client, configMaps, name, namespace),
    secret: (name) => find<Secret>(client, secrets, name, namespace),
    allocatable: () => allocatableOf(client, nodeName),
    volumeFile: (volume, path) => volumeFile(volumes, volume, path),
    services: await servicesFor(client, namespace, pod.spec.enableServiceLinks ?? true),
    facts: { podIPs, hostIPs: nodeIPs },
  };
}

async function find<T extends KubeObject>(
  client: Client,
  ref: ResourceRef,
  name: string,
  namespace: string,
): Promise<T | undefined> {
  try {
    return await client.get<T>(ref, name, namespace);
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

async function servicesFor(client: Client, namespace: string, links: boolean): Promise<ReadonlyMap<string, string>> {
  const own = links ? (await client.list<Service>(services, { namespace })).items : [];
  const kubernetes = await find<Service>(client, services, 'kubernetes', 'default');
  return serviceVariables(kubernetes ? [kubernetes, ...own] : own, namespace, links);
}

/** Files of a volume may be links, but only to what is inside it. */
async function volumeFile(
  volumes: MountedVolumes,
  volume: string,
  path: string,
): Promise<{ path: string; text: string }> {
  const mounted = volumes.get(volume);
  if (!mounted) throw new Error(`cannot find the volume ${goQuote(volume)} referenced by FileKeyRef`);
  const named = join(mounted.hostPath, path);
  const [base, file] = await Promise.all([realpath(mounted.hostPath), realpath(named).catch(() => '')]);
  if (!file.startsWith(`${base}/`)) throw new Error("couldn't parse env file");
  return { path: named, text: await readFile(file, 'utf8') };
}
