import { createHash } from 'node:crypto';
import { mkdir, readdir, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Timer } from '../../kernel/index.ts';
import type { Pod, PodStatus, Volume } from '../../schema/generated/index.ts';
import { parseQuantity, quantityValue } from '../../schema/index.ts';
import {
  type KubeletEnv,
  type MountedVolume,
  type MountedVolumes,
  PodStartError,
  type VolumeManager,
} from '../types.ts';
import { allocatableOf } from './allocatable.ts';
import { type Payload, writeAtomically } from './atomic-writer.ts';
import { diskMode, isTmpfs, makeFolder, makeMemory, memoryMode, memorySize } from './empty-dir.ts';
import { messageOf, orMissing } from './errors.ts';
import { checkHostPath } from './host-path.ts';
import { type Mounter, systemMounter } from './mounter.ts';
import { nestedMountPoints } from './nested.ts';
import { containersOf, giveToGroup } from './ownership.ts';
import type { KeySelection } from './payload.ts';
import { diskVolume, memoryPodFolder, memoryRoot, memoryVolume, type Plugin, podFolder } from './paths.ts';
import {
  configMapContents,
  defaultFileMode,
  downwardContents,
  projectedContents,
  type Sources,
  secretContents,
} from './projected.ts';
import { References } from './references.ts';
import { TokenManager } from './tokens.ts';

export type VolumesEnv = Pick<KubeletEnv, 'client' | 'clock' | 'log' | 'nodeName' | 'paths'>;

export interface VolumesOptions {
  /** A ConfigMap or Secret of the pod's volumes has changed, or a token is to be renewed: `prepare` brings them up to date. */
  onChange?(podUid: string): void;
  mounter?: Mounter;
}

const adoptionMs = 5_000;
/** Those that are never prepared have ended. */
const adoptionTries = 6;

/** Of all Secrets, tokens and downward files of all pods together. Only what is used takes memory. */
const memoryLimitBytes = 256n << 20n;

/**
 * Volumes of pods. Secrets, tokens and downward files never reach the disk: they live on one tmpfs that all pods share
 * (upstream mounts one a volume; sharing it saves two processes a pod), a folder a volume, which containers see by bind
 * mounts of their own folders only.
 */
export function createVolumeManager(env: VolumesEnv, options: VolumesOptions = {}): Volumes {
  return new Volumes(env, options);
}

/** The volume manager, which also follows what volumes refer to until it is stopped. */
export class Volumes implements VolumeManager {
  readonly #env: VolumesEnv;
  readonly #mounter: Mounter;
  readonly #references: References;
  readonly #tokens: TokenManager;
  readonly #sources: Sources;
  /** Digest of what was last written, by folder: what has not changed is not even read. */
  readonly #written = new Map<string, string>();
  /** The last call for each pod that is under way. */
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #onChange: (podUid: string) => void;
  #memory: Promise<void> | undefined;
  #adoption: Timer | undefined;
  #isStopped = false;

  constructor(env: VolumesEnv, { onChange = () => {}, mounter = systemMounter }: VolumesOptions) {
    const { client, clock, log } = env;
    this.#env = env;
    this.#mounter = mounter;
    this.#references = new References({ client, clock, log, onChange });
    this.#tokens = new TokenManager({ client, clock, log, onDue: onChange });
    this.#onChange = onChange;
    this.#adoptLater(adoptionTries);
    this.#sources = { references: this.#references, tokens: this.#tokens, allocatable: () => this.#allocatable() };
  }

  /** Calls for one pod take their turns. */
  prepare(pod: Pod, _status?: PodStatus): Promise<MountedVolumes> {
    return this.#inTurn(pod.metadata.uid ?? '', () => this.#prepare(pod));
  }

  release(podUid: string): Promise<void> {
    return this.#inTurn(podUid, () => this.#release(podUid));
  }

