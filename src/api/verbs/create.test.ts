import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at } from '../testing/exchange.ts';
import { testCluster } from '../testing/cluster.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const map = (name: string, more: object = {}): object => ({ metadata: { name, ...more } });

test('a create answers 201 with uid, time, revision and managed fields', async () => {
  const cluster = await testCluster();
  const answer = await cluster.ask('POST', maps, {
    body: {
      metadata: { name: 'a', uid: 'mine', creationTimestamp: '2001-01-01T00:00:00Z', selfLink: '/x' },
      data: { k: 'v' },
    },
    headers: { 'user-agent': 'kubectl/v1.36 (linux)' },
  });
  assert.equal(answer.status, 201);
  assert.equal(answer.headers.get('content-type'), 'application/json');
  assert.equal(answer.headers.get('cache-control'), 'no-cache, private');
  assert.match(answer.headers.get('audit-id')!, /^[0-9a-f-]{36}$/);
  assert.equal(at(answer.json, 'kind'), 'ConfigMap');
  assert.equal(at(answer.json, 'metadata.creationTimestamp'), '2026-01-01T00:00:00Z');
  assert.match(String(at(answer.json, 'metadata.uid')), /^[0-9a-f-]{36}$/);
  assert.equal(at(answer.json, 'metadata.resourceVersion'), '1');
  assert.equal(at(answer.json, 'metadata.selfLink'), undefined);
  assert.equal(at(answer.json, 'metadata.managedFields.0.manager'), 'kubectl');
  assert.ok(answer.text.endsWith('}\n'));
  await cluster.close();
});

const refusals: readonly {
  rule: string;
  body: object;
  target?: string;
  status: number;
  reason?: string;
  message: string | RegExp;
}[] = [
  {
    rule: 'a name is needed',
    body: { metadata: {} },
    status: 422,
    reason: 'Invalid',
    message: 'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
  },
  {
    rule: 'the name must be a DNS subdomain',
    body: map('A_'),
    status: 422,
    reason: 'Invalid',
    message:
      /^ConfigMap "A_" is invalid: metadata.name: Invalid value: "A_": a lowercase RFC 1123 subdomain must consist/,
  },
  {
    rule: 'the namespace of body and path agree',
    body: map('a', { namespace: 'other' }),
    status: 400,
    reason: 'BadRequest',
    message: 'the namespace of the provided object does not match the namespace sent on the request',
  },
  {
    rule: "resourceVersion is the server's",
    body: map('a', { resourceVersion: '7' }),
    status: 500,
    message: 'resourceVersion should not be set on objects to be created',
  },
  {
    rule: 'labels are checked',
    body: map('a', { labels: { 'a b': 'c' } }),
    status: 422,
    reason: 'Invalid',
    message: /metadata.labels: Invalid value: "a b": name part must consist/,
  },
  {
    rule: 'annotations have a total limit',
    body: map('a', { annotations: { big: 'x'.repeat(300 << 10) } }),
    status: 422,
    reason: 'Invalid',
    message: 'ConfigMap "a" is invalid: metadata.annotations: Too long: may not be more than 262144 bytes',
  },
  {
    rule: 'finalizers are qualified names',
    body: map('a', { finalizers: ['no slash'] }),
    status: 422,
    reason: 'Invalid',
    message: /metadata.finalizers: Invalid value: "no slash": name part must consist/,
  },
  {
    rule: 'an owner must be named',
    body: map('a', { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: '', uid: 'u' }] }),
    status: 422,
    reason: 'Invalid',
    message: 'ConfigMap "a" is invalid: metadata.ownerReferences.name: Invalid value: "": must not be empty',
  },
  {
    rule: 'another kind is refused',
    body: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } },
    status: 400,
    reason: 'BadRequest',
    message: /^Secret in version "v1" cannot be handled as a ConfigMap: /,
  },
  {
    rule: 'another version is refused',
    body: { apiVersion: 'v2', kind: 'ConfigMap', metadata: { name: 'a' } },
    status: 400,
    reason: 'BadRequest',
    message:
      /^ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v2"/,
  },
  {
    rule: 'unknown dryRun values are refused',
    target: `${maps}?dryRun=Some`,
    body: map('a'),
    status: 422,
    reason: 'Invalid',
    message: /^CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value/,
  },
  {
    rule: 'strict validation refuses unknown fields',
    target: `${maps}?fieldValidation=Strict`,
    body: { ...map('a'), foo: 1, data: { k: 'v' } },
    status: 400,
    reason: 'BadRequest',
    message: 'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "foo"',
  },
  {
    rule: 'unknown values of fieldValidation are refused',
    target: `${maps}?fieldValidation=Maybe`,
    body: map('a'),
    status: 422,
    reason: 'Invalid',
    message: /fieldValidation: Unsupported value: "Maybe": supported values: "", "Ignore", "Strict", "Warn"/,
  },
];

