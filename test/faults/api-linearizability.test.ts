/**
 * Clients race on few objects over HTTPS while the server is killed again and again. What they saw, over all crashes,
 * is linearizable object by object: create, update and delete by resourceVersion are compare-and-swap, get and list
 * are reads.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningEtcd, skipWithoutEtcd, startEtcd } from '../support/etcd.ts';
import { type Answer, type Ask, type HttpClient, httpClient } from '../support/http.ts';
import { freePort, type RunningServer, startServer } from '../support/server.ts';
import { explainHistory, type Operation, type Value } from './linearizability.ts';

/** `KILLS=50 node --test test/faults/api-linearizability.test.ts` is the long form. */
const kills = Number(process.env['KILLS'] ?? 5);
const clients = 6;
const names = ['a', 'b', 'c', 'd'];
const configMaps = '/api/v1/namespaces/default/configmaps';
const json = { 'content-type': 'application/json' };

interface ConfigMap {
  metadata: { name: string; resourceVersion: string };
  data: { value: string };
}

type Histories = ReadonlyMap<string, Operation[]>;
const nowUs = (): number => Number(process.hrtime.bigint() / 1000n);

for (const { store, skip } of [
  { store: 'sqlite', skip: false },
  { store: 'etcd', skip: skipWithoutEtcd },
] as const) {
  test(`${kills} kills over ${store}`, { skip, timeout: 30_000 + kills * 15_000 }, async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'nanoshift-linear-'));
    const etcd = store === 'etcd' ? await startEtcd() : undefined;
    const port = await freePort();
    const histories: Histories = new Map(names.map((name) => [name, []]));
    try {
      for (let round = 0; round <= kills; round++) {
        const server = await startServer({ dataDir, port, store, ...endpointOf(etcd) });
        await race(server, histories, round);
      }
    } finally {
      await etcd?.dispose();
      rmSync(dataDir, { recursive: true });
    }
    for (const [name, history] of histories) {
      assert.ok(history.length > kills * 10, `only ${history.length} operations on ${name}`);
      assert.deepEqual(explainHistory(history, null)?.slice(-5), undefined, `${name} is not linearizable`);
    }
  });
}

const endpointOf = (etcd: RunningEtcd | undefined): { etcdEndpoint?: string } =>
  etcd ? { etcdEndpoint: etcd.endpoint } : {};

/** Lets the clients run until the server is killed under them. */
async function race(server: RunningServer, histories: Histories, round: number): Promise<void> {
  let isKilled = false;
  const racing = Array.from({ length: clients }, async (_, number) => {
    const send = httpClient(server.kubeconfig);
    try {
      for (let step = 0; ; step++) await raceOnce(send, histories, `${round}.${number}.${step}`);
    } catch (error) {
      if (!isKilled || error instanceof assert.AssertionError) throw error;
    } finally {
      send.close();
    }
  });
  const settled = Promise.all(racing);
  try {
    await Promise.race([settled, sleep(200 + Math.random() * 500)]);
  } finally {
    isKilled = true;
    await server.stop('SIGKILL');
  }
  await settled;
}

/** Looks at an object, then replaces or deletes what was seen. Throws when the server does not answer. */
async function raceOnce(send: HttpClient, histories: Histories, value: string): Promise<void> {
  const name = names[Math.floor(Math.random() * names.length)] as string;
  const seen = Math.random() < 0.2 ? await readAll(send, name, histories) : await readOne(send, name, histories);
  const { ask, next } = change(name, seen, value);
  const operation: Operation = {
    ...{ type: 'swap', begin: nowUs(), end: Number.POSITIVE_INFINITY },
    ...{ expected: seen?.data.value ?? null, value: next },
  };
  // Told before it is answered: without an answer nobody knows whether it happened.
  const history = histories.get(name) as Operation[];
  history.push(operation);
  const answer = await send(ask);
  if ([200, 201].includes(answer.status)) operation.end = nowUs();
  else if ([404, 409].includes(answer.status)) history.splice(history.indexOf(operation), 1);
  else assert.fail(`${ask.method} ${ask.path}: ${answer.status} ${answer.text}`);
}

function change(name: string, seen: ConfigMap | undefined, value: string): { ask: Ask; next: Value } {
  const path = `${configMaps}/${name}`;
  const write = (object: object): string => JSON.stringify({ ...object, data: { value } });
  if (!seen) {
    return {
      ask: { method: 'POST', path: configMaps, headers: json, body: write({ metadata: { name } }) },
      next: value,
    };
  }
  const { resourceVersion } = seen.metadata;
  if (Math.random() < 0.2) {
    const body = JSON.stringify({ preconditions: { resourceVersion } });
    return { ask: { method: 'DELETE', path, headers: json, body }, next: null };
  }
  return {
    ask: { method: 'PUT', path, headers: json, body: write({ metadata: { name, resourceVersion } }) },
    next: value,
  };
}

async function readOne(send: HttpClient, name: string, histories: Histories): Promise<ConfigMap | undefined> {
  const begin = nowUs();
  const answer = await send({ path: `${configMaps}/${name}` });
  const found = answer.status === 404 ? undefined : objectOf<ConfigMap>(answer);
  histories.get(name)?.push({ type: 'read', begin, end: nowUs(), value: found?.data.value ?? null });
  return found;
}

async function readAll(send: HttpClient, name: string, histories: Histories): Promise<ConfigMap | undefined> {
  const begin = nowUs();
  const { items } = objectOf<{ items: ConfigMap[] }>(await send({ path: configMaps }));
  const end = nowUs();
  const found = new Map(items.map((item) => [item.metadata.name, item]));
  for (const [each, history] of histories) {
    history.push({ type: 'read', begin, end, value: found.get(each)?.data.value ?? null });
  }
  return found.get(name);
}

function objectOf<T>(answer: Answer): T {
  assert.equal(answer.status, 200, answer.text);
  return answer.json as T;
}
