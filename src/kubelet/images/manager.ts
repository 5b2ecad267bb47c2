import { secrets } from '../../client/index.ts';
import type { EventSubject } from '../../client/types.ts';
import { formatDuration } from '../../schema/index.ts';
import type { Container, Pod, Secret } from '../../schema/generated/index.ts';
import type { Image, ImageSpec, Init } from '../cri/types.ts';
import { Slots } from '../../kernel/index.ts';
import { type EnsuredImage, type ImageManager, type KubeletEnv, PodStartError } from '../types.ts';
import { type Credentials, credentialsFor, KeyringError } from './keyring.ts';
import { PullBackOff } from './pull-back-off.ts';
import { PullRecords } from './pull-records.ts';
import { parseReference, ImageNameError, withDefaultTag } from './reference.ts';

/** A pull is bounded by what the runtime bounds it by; this only keeps a lost answer from holding a slot for ever. */
const pullLimitMs = 6 * 3600_000;

/** Pulls by policy, with the kubelet's back-off, credentials, events and texts. */
export function createImageManager(env: KubeletEnv): ImageManager {
  const puller = new Puller(env);
  return { ensure: (pod, container) => puller.ensure(pod, container) };
}

/** One container's wish for its image. */
interface Wish {
  pod: Pod;
  /** As the container names it. */
  requested: string;
  spec: Init<ImageSpec>;
  subject: EventSubject;
}

interface Found {
  id: string;
  image: Image;
}

interface PulledAs {
  imageRef: string;
  used: Credentials | undefined;
}

interface Pulled {
  found: Found;
  used: Credentials | undefined;
  tookMs: number;
}

class Puller {
  readonly #env: KubeletEnv;
  readonly #backOff: PullBackOff;
  readonly #slots: Slots;
  readonly #records: PullRecords;

