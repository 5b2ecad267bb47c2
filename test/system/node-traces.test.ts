// Issue: ten restarts leave no mount, cgroup, rule or address behind, and `nanoshift cleanup` leaves nothing at all.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { type Dirent, mkdtempSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { dataPaths } from '../../src/config/index.ts';
import { podsGroup } from '../../src/kubelet/cgroups/names.ts';
import { inOwnNamespace } from '../support/own-namespace.ts';
import { nodeIsReady, type RunningNode, startNode, until } from '../support/node.ts';

const restarts = 10;
const path = '/api/v1/namespaces/default/pods';

interface Pod {
  status?: { phase?: string };
}

const pod = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'main',
        image: 'docker.io/nanoshift/hello:1',
        command: ['sleep', '1000000'],
        resources: { limits: { memory: '32Mi' } },
        volumeMounts: [{ name: 'memory', mountPath: '/memory' }],
      },
    ],
    volumes: [{ name: 'memory', emptyDir: { medium: 'Memory' } }],
  },
});

const output = async (command: string, ...args: string[]): Promise<string> =>
  (await promisify(execFile)(command, args)).stdout;

/** What a node puts on the machine, one line each, sorted. Counters, and whether a link has a carrier just now, are left out. */
async function traces(dataDir: string): Promise<string[]> {
  const { run } = dataPaths(dataDir);
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point.startsWith(dataDir) || point.startsWith(run))
    .map((point) => `mount ${point}`);
  const rules = (await output('nft', 'list', 'ruleset')).split('\n').map((line) => `rule ${line.trim()}`);
  const addresses = (await output('ip', '-brief', 'address', 'show')).split('\n').map(
    (line) =>
      `address ${line
        .replace(/fe80\S+/g, '')
        .replace(/@if\d+/, '')
        .replace(/ (UP|DOWN|LOWERLAYERDOWN) +/, ' ')
        .trim()}`,
  );
  const routes = (await output('ip', 'route', 'show'))
    .split('\n')
    .map((line) => `route ${line.replace('linkdown', '').trim()}`);
  return [...mounts, ...rules, ...addresses, ...routes, ...(await cgroups(dataDir))].sort();
}

/** Of this node only: other nodes on this machine have trees of their own. */
async function cgroups(dataDir: string): Promise<string[]> {
  const [tree = ''] = podsGroup(dataPaths(dataDir).kubelet);
  const found = await Promise.all(
    (await readdir('/sys/fs/cgroup')).map(async (root) => {
      const top = `/sys/fs/cgroup/${root}/${tree}`;
      const entries = await readdir(top, { recursive: true, withFileTypes: true }).catch((): Dirent[] => []);
      const groups = entries.filter((entry) => entry.isDirectory());
      return groups.map(({ parentPath, name }) => `cgroup ${parentPath}/${name}`);
    }),
  );
  return found.flat();
}

function same(found: readonly string[], wanted: readonly string[]): void {
  const more = found.filter((line) => !wanted.includes(line));
  const missing = wanted.filter((line) => !found.includes(line));
  assert.deepEqual({ more, missing, count: found.length }, { more: [], missing: [], count: wanted.length });
}

async function runTwoPods(node: RunningNode): Promise<void> {
  for (const name of ['one', 'two']) await node.ask('POST', path, pod(name));
  await until('both run', async () => {
    const { items } = await node.ask<{ items: Pod[] }>('GET', path);
    return items.length === 2 && items.every(({ status }) => status?.phase === 'Running');
  });
}

async function removePods(node: RunningNode): Promise<void> {
  await node.ask('DELETE', path);
  await until('they are gone', async () => (await node.ask<{ items: Pod[] }>('GET', path)).items.length === 0);
}

inOwnNamespace(import.meta.url, () => {
  test(`${restarts} restarts leave nothing behind; cleanup leaves nothing at all`, async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'ns-traces-'));
    const before = await traces(dataDir);
    const node = await startNode({ dataDir });
    try {
      await runTwoPods(node);
      await removePods(node);
      const once = await traces(dataDir);
      await runTwoPods(node);
      const withPods = await traces(dataDir);
      for (let round = 0; round < restarts; round++) {
        await node.restart(round % 2 === 0 ? 'SIGTERM' : 'SIGKILL');
        await nodeIsReady(node);
      }
      same(await traces(dataDir), withPods);
      await removePods(node);
      same(await traces(dataDir), once);
    } finally {
      await node.dispose();
    }
    same(await traces(dataDir), before);
  });
});
