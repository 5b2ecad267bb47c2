/** Every active namespace has a ServiceAccount `default`. */
import { serviceAccounts } from '../client/index.ts';
import type { Namespace, ServiceAccount } from '../schema/generated/index.ts';
import { type Action, type Controller, type ControllerEnv, perNamespaceController } from './runtime/index.ts';

const name = 'service-account-controller';
const accountName = 'default';

/** Plans the account of one namespace. */
function planServiceAccount(namespace: Namespace | undefined, account: ServiceAccount | undefined): Action[] {
  if (namespace?.status?.phase !== 'Active' || account) return [];
  const metadata = { name: accountName, namespace: namespace.metadata.name ?? '' };
  return [{ do: 'create', ref: serviceAccounts, object: { apiVersion: 'v1', kind: 'ServiceAccount', metadata } }];
}

export const serviceAccountController = (env: ControllerEnv): Controller =>
  perNamespaceController<ServiceAccount>(env, {
    name,
    ref: serviceAccounts,
    objectName: accountName,
    plan: planServiceAccount,
  });
