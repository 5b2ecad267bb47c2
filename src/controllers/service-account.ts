/** Every active namespace has a ServiceAccount `default`. */
import type { ResourceRef } from '../client/types.ts';
import { isReason } from '../kernel/index.ts';
import type { Namespace, ServiceAccount } from '../schema/generated/index.ts';
import {
  type Action,
  type Controller,
  type ControllerEnv,
  carryOut,
  controllerOf,
  done,
  find,
  follow,
  namespaceIsTerminating,
  queueLimit,
  readerName,
  type SyncResult,
  WorkQueue,
} from './runtime/index.ts';

const name = 'service-account-controller';
const namespaces: ResourceRef = { group: '', version: 'v1', resource: 'namespaces' };
const serviceAccounts: ResourceRef = { group: '', version: 'v1', resource: 'serviceaccounts' };
const accountName = 'default';
const workers = 5;

/** Plans the account of one namespace. */
export function planServiceAccount(namespace: Namespace | undefined, account: ServiceAccount | undefined): Action[] {
  if (namespace?.status?.phase !== 'Active' || account) return [];
  const metadata = { name: accountName, namespace: namespace.metadata.name ?? '' };
  return [{ do: 'create', ref: serviceAccounts, object: { apiVersion: 'v1', kind: 'ServiceAccount', metadata } }];
}

export function serviceAccountController({ clientFor, clock, log }: ControllerEnv): Controller {
  const reader = clientFor(readerName);
  const writer = clientFor(name);

  const sync = async (key: string): Promise<SyncResult> => {
    const namespace = await find<Namespace>(reader, namespaces, key);
    const account = namespace && (await find<ServiceAccount>(reader, serviceAccounts, accountName, key));
    try {
      await carryOut(writer, planServiceAccount(namespace, account));
    } catch (error) {
      if (!isReason(error, 'AlreadyExists') && !namespaceIsTerminating(error)) throw error;
    }
    return done;
  };

  const queue = new WorkQueue({
    name,
    clock,
    log,
    workers,
    limit: queueLimit,
    sync,
    overflowed: () => followedNamespaces.relist(),
  });
  const options = { client: reader, clock, log };
  const followedNamespaces = follow<Namespace>(namespaces, options, {
    changed: ({ metadata }, deleted) => {
      if (!deleted) queue.add(metadata.name ?? '');
    },
  });
  const followedAccounts = follow<ServiceAccount>(
    serviceAccounts,
    { ...options, selection: { fieldSelector: `metadata.name=${accountName}` } },
    {
      changed: ({ metadata }, deleted) => {
        if (deleted) queue.add(metadata.namespace ?? '');
      },
      relisted: () => followedNamespaces.relist(),
    },
  );
  return controllerOf(name, queue, [followedNamespaces, followedAccounts]);
}
