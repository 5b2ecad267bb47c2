/** `nanoshift cleanup` after a node with pods: nothing stays on the machine but what was asked to stay. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { dataPaths } from '../../src/config/index.ts';
import type { Pod } from '../../src/schema/generated/index.ts';
import { type RunningNode, startNode, until } from '../support/node.ts';
import { inOwnNamespace } from '../support/own-namespace.ts';
import { runCommand } from '../support/server.ts';
import { processesWith } from './runtime-support.ts';

const run = promisify(execFile);
const pods = '/api/v1/namespaces/default/pods';

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web' },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'web',
        image: 'docker.io/nanoshift/hello:1',
        ports: [{ containerPort: 8080, hostPort: 18080 }],
        volumeMounts: [{ name: 'memory', mountPath: '/memory' }],
      },
    ],
    volumes: [{ name: 'memory', emptyDir: { medium: 'Memory' } }],
  },
};

const isRunning = (node: RunningNode): Promise<void> =>
  until('the pod runs', async () => {
    const { status } = await node.ask<Pod>('GET', `${pods}/web`);
    return status?.containerStatuses?.[0]?.state?.running !== undefined;
  });

async function withPod(t: TestContext) {
  const dataDir = mkdtempSync(join(tmpdir(), 'nsc-'));
  const paths = dataPaths(dataDir);
  const node = await startNode({ dataDir });
  // Beside the data, since it is needed when the data is gone.
  const config = `${dataDir}.yaml`;
  copyFileSync(join(dataDir, 'test-config.yaml'), config);
  const flags = ['--config', config, '--data-dir', dataDir];
  const cleanup = (...more: string[]) => runCommand('cleanup', ...more, ...flags);
  t.after(async () => {
    await node.stop();
    await cleanup('--all');
    for (const path of [dataDir, config]) rmSync(path, { recursive: true, force: true });
  });
  await node.ask('POST', pods, pod);
  await isRunning(node);
  return { node, paths, cleanup, flags };
}

/** What a node leaves on a machine, outside its data directory. */
async function traces(root: string): Promise<string[]> {
  const { stdout: links } = await run('ip', ['-brief', 'address']);
  const { stdout: rules } = await run('nft', ['list', 'tables']);
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(root));
  const { run: sockets } = dataPaths(root);
  return [
    ...links
      .split('\n')
      .filter((line) => line !== '' && !/^(lo +UNKNOWN +127\.0\.0\.1\/8 ::1\/128 *$|eth[01]@)/.test(line)),
    ...rules.split('\n').filter(Boolean),
    ...mounts,
    ...processesWith(root).filter((line) => line.includes('containerd')),
    ...processesWith(sockets),
    ...(existsSync(sockets) ? [sockets] : []),
  ];
}

inOwnNamespace(import.meta.url, () => {
  test('refused while nanoshift runs; then pods, runtime and network go, store and images stay', async (t) => {
    const { node, paths, cleanup, flags } = await withPod(t);
    const refused = await cleanup();
    assert.equal(refused.code, 1);
    assert.match(refused.output, /^nanoshift: nanoshift runs on \S+ \(process \d+\); stop it first\n$/);
    await node.stop();
    assert.notDeepEqual(await traces(paths.root), []);
    const images = await runCommand('images', 'list', ...flags);
    assert.match(images.output, /^docker\.io\/nanoshift\/hello +1 +[0-9a-f]{13} +1\.\d+MB$/m);

    const cleaned = await cleanup();
    assert.equal(cleaned.code, 0, cleaned.output);
    assert.match(cleaned.output, /^removed 1 pods.*\n(removed .*\n)+Cleanup succeeded\n$/);
    assert.deepEqual(await traces(paths.root), []);
    for (const gone of [paths.kubelet, paths.podLogs]) assert.ok(!existsSync(gone), gone);
    for (const kept of [paths.database, paths.certs, paths.kubeconfig]) assert.ok(existsSync(kept), kept);
    const without = await runCommand('images', 'list', ...flags);
    assert.match(without.output, /^nanoshift: no container runtime answers for \S+; is nanoshift running\?\n$/);
    assert.equal((await cleanup()).code, 0);

    // The cluster still knows of the pod; its image is still there.
    await node.restart();
    await isRunning(node);
  });

  test('--cert takes the certificates as well, --all everything; what is unclear is refused', async (t) => {
    const { node, paths, cleanup } = await withPod(t);
    await node.stop('SIGKILL');
    for (const flags of [['--all', '--ovn'], ['--keep-images'], ['--cert', '--keep-images']]) {
      const { code, output } = await cleanup(...flags);
      assert.deepEqual([code, output.includes('usage: nanoshift cleanup')], [1, true]);
    }
    assert.equal((await cleanup('--cert')).code, 0);
    assert.ok(!existsSync(paths.certs) && existsSync(paths.database));
    assert.equal((await cleanup('--all', '--keep-images')).code, 0);
    assert.deepEqual(readdirSync(paths.root), ['containerd']);
    assert.equal((await cleanup('--all')).code, 0);
    assert.ok(!existsSync(paths.root));
    assert.deepEqual(await traces(paths.root), []);
  });
});
