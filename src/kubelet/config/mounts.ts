import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, Pod, VolumeMount } from '../../schema/generated/index.ts';
import type { Init, Mount, MountPropagation } from '../cri/types.ts';
import type { MountedVolumes } from '../types.ts';
import { goQuote, makeSubPath, type Mounter, prepareSubPath } from '../volumes/index.ts';
import { expand } from './expansion.ts';

export interface MountContext {
  root: string;
  volumes: MountedVolumes;
  variables: ReadonlyMap<string, string>;
  mounter: Mounter;
  /** The real cause, where the container is told less: it could learn of the host's files. */
  concealed(message: string, error: unknown): void;
}

const propagations: Readonly<Record<string, MountPropagation>> = {
  None: 'PROPAGATION_PRIVATE',
  HostToContainer: 'PROPAGATION_HOST_TO_CONTAINER',
  Bidirectional: 'PROPAGATION_BIDIRECTIONAL',
};

/** The container's volume mounts for the runtime. Throws with upstream's texts (makeMounts in kubelet_pods.go). */
export async function volumeMounts(pod: Pod, container: Container, context: MountContext): Promise<Init<Mount>[]> {
  const [device] = container.volumeDevices ?? [];
  if (device)
    throw new Error(`cannot find volume ${goQuote(device.name)} to pass into container ${goQuote(container.name)}`);
  const mounts: Init<Mount>[] = [];
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const volume = context.volumes.get(mount.name);
    if (!volume)
      throw new Error(`cannot find volume ${goQuote(mount.name)} to mount into container ${goQuote(container.name)}`);
    const path = subPathOf(mount, context.variables);
    const hostPath = path
      ? await subPath(pod, container, { mount, index, path, volumePath: volume.hostPath }, context)
      : volume.hostPath;
    refuseRecursive(mount);
    mounts.push({
      containerPath: absolute(mount.mountPath),
      hostPath,
      readonly: volume.readOnly || (mount.readOnly ?? false),
      propagation: propagationOf(mount),
    });
  }
  return mounts;
}

export const absolute = (path: string): string => (path.startsWith('/') ? path : `/${path}`);

function subPathOf(mount: VolumeMount, variables: ReadonlyMap<string, string>): string {
  const path = mount.subPathExpr ? expandSubPath(mount.subPathExpr, variables) : (mount.subPath ?? '');
  if (path.startsWith('/')) throw new Error(`error SubPath \`${path}\` must not be an absolute path`);
  if (path.split('/').includes('..')) throw new Error(`unable to provision SubPath \`${path}\`: must not contain '..'`);
  return path;
}

function expandSubPath(expression: string, variables: ReadonlyMap<string, string>): string {
  const missing = new Set<string>();
  const expanded = expand(expression, (name) => {
    const value = variables.get(name) ?? '';
    if (value === '') missing.add(name);
    return value;
  });
  if (missing.size > 0) throw new Error(`missing value for ${[...missing].sort().join(', ')}`);
  return expanded;
}

interface SubPathMount {
  mount: VolumeMount;
  index: number;
  path: string;
  volumePath: string;
}

async function subPath(pod: Pod, container: Container, sub: SubPathMount, context: MountContext): Promise<string> {
  const { index, path, volumePath } = sub;
  const what = `volumeMount ${goQuote(sub.mount.name)} of container ${goQuote(container.name)}`;
  const conceal =
    (message: string) =>
    (error: unknown): never => {
      context.concealed(message, error);
      throw new Error(message);
    };
  if (!(await isThere(join(volumePath, path)))) {
    await makeSubPath(volumePath, path).catch(conceal(`failed to create subPath directory for ${what}`));
  }
  const { root, mounter } = context;
  const request = { root, podUid: pod.metadata.uid ?? '', container: container.name, volume: sub.mount.name };
  return prepareSubPath({ ...request, index, volumePath, path }, mounter).catch(
    conceal(`failed to prepare subPath for ${what}`),
  );
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

function refuseRecursive({
  name,
  readOnly,
  mountPropagation = 'None',
  recursiveReadOnly = 'Disabled',
}: VolumeMount): void {
  if (recursiveReadOnly === 'Disabled') return;
  const requested = `failed to resolve recursive read-only mode: volume ${goQuote(name)} requested recursive read-only mode, but it is not`;
  if (!readOnly) throw new Error(`${requested} read-only`);
  if (mountPropagation !== 'None')
    throw new Error(`${requested} compatible with propagation ${goQuote(mountPropagation)}`);
  if (recursiveReadOnly !== 'IfPossible') throw new Error(`${requested} supported by the runtime`);
}

function propagationOf({ mountPropagation = 'None' }: VolumeMount): MountPropagation {
  const propagation = propagations[mountPropagation];
  if (!propagation) throw new Error(`invalid MountPropagation mode: ${goQuote(mountPropagation)}`);
  return propagation;
}