for (const { rule, body, target = maps, status, reason, message } of refusals) {
  test(`create: ${rule}`, async () => {
    const cluster = await testCluster();
    const answer = await cluster.ask('POST', target, { body });
    const text = String(at(answer.json, 'message'));
    if (typeof message === 'string') assert.equal(text, message);
    else assert.match(text, message);
    assert.equal(answer.status, status);
    assert.equal(at(answer.json, 'reason'), reason);
    assert.equal(at(answer.json, 'code'), status);
    await cluster.close();
  });
}

test('a taken name answers 409, and says when its holder is going', async () => {
  const cluster = await testCluster();
  await cluster.ask('POST', maps, { body: map('a', { finalizers: ['x.io/y'] }) });
  const again = await cluster.ask('POST', maps, { body: map('a') });
  assert.equal(again.status, 409);
  assert.equal(at(again.json, 'reason'), 'AlreadyExists');
  assert.equal(at(again.json, 'message'), 'configmaps "a" already exists');
  await cluster.ask('DELETE', `${maps}/a`);
  const going = await cluster.ask('POST', maps, { body: map('a') });
  assert.equal(at(going.json, 'message'), 'object is being deleted: configmaps "a" already exists');
  await cluster.close();
});

test('generateName makes names of at most 63 characters', async () => {
  const cluster = await testCluster();
  const base = `${'x'.repeat(60)}-`;
  const answer = await cluster.ask('POST', maps, { body: { metadata: { generateName: base } } });
  assert.equal(answer.status, 201);
  assert.match(String(at(answer.json, 'metadata.name')), /^x{58}[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  await cluster.close();
});

test('a dry run checks everything and stores nothing', async () => {
  const cluster = await testCluster();
  const dry = await cluster.ask('POST', `${maps}?dryRun=All`, { body: map('a') });
  assert.equal(dry.status, 201);
  assert.equal(at(dry.json, 'metadata.resourceVersion'), undefined);
  assert.equal((await cluster.ask('GET', `${maps}/a`)).status, 404);
  const bad = await cluster.ask('POST', `${maps}?dryRun=All`, { body: map('A_') });
  assert.equal(bad.status, 422);
  await cluster.close();
});

test('unknown fields warn by default and are silent when ignored', async () => {
  const cluster = await testCluster();
  const warned = await cluster.ask('POST', maps, { body: { ...map('a'), foo: 1 } });
  assert.deepEqual(warned.warnings, ['299 - "unknown field \\"foo\\""']);
  const silent = await cluster.ask('POST', `${maps}?fieldValidation=Ignore`, { body: { ...map('b'), foo: 1 } });
  assert.deepEqual(silent.warnings, []);
  await cluster.close();
});

test('repeated owner references are dropped with a warning', async () => {
  const cluster = await testCluster();
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' };
  const answer = await cluster.ask('POST', maps, { body: map('a', { ownerReferences: [owner, owner] }) });
  assert.equal(answer.status, 201);
  assert.equal((at(answer.json, 'metadata.ownerReferences') as unknown[]).length, 1);
  assert.match(answer.warnings[0]!, /contains duplicate entries; API server dedups .*duplicate UID\(s\) observed: u/);
  await cluster.close();
});

test('the chain sees a create in order, and may change it', async () => {
  const seen: string[] = [];
  const cluster = await testCluster({
    admission: [
      {
        name: 'first',
        handles: (operation) => operation === 'CREATE',
        admit: (request) => {
          seen.push(`admit ${request.name}`);
          request.object!.metadata.labels = { touched: 'yes' };
        },
        validate: (request) => {
          seen.push(
            `validate ${request.object!.metadata.labels!['touched']} ${request.object!.metadata.uid !== undefined}`,
          );
        },
      },
    ],
  });
  const answer = await cluster.ask('POST', maps, { body: map('a') });
  assert.equal(at(answer.json, 'metadata.labels.touched'), 'yes');
  assert.deepEqual(seen, ['admit a', 'validate yes true']);
  await cluster.close();
});

test("generation begins at 1 and status is the server's", async () => {
  const cluster = await testCluster();
  const answer = await cluster.ask('POST', '/api/v1/namespaces/default/pods', {
    body: { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] }, status: { phase: 'Running' } },
  });
  assert.equal(at(answer.json, 'metadata.generation'), 1);
  assert.equal(at(answer.json, 'status.phase'), 'Pending');
  await cluster.close();
});
