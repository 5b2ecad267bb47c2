import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type HttpClient, httpClient } from '../support/http.ts';
import { type RunningServer, startServer } from '../support/server.ts';

let server: RunningServer;
let ask: HttpClient;

before(async () => {
  server = await startServer({ store: 'memory' });
  ask = httpClient(server.kubeconfig);
});
after(async () => {
  ask?.close();
  await server?.stop();
});

const headers = { accept: 'application/yaml', 'content-type': 'application/yaml' };
const maps = '/api/v1/namespaces/default/configmaps';

test('the bundle reads YAML and answers with it, errors and discovery included', async () => {
  const created = await ask({ method: 'POST', path: maps, headers, body: 'metadata: {name: one}\ndata: {a: "1"}\n' });
  assert.equal(created.status, 201, created.text);
  assert.match(created.text, /^apiVersion: v1\ndata:\n {2}a: "1"\nkind: ConfigMap\n/);
  const missing = await ask({ path: `${maps}/none`, headers });
  assert.deepEqual([missing.status, missing.headers['content-type']], [404, 'application/yaml']);
  const discovered = await ask({ path: '/api/v1', headers });
  assert.match(discovered.text, /^groupVersion: v1\nkind: APIResourceList\nresources:\n- kind: Binding\n/);
  const bad = await ask({ method: 'POST', path: maps, headers, body: '{' });
  assert.match(bad.text, /unrecognized \(must be of type ConfigMap\): yaml: line 1/);
});