  constructor(env: KubeletEnv) {
    const { clock, log, cri } = env;
    this.#env = env;
    this.#records = new PullRecords({
      root: env.paths.root,
      clock,
      log,
      present: async () => new Set((await cri.call('ListImages', {})).images.map(({ id }) => id)),
    });
    this.#backOff = new PullBackOff(env.clock);
    this.#slots = new Slots(env.budget.parallelImagePulls);
  }

  async ensure(pod: Pod, container: Container): Promise<EnsuredImage> {
    const wish = this.#wish(pod, container);
    const policy = container.imagePullPolicy ?? 'IfNotPresent';
    const found = policy === 'Always' ? undefined : await this.#inspect(wish);
    if (found && (await this.#mayUse(wish, found))) {
      this.#event(
        wish,
        'Pulled',
        `Container image "${wish.requested}" already present on machine and can be accessed by the pod`,
      );
      return ensured(found);
    }
    if (policy === 'Never') {
      const message = `Container image "${wish.requested}" is not present with pull policy of Never`;
      this.#warn(wish, 'ErrImageNeverPull', message);
      throw new PodStartError('ErrImageNeverPull', message);
    }
    return this.#pull(wish);
  }

  /** Not when it was pulled with a secret that this pod does not have. */
  async #mayUse(wish: Wish, { id }: Found): Promise<boolean> {
    try {
      return !(await this.#records.mustPull(wish.requested, id, () => this.#credentials(wish)));
    } catch (error) {
      if (error instanceof PodStartError) throw error;
      throw new PodStartError('ImageInspectError', textOf(error));
    }
  }

  #wish(pod: Pod, container: Container): Wish {
    const requested = container.image ?? '';
    const subject = { ...podSubject(pod), fieldPath: fieldPathOf(pod, container) };
    const annotations = pod.metadata.annotations ?? {};
    try {
      const image = withDefaultTag(requested);
      return { pod, requested, subject, spec: { image, annotations, userSpecifiedImage: requested } };
    } catch (error) {
      if (!(error instanceof ImageNameError)) throw error;
      const message = `Failed to apply default image tag ${JSON.stringify(requested)}: ${error.message}`;
      this.#env.recorder.event(subject, 'Warning', 'InspectFailed', message);
      throw new PodStartError('InvalidImageName', message);
    }
  }

  async #inspect(wish: Wish): Promise<Found | undefined> {
    try {
      return await this.#status(wish);
    } catch (error) {
      const message = `Failed to inspect image ${JSON.stringify('')}: ${textOf(error)}`;
      this.#warn(wish, 'InspectFailed', message);
      throw new PodStartError('ImageInspectError', message);
    }
  }

  async #status({ spec }: Wish): Promise<Found | undefined> {
    const { image } = await this.#env.cri.call('ImageStatus', { image: spec });
    return image?.id ? { id: image.id, image } : undefined;
  }

  async #pull(wish: Wish): Promise<EnsuredImage> {
    const { requested, pod } = wish;
    const key = `${pod.metadata.uid}_${requested}`;
    const waitsFor = this.#backOff.waiting(key);
    if (waitsFor !== undefined) {
      this.#event(wish, 'BackOff', `Back-off pulling image "${requested}"`);
      throw new PodStartError('ImagePullBackOff', `Back-off pulling image "${requested}": ${waitsFor}`);
    }
    const credentials = await this.#credentials(wish);
    await this.#begin(requested);
    this.#event(wish, 'Pulling', `Pulling image "${requested}"`);
    const { clock } = this.#env;
    const askedMs = clock.monotonicMs();
    try {
      const { found, tookMs, used } = await this.#slots.run(() => this.#pullNow(wish, credentials));
      await this.#records.succeeded(requested, found.id, used);
      const waitedMs = clock.monotonicMs() - askedMs;
      const durations = `in ${goDuration(tookMs)} (${goDuration(waitedMs)} including waiting)`;
      this.#event(
        wish,
        'Pulled',
        `Successfully pulled image "${requested}" ${durations}. Image size: ${found.image.size} bytes.`,
      );
      return ensured(found);
    } catch (error) {
      await this.#records.failed(requested);
      const text = textOf(error);
      this.#warn(wish, 'Failed', `Failed to pull image "${requested}": ${text}`);
      const failure = pullFailure(requested, text);
      this.#backOff.failed(key, `${failure.reason}: ${failure.message}`);
      throw failure;
    }
  }

  async #begin(requested: string): Promise<void> {
    try {
      await this.#records.begin(requested);
    } catch (error) {
      const why = `Failed to record image pull intent for container image "${requested}": ${(error as Error).message}`;
      throw new PodStartError('ErrImagePull', why);
    }
  }

  async #pullNow(wish: Wish, credentials: readonly Credentials[]): Promise<Pulled> {
    const { clock } = this.#env;
    const beganMs = clock.monotonicMs();
    const { imageRef, used } = await this.#pullWithAny(wish, credentials);
    const found = (await this.#status(wish)) ?? { id: imageRef, image: emptyImage(imageRef) };
    return { found, used, tookMs: clock.monotonicMs() - beganMs };
  }

  /** With each of the credentials in turn, or without any. */
  async #pullWithAny({ spec, pod }: Wish, credentials: readonly Credentials[]): Promise<PulledAs> {
    const { name = '', namespace = '', uid = '' } = pod.metadata;
    const sandboxConfig = { metadata: { name, namespace, uid, attempt: 0 } };
    const errors: string[] = [];
    for (const used of credentials.length > 0 ? credentials : [undefined]) {
      const auth = used && { username: used.username, password: used.password };
      try {
        const request = { image: spec, sandboxConfig, ...(auth && { auth }) };
        const { imageRef } = await this.#env.cri.call('PullImage', request, { timeoutMs: pullLimitMs });
        return { imageRef, used };
      } catch (error) {
        errors.push(textOf(error));
      }
    }
    throw new Error(errors.length === 1 ? errors[0] : `[${[...new Set(errors)].join(', ')}]`);
  }

  async #credentials({ pod, spec }: Wish): Promise<Credentials[]> {
    const found = await this.#pullSecrets(pod);
    try {
      return credentialsFor(parseReference(spec.image ?? '').repository, found);
    } catch (error) {
      if (error instanceof KeyringError) throw new PodStartError('ErrImagePull', error.message);
      throw error;
    }
  }

  async #pullSecrets(pod: Pod): Promise<Secret[]> {
    const names = (pod.spec?.imagePullSecrets ?? []).map(({ name }) => name ?? '').filter(Boolean);
    const found: Secret[] = [];
    const missing: string[] = [];
    for (const name of names) {
      try {
        found.push(await this.#env.client.get<Secret>(secrets, name, pod.metadata.namespace));
      } catch {
        missing.push(name);
      }
    }
    if (missing.length > 0) {
      const list = missing.join(', ');
      const message = `Unable to retrieve some image pull secrets (${list}); attempting to pull the image may not succeed.`;
      this.#env.recorder.event(podSubject(pod), 'Warning', 'FailedToRetrieveImagePullSecret', message);
    }
    return found;
  }

  #event({ subject }: Wish, reason: string, message: string): void {
    this.#env.recorder.event(subject, 'Normal', reason, message);
  }

  #warn({ subject }: Wish, reason: string, message: string): void {
    this.#env.recorder.event(subject, 'Warning', reason, message);
  }
}