  async #inTurn<T>(podUid: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(podUid);
    const turn = before ? before.then(work, work) : work();
    this.#turns.set(podUid, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(podUid) === turn) this.#turns.delete(podUid);
    }
  }

  async #prepare(pod: Pod): Promise<MountedVolumes> {
    this.#references.follow(pod);
    const used = usedVolumes(pod);
    const results = await Promise.allSettled(used.map((volume) => this.#setUp(pod, volume)));
    const mounted = new Map<string, MountedVolume>();
    for (const [index, result] of results.entries()) {
      const { name } = used[index]!;
      if (result.status === 'fulfilled') mounted.set(name, result.value);
      else throw failedMount(name, result.reason);
    }
    return mounted;
  }

  async #release(podUid: string): Promise<void> {
    const { root } = this.#env.paths;
    this.#references.forget(podUid);
    this.#tokens.forget(podUid);
    const folder = podFolder(root, podUid);
    const mounted = await this.#mounter.below(folder);
    for (const path of mounted.reverse()) await this.#mounter.unmount(path);
    const busy = mounted.length > 0 ? await this.#mounter.below(folder) : [];
    if (busy.length > 0) throw new Error(`still mounted: ${busy.join(', ')}`);
    for (const each of [folder, memoryPodFolder(root, podUid)]) {
      await rm(each, { recursive: true, force: true });
      for (const path of this.#written.keys()) if (path.startsWith(`${each}/`)) this.#written.delete(path);
    }
  }

  async present(): Promise<string[]> {
    const { root } = this.#env.paths;
    const found = await Promise.all([join(root, 'pods'), memoryRoot(root)].map((path) => orMissing(readdir(path))));
    return [...new Set(found.flatMap((names) => names ?? []))];
  }

  /** Ends the watches. What is mounted stays: pods outlive this process. */
  stop(): void {
    this.#isStopped = true;
    this.#adoption?.cancel();
    this.#references.stop();
    this.#tokens.stop();
  }

  /** Pods of a predecessor run on, but nobody follows what they refer to until they are prepared: that is asked for. */
  #adoptLater(tries: number): void {
    if (tries === 0 || this.#isStopped) return;
    this.#adoption = this.#env.clock.after(adoptionMs, () => void this.#adopt(tries));
  }

  async #adopt(tries: number): Promise<void> {
    const left = await this.present().catch(() => []);
    const strange = left.filter((uid) => !this.#references.knows(uid));
    for (const uid of strange) this.#onChange(uid);
    if (strange.length > 0) this.#adoptLater(tries - 1);
  }

  async #setUp(pod: Pod, volume: Volume): Promise<MountedVolume> {
    const { hostPath, emptyDir, configMap, secret, downwardAPI, projected, name } = volume;
    if (hostPath) {
      await checkHostPath(hostPath);
      return { hostPath: hostPath.path, readOnly: false };
    }
    if (emptyDir) return this.#emptyDir(pod, name, emptyDir);
    if (configMap) {
      const files = await configMapContents(pod, configMap.name ?? '', selectionOf(configMap), this.#sources);
      return this.#write(pod, name, 'kubernetes.io~configmap', files);
    }
    if (secret) {
      const files = await secretContents(pod, secret.secretName ?? '', selectionOf(secret), this.#sources);
      return this.#write(pod, name, 'kubernetes.io~secret', files);
    }
    if (downwardAPI) {
      const { items = [], defaultMode = defaultFileMode } = downwardAPI;
      const files = await downwardContents(pod, items, defaultMode, this.#sources);
      return this.#write(pod, name, 'kubernetes.io~downward-api', files);
    }
    if (projected) {
      const files = await projectedContents(pod, projected, this.#sources);
      return this.#write(pod, name, 'kubernetes.io~projected', files);
    }
    const kind = Object.keys(volume).find((key) => key !== 'name') ?? 'none';
    throw new Error(`volumes of kind ${kind} are not supported on this node`);
  }

  async #emptyDir(pod: Pod, name: string, source: NonNullable<Volume['emptyDir']>): Promise<MountedVolume> {
    const { medium = '' } = source;
    const fsGroup = pod.spec.securityContext?.fsGroup;
    const path = diskVolume(this.#env.paths.root, pod.metadata.uid ?? '', 'kubernetes.io~empty-dir', name);
    if (medium === '') await makeFolder(path, diskMode, fsGroup);
    else if (medium === 'Memory') {
      const allocatable = (await this.#allocatable())['memory'] ?? '0';
      const sizeBytes = memorySize(pod, source, quantityValue(parseQuantity(allocatable)));
      await makeMemory(path, { sizeBytes, fsGroup }, this.#mounter);
    } else throw new Error(`unknown storage medium ${JSON.stringify(medium)}`);
    return { hostPath: path, readOnly: false };
  }

  async #write(pod: Pod, name: string, plugin: Plugin, files: Payload): Promise<MountedVolume> {
    const { paths, clock } = this.#env;
    const isPublic = plugin === 'kubernetes.io~configmap';
    if (!isPublic) await this.#ensureMemory();
    const path = (isPublic ? diskVolume : memoryVolume)(paths.root, pod.metadata.uid ?? '', plugin, name);
    const digest = digestOf(files);
    if (this.#written.get(path) !== digest || !(await orMissing(readlink(join(path, '..data'))))) {
      const group = pod.spec.securityContext?.fsGroup;
      await makeFolder(path, isPublic ? diskMode : memoryMode);
      for (const nested of nestedMountPoints(pod, name))
        await mkdir(join(path, nested), { recursive: true, mode: 0o755 });
      await writeAtomically(path, files, {
        nowMs: clock.nowMs(),
        ...(group !== undefined && { setPermissions: () => giveToGroup(path, group, true) }),
      });
      this.#written.set(path, digest);
    }
    return { hostPath: path, readOnly: true };
  }

  /** Mounted when first needed: by then the runtime sees mounts that are made below the kubelet's folder. */
  #ensureMemory(): Promise<void> {
    this.#memory ??= this.#mountMemory().catch((error: unknown) => {
      this.#memory = undefined;
      throw error;
    });
    return this.#memory;
  }

  async #mountMemory(): Promise<void> {
    const path = memoryRoot(this.#env.paths.root);
    await mkdir(path, { recursive: true, mode: 0o750 });
    if (!(await isTmpfs(path))) await this.#mounter.tmpfs(path, { sizeBytes: memoryLimitBytes, mode: 0o750 });
  }

  #allocatable(): ReturnType<typeof allocatableOf> {
    return allocatableOf(this.#env.client, this.#env.nodeName);
  }
}

/** Volumes that a container mounts or reads from; the others are not made. */
function usedVolumes({ spec }: Pod): Volume[] {
  const used = new Set(
    containersOf(spec).flatMap(({ volumeMounts = [], env = [] }) => [
      ...volumeMounts.map(({ name }) => name),
      ...env.flatMap(({ valueFrom }) => valueFrom?.fileKeyRef?.volumeName ?? []),
    ]),
  );
  return (spec.volumes ?? []).filter(({ name }) => used.has(name));
}

const selectionOf = ({ items = [], defaultMode = defaultFileMode, optional = false }: Partial<KeySelection>) => ({
  items,
  defaultMode,
  optional,
});

function digestOf(files: Payload): string {
  const hash = createHash('sha256');
  for (const [path, { data, mode, user }] of files)
    hash.update(JSON.stringify([path, mode, user, data.length])).update(data);
  return hash.digest('base64');
}

const failedMount = (volume: string, error: unknown): PodStartError =>
  new PodStartError('FailedMount', `MountVolume.SetUp failed for volume "${volume}" : ${messageOf(error)}`);
