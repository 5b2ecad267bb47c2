/** Secrets of type kubernetes.io/service-account-token get a token of their account, and go with it. */
import { secrets, serviceAccounts } from '../client/index.ts';
import type { Client } from '../client/types.ts';
import { isReason } from '../kernel/index.ts';
import type { Secret, ServiceAccount } from '../schema/generated/index.ts';
import type { KubeObject } from '../schema/object.ts';
import {
  carryOut,
  type Controller,
  type ControllerEnv,
  controllerOf,
  done,
  find,
  follow,
  queueOf,
  readerName,
  readingBy,
  type SyncResult,
} from './runtime/index.ts';

const name = 'tokens-controller';
const workers = 5;
const secretType = 'kubernetes.io/service-account-token';
const nameAnnotation = 'kubernetes.io/service-account.name';
const uidAnnotation = 'kubernetes.io/service-account.uid';

export interface TokenOptions {
  /** Signs the token of a secret. */
  sign(account: KubeObject, secretName: string): Promise<string>;
  /** PEM bundle of the CAs by which holders verify the API server. */
  bundle(): string;
}

type Task =
  /** See that the secret is complete, or gone with its account. */
  | { do: 'secret'; namespace: string; name: string }
  /** The account does not list the secret any more, which is gone. */
  | { do: 'unlist'; namespace: string; name: string; secret: string }
  /** The account is gone: see to all secrets that are for it. */
  | { do: 'account'; namespace: string; name: string };

/** The data that the secret still needs; undefined when it is complete. Texts are not encoded yet. */
function missingData(
  secret: Secret,
  bundle: string,
): { needsToken: boolean; data: Record<string, string> } | undefined {
  const { data = {}, metadata } = secret;
  const wanted: Record<string, string> = {};
  if (bundle && data['ca.crt'] !== encoded(bundle)) wanted['ca.crt'] = bundle;
  if (!data['namespace']) wanted['namespace'] = metadata.namespace ?? '';
  const needsToken = !data['token'];
  return needsToken || Object.keys(wanted).length ? { needsToken, data: wanted } : undefined;
}

const encoded = (text: string): string => Buffer.from(text).toString('base64');

export function tokenController(env: ControllerEnv, tokens: TokenOptions): Controller {
  const { clientFor } = env;
  const keeper = new TokenKeeper(clientFor(readerName), tokens);
  const queue = queueOf(env, {
    name,
    workers,
    async sync(key): Promise<SyncResult> {
      await keeper.carryOut(JSON.parse(key) as Task);
      return done;
    },
    overflowed: () => followed.relist(),
  });
  const add = (task: Task): void => queue.add(JSON.stringify(task));
  const options = readingBy(env);
  const followed = follow<Secret>(
    secrets,
    { ...options, selection: { fieldSelector: `type=${secretType}` } },
    {
      changed({ metadata }, deleted) {
        const { name = '', namespace = '', annotations } = metadata;
        const account = annotations?.[nameAnnotation] ?? '';
        if (!deleted) add({ do: 'secret', namespace, name });
        else if (account) add({ do: 'unlist', namespace, name: account, secret: name });
      },
    },
  );
  const followedAccounts = follow<ServiceAccount>(serviceAccounts, options, {
    changed({ metadata }, deleted) {
      const { name = '', namespace = '' } = metadata;
      if (deleted) add({ do: 'account', namespace, name });
    },
    relisted: () => followed.relist(),
  });
  return controllerOf(name, queue, [followed, followedAccounts]);
}

class TokenKeeper {
  /** The component's own, as upstream's: it may read secrets and accounts one by one. */
  readonly #client: Client;
  readonly #tokens: TokenOptions;

  constructor(client: Client, tokens: TokenOptions) {
    this.#client = client;
    this.#tokens = tokens;
  }

  carryOut(task: Task): Promise<void> {
    if (task.do === 'secret') return this.#complete(task.namespace, task.name);
    if (task.do === 'unlist') return this.#unlist(task.namespace, task.name, task.secret);
    return this.#completeAll(task.namespace, task.name);
  }

  async #complete(namespace: string, name: string): Promise<void> {
    const secret = await find<Secret>(this.#client, secrets, name, namespace);
    const { [nameAnnotation]: owner = '', [uidAnnotation]: uid = '' } = secret?.metadata.annotations ?? {};
    if (secret?.type !== secretType || owner === '') return;
    const account = await find<ServiceAccount>(this.#client, serviceAccounts, owner, namespace);
    if (!account || (uid && account.metadata.uid !== uid)) return this.#delete(secret);
    const missing = missingData(secret, this.#tokens.bundle());
    if (!missing) return;
    const data = { ...missing.data };
    if (missing.needsToken) data['token'] = await this.#tokens.sign(account, name);
    const annotations = {
      ...secret.metadata.annotations,
      [nameAnnotation]: owner,
      [uidAnnotation]: account.metadata.uid ?? '',
    };
    const added = Object.fromEntries(Object.entries(data).map(([key, text]) => [key, encoded(text)]));
    const next = { ...secret, metadata: { ...secret.metadata, annotations }, data: { ...secret.data, ...added } };
    try {
      await this.#client.update<Secret>(secrets, next);
    } catch (error) {
      // What it is now, its event tells.
      if (!isReason(error, 'Conflict') && !isReason(error, 'NotFound')) throw error;
    }
  }

  async #unlist(namespace: string, name: string, secret: string): Promise<void> {
    if (await find<Secret>(this.#client, secrets, secret, namespace)) return;
    const account = await find<ServiceAccount>(this.#client, serviceAccounts, name, namespace);
    const listed = account?.secrets?.filter((each) => each.name !== secret) ?? [];
    if (!account || listed.length === (account.secrets?.length ?? 0)) return;
    await this.#client.update<ServiceAccount>(serviceAccounts, { ...account, secrets: listed });
  }

  async #completeAll(namespace: string, account: string): Promise<void> {
    const fieldSelector = `type=${secretType}`;
    const { items } = await this.#client.list<Secret>(secrets, { namespace, fieldSelector });
    for (const { metadata } of items) {
      if (metadata.annotations?.[nameAnnotation] === account) await this.#complete(namespace, metadata.name ?? '');
    }
  }

  async #delete(secret: Secret): Promise<void> {
    try {
      await carryOut(this.#client, [{ do: 'delete', ref: secrets, object: secret }]);
    } catch (error) {
      if (!isReason(error, 'NotFound') && !isReason(error, 'Conflict')) throw error;
    }
  }
}
