import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Ask, type HttpClient, httpClient } from '../support/http.ts';
import { type ServerOverStore, setups, startOver } from '../support/setups.ts';

/** A service account without roles, and a caller without credentials, reach nothing by any verb, subresource, selector, watch or impersonation. */
interface Resource {
  name: string;
  namespaced: boolean;
  verbs: string[];
}

const methods: Readonly<Record<string, string>> = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETE',
};

/** What system:basic-user lets every authenticated user ask about itself. */
const allowedToAll = new Set(['selfsubjectaccessreviews', 'selfsubjectrulesreviews', 'selfsubjectreviews']);

function asks(root: string, resource: Resource): Ask[] {
  const [name = '', subresource] = resource.name.split('/');
  const collection = `${root}/${resource.namespaced ? 'namespaces/kube-system/' : ''}${name}`;
  return resource.verbs.map((verb) => {
    const onCollection = ['list', 'watch', 'create', 'deletecollection'].includes(verb) && !subresource;
    const path = onCollection ? collection : `${collection}/treasure${subresource ? `/${subresource}` : ''}`;
    return {
      method: methods[verb] ?? 'GET',
      path: verb === 'watch' ? `${path}?watch=1&labelSelector=a%3Db` : path,
      headers: { 'content-type': verb === 'patch' ? 'application/merge-patch+json' : 'application/json' },
      ...(['create', 'update', 'patch'].includes(verb) && { body: '{}' }),
    };
  });
}

for (const setup of setups) {
  describe(setup.title, { skip: setup.skip }, () => {
    let server: ServerOverStore;
    let admin: HttpClient;
    let nobody: HttpClient;
    let anonymous: HttpClient;

    before(async () => {
      server = await startOver(setup);
      admin = httpClient(server.kubeconfig);
      const body = JSON.stringify({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'treasure' },
        stringData: { gold: '1' },
      });
      const created = await admin({
        method: 'POST',
        path: '/api/v1/namespaces/kube-system/secrets',
        headers: { 'content-type': 'application/json' },
        body,
      });
      assert.equal(created.status, 201, created.text);
      const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'nobody' } };
      await admin({
        method: 'POST',
        path: '/api/v1/namespaces/default/serviceaccounts',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(account),
      });
      const issued = await admin({
        method: 'POST',
        path: '/api/v1/namespaces/default/serviceaccounts/nobody/token',
        headers: { 'content-type': 'application/json' },
        body: '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}',
      });
      assert.equal(issued.status, 201, issued.text);
      nobody = httpClient(server.kubeconfig, (issued.json['status'] as { token: string }).token);
      anonymous = httpClient(server.kubeconfig, '');
    });
    after(async () => {
      for (const client of [admin, nobody, anonymous]) client.close();
      assert.equal(await server.stop(), 0);
    });

    async function resources(): Promise<[string, Resource][]> {
      const groups = (await admin({ path: '/apis' })).json['groups'] as { versions: { groupVersion: string }[] }[];
      const roots = [
        '/api/v1',
        ...groups.flatMap((group) => group.versions.map((version) => `/apis/${version.groupVersion}`)),
      ];
      const lists = await Promise.all(
        roots.map(async (root) =>
          ((await admin({ path: root })).json['resources'] as Resource[]).map((r) => [root, r] as [string, Resource]),
        ),
      );
      return lists.flat();
    }

    test('no verb on any resource or subresource is open to an account without roles, nor to anonymous', async () => {
      const all = await resources();
      assert.ok(all.length > 100, `only ${all.length} resources are served`);
      let tried = 0;
      for (const [root, resource] of all) {
        for (const ask of asks(root, resource)) {
          const ours = await nobody(ask);
          if (!allowedToAll.has(resource.name)) {
            assert.equal(ours.status, 403, `${ask.method} ${ask.path}: ${ours.text}`);
            assert.match(String(ours.json.message), /User "system:serviceaccount:default:nobody" cannot/);
          }
          const theirs = await anonymous(ask);
          assert.ok([401, 403].includes(theirs.status), `${ask.method} ${ask.path}: ${theirs.status}`);
          tried++;
        }
      }
      assert.ok(tried > 400, `only ${tried} requests were tried`);
    });

    test('impersonation needs the impersonate verb', async () => {
      for (const headers of [
        { 'impersonate-user': 'system:admin' },
        { 'impersonate-user': 'x', 'impersonate-group': 'system:masters' },
        { 'impersonate-user': 'system:serviceaccount:kube-system:namespace-controller' },
        { 'impersonate-user': 'x', 'impersonate-uid': '1' },
        { 'impersonate-user': 'x', 'impersonate-extra-scopes': 'all' },
      ] as Record<string, string>[]) {
        const answer = await nobody({ path: '/api/v1/namespaces/kube-system/secrets/treasure', headers });
        assert.equal(answer.status, 403, JSON.stringify(headers));
        assert.doesNotMatch(answer.text, /gold/);
      }
    });

    test('an existing and a missing name look the same; a field selector opens no side door', async () => {
      const [there, missing] = await Promise.all(
        ['treasure', 'nothing'].map((name) => nobody({ path: `/api/v1/namespaces/kube-system/secrets/${name}` })),
      );
      assert.equal(there?.status, 403);
      assert.equal(missing?.status, 403);
      const selected = await nobody({
        path: '/api/v1/secrets?fieldSelector=metadata.name%3Dtreasure%2Cmetadata.namespace%3Dkube-system',
      });
      assert.equal(selected.status, 403);
      const metrics = await nobody({ path: '/metrics' });
      assert.equal(metrics.status, 403);
    });

    test('a forged, a foreign and an expired token are 401', async () => {
      for (const token of ['nope', 'a.b.c', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJzeXN0ZW06YWRtaW4ifQ.']) {
        const client = httpClient(server.kubeconfig, token);
        const answer = await client({ path: '/api/v1/namespaces' });
        client.close();
        assert.equal(answer.status, 401);
        assert.equal(answer.json.reason, 'Unauthorized');
      }
    });
  });
}
