import { ageColumn, nameColumn, resource } from '../shared/resource.ts';
import type { ServiceAccount } from '../typings/core.ts';

/** core/v1 ServiceAccount. */
export const serviceAccount = resource<ServiceAccount>('/v1/serviceaccounts', {
  returnsDeletedObject: true,
  columns: [nameColumn, ageColumn],
  prepareForCreate: keepSecretNames,
  prepareForUpdate: keepSecretNames,
  subresources: {
    token: {
      type: 'action',
      verbs: ['create'],
      gvk: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' },
      message: 'authentication/v1.TokenRequest',
    },
  },
});

/** Of a reference to a secret only the name counts. */
function keepSecretNames(account: ServiceAccount): void {
  if (account.secrets) account.secrets = account.secrets.map(({ name }) => (name === undefined ? {} : { name }));
}
