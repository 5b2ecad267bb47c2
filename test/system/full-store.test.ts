/** A full store and a full disk: what is there is served, what makes room is taken, the rest is told to come back. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, type HttpClient, httpClient } from '../support/http.ts';
import { startServer } from '../support/server.ts';
import { skipWithoutMount, smallDisk } from '../support/small-disk.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const events = '/api/v1/namespaces/default/events';
const json = { 'content-type': 'application/json' };

const post = (send: HttpClient, path: string, object: object): Promise<Answer> =>
  send({ method: 'POST', path, headers: json, body: JSON.stringify(object) });
const fill = (send: HttpClient, name: string, bytes: number): Promise<Answer> =>
  post(send, configMaps, { metadata: { name }, data: { k: 'x'.repeat(bytes) } });
const replace = (send: HttpClient, path: string, object: object): Promise<Answer> =>
  send({ method: 'PUT', path, headers: json, body: JSON.stringify(object) });

/** Creates until no more is taken; returns the refusal and how many were made. */
async function fillUp(send: HttpClient, prefix: string, bytes: number): Promise<{ refusal: Answer; made: number }> {
  for (let made = 0; ; made++) {
    const answer = await fill(send, `${prefix}-${made}`, bytes);
    if (answer.status !== 201) return { refusal: answer, made };
    assert.ok(made < 1_000, 'never full');
  }
}

/** What upstream's clients take for "try again": 429, and when. */
function isRefusal(answer: Answer, message: RegExp): void {
  assert.equal(answer.status, 429, answer.text);
  assert.equal(answer.headers['retry-after'], '1');
  assert.equal(answer.json.reason, 'TooManyRequests');
  assert.match(String(answer.json.message), message);
}

const countOf = async (send: HttpClient, path: string): Promise<number> =>
  ((await send({ path })).json['items'] as unknown[]).length;

test('a full cache', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'nanoshift-full-'));
  const server = await startServer({ dataDir, profile: { cacheMib: 32, watchWindowMib: 1 } });
  const send = httpClient(server.kubeconfig);
  const node = '/api/v1/nodes/n';
  assert.equal((await post(send, '/api/v1/nodes', { metadata: { name: 'n' } })).status, 201);
  for (let i = 0; i < 100; i++) {
    const made = await post(send, events, {
      metadata: { name: `e${i}` },
      involvedObject: { kind: 'ConfigMap', namespace: 'default', name: 'full-0' },
      reason: 'Test',
      message: 'm'.repeat(1_000),
      type: 'Normal',
    });
    assert.equal(made.status, 201, made.text);
  }

  const { refusal, made } = await fillUp(send, 'full', 200_000);
  isRefusal(refusal, /^the cluster's object store is full: \S+ MiB of \S+ MiB are in use; delete objects before/);
  assert.ok(made > 40, `full after ${made} objects`);
  while ((await countOf(send, events)) > 0) await sleep(10);
  assert.match(server.output(), /nearly full: shed the oldest expendable objects/);
  assert.equal(await countOf(send, configMaps), made + 1);

  const path = `${configMaps}/full-0`;
  const grown = { metadata: { name: 'full-0' }, data: { k: 'x'.repeat(300_000) } };
  isRefusal(await replace(send, path, grown), /object store is full/);
  const conditions = [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'm'.repeat(2_000) }];
  const status = await replace(send, `${node}/status`, { metadata: { name: 'n' }, status: { conditions } });
  assert.equal(status.status, 200, status.text);
  const shrunk = await replace(send, path, { metadata: { name: 'full-0' }, data: { k: 'x' } });
  assert.equal(shrunk.status, 200, shrunk.text);
  for (const name of ['full-1', 'full-2', 'full-3', 'full-4', 'full-5', 'full-6']) {
    const answer = await send({ method: 'DELETE', path: `${configMaps}/${name}` });
    assert.equal(answer.status, 200, answer.text);
  }
  assert.equal((await fill(send, 'again', 200_000)).status, 201);
  send.close();
  assert.equal(await server.stop(), 0);

  await assert.rejects(
    startServer({ dataDir, profile: { cacheMib: 16, watchWindowMib: 1 } }),
    /ended with 1:[\s\S]*nanoshift: cannot use .*: the stored objects do not fit into the cache of \d+ bytes/,
  );
  const whole = await startServer({ dataDir, profile: { cacheMib: 32, watchWindowMib: 1 } });
  assert.equal(await whole.stop(), 0);
  rmSync(dataDir, { recursive: true });
});

test('a full disk', async (context) => {
  const disk = smallDisk(24);
  if (!disk) return context.skip(skipWithoutMount);
  const dataDir = join(disk.path, 'data');
  try {
    const server = await startServer({ dataDir });
    const send = httpClient(server.kubeconfig);
    assert.equal((await fill(send, 'first', 100_000)).status, 201);
    disk.fill();
    const { refusal, made } = await fillUp(send, 'full', 300_000);
    isRefusal(refusal, /^the object store cannot be written: database or disk is full$/);
    for (let i = 0; i < 3; i++) isRefusal(await fill(send, `more-${i}`, 300_000), /disk is full/);

    assert.equal((await send({ path: `${configMaps}/first` })).status, 200);
    assert.ok((await countOf(send, configMaps)) > made);
    assert.equal((await send({ path: '/readyz' })).status, 200);

    disk.makeRoom();
    assert.equal((await fill(send, 'after', 300_000)).status, 201);
    const count = await countOf(send, configMaps);
    send.close();
    assert.equal(await server.stop(), 0);

    const again = await startServer({ dataDir, port: server.port });
    const reader = httpClient(again.kubeconfig);
    assert.equal(await countOf(reader, configMaps), count);
    reader.close();
    assert.equal(await again.stop(), 0);
  } finally {
    disk.dispose();
  }
});
