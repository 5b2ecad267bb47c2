import assert from 'node:assert/strict';
import { type HttpClient, httpClient } from './http.ts';

const json = { 'content-type': 'application/json' };

/** A client that acts as a new service account of the default namespace, bound to `role` when one is named. */
export async function accountClient(
  admin: HttpClient,
  kubeconfig: string,
  name: string,
  role?: string,
): Promise<HttpClient> {
  const post = async (path: string, object: object): Promise<Record<string, unknown>> => {
    const answer = await admin({ method: 'POST', path, headers: json, body: JSON.stringify(object) });
    assert.equal(answer.status, 201, answer.text);
    return answer.json;
  };
  const accounts = '/api/v1/namespaces/default/serviceaccounts';
  await post(accounts, { metadata: { name } });
  if (role) {
    await post('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ kind: 'ServiceAccount', namespace: 'default', name }],
    });
  }
  const issued = await post(`${accounts}/${name}/token`, { spec: {} });
  return httpClient(kubeconfig, (issued['status'] as { token: string }).token);
}
