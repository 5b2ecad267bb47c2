import type {
  DownwardAPIVolumeFile,
  Pod,
  ProjectedVolumeSource,
  VolumeProjection,
} from '../../schema/generated/index.ts';
import { normalize } from 'node:path';
import type { FileProjection, Payload } from './atomic-writer.ts';
import { messageOf } from './errors.ts';
import { metadataField } from './field-ref.ts';
import { soleUser } from './ownership.ts';
import { configMapPayload, type KeySelection, secretPayload } from './payload.ts';
import { ReferenceNotFound, type References } from './references.ts';
import { containerNamed, resourceField } from './resource-ref.ts';
import type { TokenManager } from './tokens.ts';

/** Where the contents of volumes come from. */
export interface Sources {
  references: Pick<References, 'readConfigMap' | 'readSecret'>;
  tokens: Pick<TokenManager, 'tokenFor'>;
  /** The node's allocatable resources. */
  allocatable(): Promise<Readonly<Record<string, string>>>;
}

/** What an API server gives when the field is left out. */
export const defaultFileMode = 0o644;
const tokenMode = 0o600;

type Contents = (pod: Pod, name: string, selection: KeySelection, from: Sources) => Promise<Payload>;

/** Of an object in the pod's namespace that may be missing when it is optional. */
const contentsOf =
  <T>(
    read: (references: Sources['references'], namespace: string, name: string) => Promise<T>,
    payload: (object: T | { metadata: object }, selection: KeySelection) => Payload,
  ): Contents =>
  async ({ metadata }, name, selection, { references }) => {
    const object = await optionally(read(references, metadata.namespace ?? '', name), selection.optional);
    return payload(object ?? { metadata: {} }, selection);
  };

export const configMapContents = contentsOf((from, ...key) => from.readConfigMap(...key), configMapPayload);
export const secretContents = contentsOf((from, ...key) => from.readSecret(...key), secretPayload);

export async function downwardContents(
  pod: Pod,
  items: readonly DownwardAPIVolumeFile[],
  defaultMode: number,
  { allocatable }: Sources,
): Promise<Payload> {
  const files = new Map<string, FileProjection>();
  for (const { path, mode = defaultMode, fieldRef, resourceFieldRef } of items) {
    let text = '';
    if (fieldRef) text = metadataField(pod, fieldRef.fieldPath);
    else if (resourceFieldRef) {
      const container = containerNamed(pod, resourceFieldRef.containerName ?? '');
      text = resourceField(resourceFieldRef, container, await allocatable());
    }
    files.set(normalize(path), { data: Buffer.from(text), mode });
  }
  return files;
}

/** All sources of a projected volume; of two that give the same path the later wins. */
export async function projectedContents(pod: Pod, source: ProjectedVolumeSource, from: Sources): Promise<Payload> {
  const { sources, defaultMode = defaultFileMode } = source;
  const results = await Promise.allSettled((sources ?? []).map((each) => projection(pod, each, defaultMode, from)));
  const problems = results.flatMap((result) => (result.status === 'rejected' ? [messageOf(result.reason)] : []));
  if (problems.length > 0) throw new Error(aggregate(problems));
  return new Map(results.flatMap((result) => (result.status === 'fulfilled' ? [...result.value] : [])));
}

async function projection(pod: Pod, source: VolumeProjection, defaultMode: number, from: Sources): Promise<Payload> {
  const { secret, configMap, downwardAPI, serviceAccountToken } = source;
  const selection = ({ items = [], optional = false }: Partial<KeySelection>): KeySelection => ({
    items,
    optional,
    defaultMode,
  });
  if (secret) return secretContents(pod, secret.name ?? '', selection(secret), from);
  if (configMap) return configMapContents(pod, configMap.name ?? '', selection(configMap), from);
  if (downwardAPI) return downwardContents(pod, downwardAPI.items ?? [], defaultMode, from);
  if (serviceAccountToken) {
    const token = await from.tokens.tokenFor(pod, serviceAccountToken);
    return new Map([[serviceAccountToken.path, { data: Buffer.from(token), ...tokenOwner(pod, defaultMode) }]]);
  }
  throw new Error(`projected source ${JSON.stringify(Object.keys(source)[0])} is not supported`);
}

/** A token is its user's alone when the pod says who that is; fsGroup widens it to the group. */
function tokenOwner(pod: Pod, defaultMode: number): { mode: number; user?: number } {
  const user = soleUser(pod);
  const isOwned = user !== undefined || pod.spec.securityContext?.fsGroup !== undefined;
  return { mode: isOwned ? tokenMode : defaultMode, ...(user !== undefined && { user }) };
}

/** As apimachinery's errors.NewAggregate prints. */
function aggregate(problems: readonly string[]): string {
  const distinct = [...new Set(problems)];
  return distinct.length === 1 ? distinct[0]! : `[${distinct.join(', ')}]`;
}

async function optionally<T>(read: Promise<T>, optional: boolean): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (optional && error instanceof ReferenceNotFound) return undefined;
    throw error;
  }
}