const podSubject = ({ metadata }: Pod): EventSubject => ({ apiVersion: 'v1', kind: 'Pod', metadata });

function fieldPathOf({ spec }: Pod, { name }: Container): string {
  const has = (containers: readonly { name?: string }[] | undefined): boolean =>
    containers?.some((one) => one.name === name) ?? false;
  const list = has(spec?.initContainers)
    ? 'initContainers'
    : has(spec?.ephemeralContainers)
      ? 'ephemeralContainers'
      : 'containers';
  return `spec.${list}{${name}}`;
}

/** The runtime says with a name in front of its text what kind of failure it was. */
const knownFailures: Readonly<Record<string, string>> = {
  RegistryUnavailable: 'the registry is unavailable',
  SignatureValidationFailed: 'the signature validation failed',
};

function pullFailure(image: string, text: string): PodStartError {
  for (const [reason, why] of Object.entries(knownFailures)) {
    if (!text.startsWith(reason)) continue;
    return new PodStartError(reason, `image pull failed for ${image} because ${why}${text.slice(reason.length)}`);
  }
  return new PodStartError('ErrImagePull', text);
}

const textOf = (error: unknown): string => {
  const text = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? grpcNames[error.code as number] : undefined;
  return code ? `rpc error: code = ${code} desc = ${text}` : text;
};

/** Go's names of the gRPC codes that a pull can end with. */
const grpcNames: Readonly<Record<number, string>> = {
  1: 'Canceled',
  2: 'Unknown',
  3: 'InvalidArgument',
  4: 'DeadlineExceeded',
  5: 'NotFound',
  7: 'PermissionDenied',
  8: 'ResourceExhausted',
  9: 'FailedPrecondition',
  12: 'Unimplemented',
  13: 'Internal',
  14: 'Unavailable',
  16: 'Unauthenticated',
};

function ensured({ id, image }: Found): EnsuredImage {
  if (image.uid) return { imageRef: id, user: { uid: image.uid.value, username: '' } };
  if (image.username) return { imageRef: id, user: { username: image.username } };
  return { imageRef: id, user: { uid: 0, username: '' } };
}

const emptyImage = (id: string): Image => ({
  id,
  repoTags: [],
  repoDigests: [],
  size: 0,
  username: '',
  pinned: false,
});

const goDuration = (ms: number): string => formatDuration(BigInt(Math.floor(ms)) * 1_000_000n);
