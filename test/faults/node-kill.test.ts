// Issue: a crash of nanoshift or of containerd at any moment. Running containers are adopted (same ids, restart counts
// unchanged), nothing is started twice, nothing acknowledged is lost, and nothing is left behind at the end.
// NODE_KILLS says how often (default 4 of each).
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { dataPaths } from '../../src/config/index.ts';
import { inOwnNamespace } from '../support/own-namespace.ts';
import { nodeIsReady, type RunningNode, startNode, until } from '../support/node.ts';
import { skipWithoutEtcd, startEtcd } from '../support/etcd.ts';

const kills = Number(process.env['NODE_KILLS'] ?? 4);
const path = '/api/v1/namespaces/default/pods';
const image = 'docker.io/nanoshift/hello:1';

interface Pod {
  metadata: { name: string; uid: string; deletionTimestamp?: string };
  status?: {
    phase?: string;
    containerStatuses?: { containerID?: string; restartCount: number; state?: { running?: object } }[];
  };
}

const podOf = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image, command: ['sleep', '1000000'] }],
  },
});

const list = async (node: RunningNode): Promise<Pod[]> => (await node.ask<{ items: Pod[] }>('GET', path)).items;

const isRunning = ({ status }: Pod): boolean =>
  status?.phase === 'Running' && status.containerStatuses?.[0]?.state?.running !== undefined;

/** What must not change: container id and restart count by pod. */
const identities = (pods: readonly Pod[]): Record<string, string> =>
  Object.fromEntries(
    pods
      .filter(({ metadata }) => metadata.name.startsWith('stay-'))
      .map(({ metadata, status }) => {
        const [container] = status?.containerStatuses ?? [];
        return [metadata.name, `${container?.containerID} ${container?.restartCount}`];
      }),
  );

/** Pods that the API has acknowledged, and deletions that it has. */
class Churn {
  readonly wanted = new Set<string>();
  readonly unsure = new Set<string>();
  readonly #node: RunningNode;
  #next = 0;
  #running = true;
  #done: Promise<void>;

  constructor(node: RunningNode) {
    this.#node = node;
    this.#done = this.#go();
  }

  async #go(): Promise<void> {
    while (this.#running) {
      const oldest = [...this.wanted][0];
      const name = this.wanted.size >= 4 && oldest ? oldest : `churn-${this.#next++}`;
      const isDelete = this.wanted.has(name);
      this.unsure.add(name);
      try {
        if (isDelete) await this.#node.ask('DELETE', `${path}/${name}`);
        else await this.#node.ask('POST', path, podOf(name));
        this.unsure.delete(name);
        if (!isDelete) this.wanted.add(name);
      } catch {
        await new Promise((done) => setTimeout(done, 50));
      }
      if (isDelete) this.wanted.delete(name);
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  stop(): Promise<void> {
    this.#running = false;
    return this.#done;
  }
}

/** Running tasks in the runtime that belong to one container of one pod: never two. */
async function doubled(node: RunningNode): Promise<string[]> {
  const socket = `${dataPaths(node.dataDir).run}/containerd.sock`;
  const ctr = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)('ctr', ['-a', socket, '-n', 'k8s.io', ...args])).stdout;
  const running = (await ctr('tasks', 'list'))
    .split('\n')
    .filter((line) => line.includes('RUNNING'))
    .map((line) => line.split(/\s+/)[0] ?? '');
  const seen = new Map<string, number>();
  for (const id of running) {
    const info = await ctr('containers', 'info', id).catch(() => '{}');
    const labels = (JSON.parse(info) as { Labels?: Record<string, string> }).Labels ?? {};
    const name = labels['io.kubernetes.container.name'];
    if (!name) continue;
    const key = `${labels['io.kubernetes.pod.name']}/${labels['io.kubernetes.pod.uid']}/${name}`;
    seen.set(key, (seen.get(key) ?? 0) + 1);
  }
  return [...seen].filter(([, count]) => count > 1).map(([key]) => key);
}

async function containerdOf(node: RunningNode): Promise<number> {
  const config = `${dataPaths(node.dataDir).run}/containerd.toml`;
  for (const pid of await readdir('/proc')) {
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (words.includes(config) && words[0]?.endsWith('containerd')) return Number(pid);
  }
  throw new Error('containerd does not run');
}

async function crashAgainAndAgain(node: RunningNode, crash: () => Promise<void>): Promise<void> {
  for (const name of ['stay-0', 'stay-1', 'stay-2']) await node.ask('POST', path, podOf(name));
  await until('the pods run', async () => (await list(node)).filter(isRunning).length === 3);
  const before = identities(await list(node));
  const churn = new Churn(node);
  try {
    for (let round = 0; round < kills; round++) {
      await new Promise((done) => setTimeout(done, 100 + Math.random() * 1900));
      await crash();
      await nodeIsReady(node);
      assert.deepEqual(await doubled(node), [], `round ${round}`);
    }
  } finally {
    await churn.stop();
  }
  for (const name of churn.wanted) {
    await until(`${name} runs`, async () => {
      const found = (await list(node)).find(({ metadata }) => metadata.name === name);
      assert.ok(found, `${name} was acknowledged and is lost`);
      return isRunning(found);
    });
  }
  await until('deleted pods are gone', async () => {
    const names = (await list(node)).map(({ metadata }) => metadata.name);
    return names.every((name) => name.startsWith('stay-') || churn.wanted.has(name) || churn.unsure.has(name));
  });
  assert.deepEqual(identities(await list(node)), before);
  assert.deepEqual(await doubled(node), []);
}

inOwnNamespace(import.meta.url, () => {
  test(`kill -9 of nanoshift, ${kills} times`, async () => {
    const node = await startNode();
    try {
      await crashAgainAndAgain(node, () => node.restart('SIGKILL'));
    } finally {
      await node.dispose();
    }
  });

  test(`kill -9 of containerd, ${kills} times`, async () => {
    const node = await startNode();
    try {
      await crashAgainAndAgain(node, async () => {
        const pid = await containerdOf(node);
        process.kill(pid, 'SIGKILL');
        await until('containerd runs again', async () => (await containerdOf(node).catch(() => pid)) !== pid);
        await until('it answers', () =>
          doubled(node).then(
            () => true,
            () => false,
          ),
        );
      });
    } finally {
      await node.dispose();
    }
  });

  test(`kill -9 of nanoshift over etcd, ${kills} times`, { skip: skipWithoutEtcd }, async () => {
    const etcd = await startEtcd();
    try {
      const node = await startNode({ store: 'etcd', etcdEndpoint: etcd.endpoint });
      try {
        await crashAgainAndAgain(node, () => node.restart('SIGKILL'));
      } finally {
        await node.dispose();
      }
    } finally {
      await etcd.dispose();
    }
  });
});
