/**
 * Who may use which image: KEP-2535. What was pulled with a secret is not for pods that have none, although it lies on
 * the same disk. Images that the kubelet has not pulled are for everyone. The files are upstream's
 * (kubelet.config.k8s.io/v1beta1), so that one kubelet can follow the other.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, formatTime, type Logger } from '../../kernel/index.ts';
import type { Credentials } from './keyring.ts';
import { parseReference } from './reference.ts';

interface UsedSecret {
  uid: string;
  namespace: string;
  name: string;
  credentialHash: string;
}

/** Who may use the image under one name. */
interface Access {
  kubernetesSecrets?: UsedSecret[];
  nodePodsAccessible?: boolean;
}

interface PulledRecord {
  kind: 'ImagePulledRecord';
  apiVersion: 'kubelet.config.k8s.io/v1beta1';
  lastUpdatedTime: string;
  imageRef: string;
  /** By repository. */
  credentialMapping?: Record<string, Access>;
}

interface PullIntent {
  kind: 'ImagePullIntent';
  apiVersion: 'kubelet.config.k8s.io/v1beta1';
  image: string;
}

const apiVersion = 'kubelet.config.k8s.io/v1beta1';
const secretLimit = 100;

export interface PullRecordsOptions {
  /** The kubelet's. */
  root: string;
  clock: Clock;
  log: Logger;
  /** Ids of the images that the runtime has: records of others are dropped. */
  present(): Promise<ReadonlySet<string>>;
}

export class PullRecords {
  readonly #options: PullRecordsOptions;
  readonly #pulling: string;
  readonly #pulled: string;
  /** Of the kubelet's own pulls: by image, how many are under way; 0 of one that did not end in order. */
  readonly #intents = new Map<string, number>();
  readonly #records = new Map<string, PulledRecord>();
  #loading: Promise<void> | undefined;

  constructor(options: PullRecordsOptions) {
    this.#options = options;
    this.#pulling = join(options.root, 'image_manager/pulling');
    this.#pulled = join(options.root, 'image_manager/pulled');
  }

  /** Whether a pod with these credentials has to pull an image that is here already. */
  async mustPull(
    image: string,
    imageRef: string,
    credentials: () => Promise<readonly Credentials[]>,
  ): Promise<boolean> {
    await this.#load();
    const record = this.#records.get(imageRef);
    if (!record) return this.#intents.has(image);
    const access = record.credentialMapping?.[parseReference(image).repository];
    if (access?.nodePodsAccessible) return false;
    const known = access?.kubernetesSecrets ?? [];
    if (known.length === 0) return true;
    for (const found of await credentials()) {
      const secret = usedSecret(found);
      const isKnown = known.some((one) => one.credentialHash === secret.credentialHash || sameSecret(one, secret));
      if (!isKnown) continue;
      if (!known.some((one) => sameSecret(one, secret) && one.credentialHash === secret.credentialHash)) {
        await this.#grant(image, imageRef, found);
      }
      return false;
    }
    return true;
  }

  /** Before a pull: should it end without our hearing of it, the image counts as pulled by us. */
  async begin(image: string): Promise<void> {
    await this.#load();
    const intent: PullIntent = { kind: 'ImagePullIntent', apiVersion, image };
    await write(this.#pulling, image, intent);
    this.#intents.set(image, (this.#intents.get(image) ?? 0) + 1);
  }

  async failed(image: string): Promise<void> {
    const count = (this.#intents.get(image) ?? 0) - 1;
    if (count > 0) return void this.#intents.set(image, count);
    try {
      await rm(join(this.#pulling, fileName(image)), { force: true });
      this.#intents.delete(image);
    } catch (error) {
      this.#options.log.warn('a record of a pull cannot be removed', { image, error: String(error) });
    }
  }

  /** `used`: undefined when the image is for everyone. What cannot be recorded stays a pull of ours, for nobody. */
  async succeeded(image: string, imageRef: string, used: Credentials | undefined): Promise<void> {
    try {
      await this.#grant(image, imageRef, used);
    } catch (error) {
      this.#options.log.warn('a pulled image cannot be recorded', { image, error: String(error) });
      return;
    }
    await this.failed(image);
  }

  async #grant(image: string, imageRef: string, used: Credentials | undefined): Promise<void> {
    const { repository } = parseReference(image);
    const before = this.#records.get(imageRef);
    const access = before?.credentialMapping?.[repository];
    if (access?.nodePodsAccessible) return;
    const others = used ? (access?.kubernetesSecrets ?? []).filter((one) => !sameSecret(one, usedSecret(used))) : [];
    const next: Access = used
      ? { kubernetesSecrets: [...others, usedSecret(used)].slice(-secretLimit) }
      : { nodePodsAccessible: true };
    const record: PulledRecord = {
      kind: 'ImagePulledRecord',
      apiVersion,
      lastUpdatedTime: formatTime(this.#options.clock.nowMs()),
      imageRef,
      credentialMapping: { ...before?.credentialMapping, [repository]: next },
    };
    await write(this.#pulled, imageRef, record);
    this.#records.set(imageRef, record);
  }

  #load(): Promise<void> {
    this.#loading ??= this.#read().catch((error) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  async #read(): Promise<void> {
    const present = await this.#options.present();
    for (const { image } of await this.#readAll<PullIntent>(this.#pulling)) this.#intents.set(image, 0);
    for (const record of await this.#readAll<PulledRecord>(this.#pulled)) {
      if (present.has(record.imageRef)) this.#records.set(record.imageRef, record);
      else await rm(join(this.#pulled, fileName(record.imageRef)), { force: true });
    }
  }

  async #readAll<T>(folder: string): Promise<T[]> {
    const names = await readdir(folder).catch(() => []);
    const found: T[] = [];
    for (const name of names.filter((one) => /^sha256-[0-9a-f]{64}$/.test(one))) {
      try {
        found.push(JSON.parse(await readFile(join(folder, name), 'utf8')) as T);
      } catch (error) {
        this.#options.log.warn('a record of a pulled image cannot be read', { file: name, error: String(error) });
      }
    }
    return found;
  }
}

const sameSecret = (a: UsedSecret, b: UsedSecret): boolean =>
  a.uid === b.uid && a.namespace === b.namespace && a.name === b.name;

const usedSecret = ({ secret, username, password }: Credentials): UsedSecret => ({
  ...secret,
  credentialHash: createHash('sha256')
    .update(JSON.stringify({ ...(username && { username }), ...(password && { password }) }))
    .digest('hex'),
});

const fileName = (key: string): string => `sha256-${createHash('sha256').update(key).digest('hex')}`;

async function write(folder: string, key: string, content: object): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, fileName(key));
  await writeFile(`${file}.tmp`, JSON.stringify(content), { mode: 0o600 });
  await rename(`${file}.tmp`, file);
}
