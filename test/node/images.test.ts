/** Images for real: built here, imported, pulled from a registry, run. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { secrets } from '../../src/client/index.ts';
import { defaultBudget } from '../../src/config/index.ts';
import { FakeCluster } from '../../src/controllers/testing.ts';
import { silentLogger } from '../../src/kernel/index.ts';
import type { CriClient } from '../../src/kubelet/cri/index.ts';
import {
  createImageManager,
  ensurePauseImage,
  ImageImportError,
  importImage,
  ownArchitecture,
  pauseNames,
  writeImage,
} from '../../src/kubelet/images/index.ts';
import type { ImageManager, PodStartError } from '../../src/kubelet/types.ts';
import type { Container, Pod } from '../../src/schema/generated/index.ts';
import { effectiveUidProgram } from '../../scripts/images/effective-uid.ts';
import { inOwnNamespace } from '../support/own-namespace.ts';
import { RuntimeNode, statusOf, until } from './runtime-support.ts';

const run = promisify(execFile);
const architecture = ownArchitecture();

inOwnNamespace(import.meta.url, () => {
  test('the sandbox image is imported once and then found', async () => {
    await using node = new RuntimeNode();
    const { cri, socketPath } = await node.open();
    for (const image of pauseNames) await cri.call('RemoveImage', { image: { image } });
    const options = { cri, socketPath, folder: node.paths.run, log: silentLogger };
    await ensurePauseImage(options);
    const first = await until('the image', () => cri.call('ImageStatus', { image: { image: pauseNames[1] } }), found);
    assert.deepEqual(first.image?.uid, { value: 65535 });
    const beganMs = performance.now();
    await ensurePauseImage(options);
    console.log(`found again in ${Math.round(performance.now() - beganMs)} ms`);
  });

  test('the sandbox program takes in orphans and ends at once when it is asked to', async () => {
    await using node = new RuntimeNode();
    const { cri } = await node.open();
    const metadata = { name: 'shared', namespace: 'test', uid: 'shared', attempt: 0 };
    const pidOfPod = { namespaceOptions: { pid: 'POD' as const } };
    const config = { metadata, hostname: 'shared', logDirectory: node.root, linux: { securityContext: pidOfPod } };
    const { podSandboxId } = await cri.call('RunPodSandbox', { config });
    // An orphan a turn, for one second; then what is left of them.
    const script =
      'for i in 1 2 3 4 5 6 7 8 9 10; do sh -c "sleep 0.05 & exit 0"; done; sleep 1; cat /proc/[0-9]*/stat';
    const { containerId } = await cri.call('CreateContainer', {
      podSandboxId,
      sandboxConfig: config,
      config: {
        metadata: { name: 'c', attempt: 0 },
        image: { image: 'localhost/busybox:test' },
        command: ['sh', '-c', script],
        logPath: 'orphans.log',
        linux: { securityContext: pidOfPod },
      },
    });
    await cri.call('StartContainer', { containerId });
    await until(
      'its end',
      () => statusOf(cri, containerId),
      ({ state }) => state === 'CONTAINER_EXITED',
    );
    const states = readFileSync(join(node.root, 'orphans.log'), 'utf8')
      .split('\n')
      .flatMap((line) => /F (\d+) \((.*)\) (\S)/.exec(line)?.slice(1, 4).join(' ') ?? []);
    assert.ok(
      states.some((line) => line.startsWith('1 pause ')),
      states.join('; '),
    );
    assert.ok(!states.some((line) => line.endsWith(' Z')), states.join('; '));
    const beganMs = performance.now();
    await cri.call('StopPodSandbox', { podSandboxId });
    assert.ok(performance.now() - beganMs < 5_000);
    await cri.call('RemovePodSandbox', { podSandboxId });
  });

  for (const [noNewPrivs, uid] of [
    [false, 0],
    [true, 1000],
  ] as const) {
    test(`a set-uid program keeps its mode: with noNewPrivs ${noNewPrivs} it runs as ${uid}`, async () => {
      await using node = new RuntimeNode();
      const { cri, socketPath } = await node.open();
      const file = join(node.root, 'uid.tar');
      const program = effectiveUidProgram(architecture!);
      const layers = [[{ type: 'file' as const, path: 'uid', mode: 0o6755, content: program }]];
      await writeImage({ names: ['localhost/uid:1'], architecture: architecture!, config: {}, layers }, file);
      assert.deepEqual(await importImage(socketPath, file), ['localhost/uid:1']);
      const log = await output(cri, node, { image: 'localhost/uid:1', command: ['/uid'], noNewPrivs });
      assert.match(log, new RegExp(`Effective uid: ${uid}\n`));
    });
  }

  test('what is no archive is refused in one line', async () => {
    await using node = new RuntimeNode();
    const { socketPath } = await node.open();
    const file = join(node.root, 'bad.tar');
    writeFileSync(file, 'not an archive');
    await assert.rejects(importImage(socketPath, file), (error) => {
      assert.ok(error instanceof ImageImportError);
      assert.ok(!error.message.includes('\n'));
      return true;
    });
  });

  test('pulls: by policy, with credentials, refused and missing', async (t) => {
    await using node = new RuntimeNode();
    const { cri } = await node.open();
    const registry = await startRegistry(node);
    t.after(() => registry.stop());
    const { manager, events, cluster } = imageManager(node, cri);
    const ensure = (image: string, more: Partial<Container> = {}, names: string[] = []) =>
      ensureOne(manager, { name: 'c', image, imagePullPolicy: 'IfNotPresent', ...more }, names);

    const pulled = await ensure('registry.example/open:1');
    assert.match(pulled.imageRef, /^sha256:[0-9a-f]{64}$/);
    assert.match(
      events.at(-1) ?? '',
      /^Pulled: Successfully pulled image .* in \S+ \(\S+ including waiting\)\. Image size: \d+ bytes\.$/,
    );
    await ensure('registry.example/open:1');
    assert.match(events.at(-1) ?? '', /already present on machine/);
    const asked = registry.requests.length;
    await ensure('registry.example/open:1', { imagePullPolicy: 'Always' });
    assert.ok(registry.requests.length > asked);

    await assert.rejects(ensure('registry.example/none:1'), (error: PodStartError) => {
      assert.equal(error.reason, 'ErrImagePull');
      assert.match(error.message, /^rpc error: code = NotFound desc = failed to pull and unpack image/);
      return true;
    });
    await assert.rejects(ensure('registry.example/none:1'), { reason: 'ImagePullBackOff' });

    await assert.rejects(ensure('registry.example/closed:1'), { reason: 'ErrImagePull' });
    const admin = cluster.clientFor('admin');
    await admin.create({ group: '', version: 'v1', resource: 'namespaces' }, { metadata: { name: 'default' } });
    const auths = { 'registry.example': { username: 'me', password: 'secret' } };
    const data = { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') };
    const secret = { metadata: { name: 'pull' }, type: 'kubernetes.io/dockerconfigjson', data };
    await admin.create(secrets, secret, { namespace: 'default' });
    cluster.clock.advance(10_000);
    await ensure('registry.example/closed:1', {}, ['pull']);
    await ensure('registry.example/closed:1', {}, ['pull']);
    assert.match(events.at(-1) ?? '', /can be accessed by the pod/);
    // It lies there, but was pulled with a secret.
    await assert.rejects(ensure('registry.example/closed:1'), { reason: 'ErrImagePull' });
    await assert.rejects(ensure('registry.example/closed:1', { imagePullPolicy: 'Never' }), {
      reason: 'ErrImageNeverPull',
    });
  });
});

const found = ({ image }: { image?: unknown }): boolean => image !== undefined;

/** What a container in the host's network writes. */
async function output(
  cri: CriClient,
  { root }: RuntimeNode,
  { image, command, noNewPrivs }: { image: string; command: string[]; noNewPrivs: boolean },
): Promise<string> {
  const options = { namespaceOptions: { network: 'NODE' as const } };
  const config = {
    metadata: { name: 'one', namespace: 'test', uid: 'one', attempt: 0 },
    logDirectory: root,
    linux: { securityContext: options },
  };
  const { podSandboxId } = await cri.call('RunPodSandbox', { config });
  const { containerId } = await cri.call('CreateContainer', {
    podSandboxId,
    sandboxConfig: config,
    config: {
      metadata: { name: 'c', attempt: 0 },
      image: { image },
      command,
      logPath: 'one.log',
      linux: { securityContext: { ...options, noNewPrivs, runAsUser: { value: 1000 } } },
    },
  });
  await cri.call('StartContainer', { containerId });
  await until(
    'its end',
    () => statusOf(cri, containerId),
    ({ state }) => state === 'CONTAINER_EXITED',
  );
  return readFileSync(join(root, 'one.log'), 'utf8');
}

function imageManager(
  node: RuntimeNode,
  cri: CriClient,
): { manager: ImageManager; events: string[]; cluster: FakeCluster } {
  const cluster = new FakeCluster();
  const events: string[] = [];
  const manager = createImageManager({
    client: cluster.clientFor('system:node:n'),
    clock: cluster.clock,
    log: silentLogger,
    cri,
    recorder: { event: (_subject, _type, reason, message) => events.push(`${reason}: ${message}`) },
    budget: defaultBudget,
    nodeName: 'n',
    nodeIPs: [],
    paths: { root: join(node.root, 'kubelet'), podLogs: '' },
  });
  return { manager, events, cluster };
}

function ensureOne(manager: ImageManager, container: Container, names: readonly string[]) {
  const imagePullSecrets = names.map((name) => ({ name }));
  const metadata = { name: 'p', namespace: 'default', uid: 'u' };
  const pod: Pod = { metadata, spec: { containers: [container], imagePullSecrets } };
  return manager.ensure(pod, container);
}

/** A registry for every host name, with two images; `closed` wants me:secret. */
async function startRegistry(node: RuntimeNode): Promise<{ requests: string[]; stop(): void }> {
  const folder = join(node.root, 'registry');
  const archive = join(node.root, 'registry.tar');
  const layers = [[{ type: 'file' as const, path: 'a', content: Buffer.from('a') }]];
  await writeImage({ names: ['a:1'], architecture: architecture!, config: {}, layers }, archive);
  mkdirSync(folder);
  await run('tar', ['-xf', archive, '-C', folder]);
  const blob = (digest: string): Buffer => readFileSync(join(folder, 'blobs', digest.replace(':', '/')));
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
  const manifest = index.manifests[0]?.digest ?? '';
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    answer(request, response, { manifest, blob });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const hosts = join(node.paths.containerd, 'certs.d/_default');
  mkdirSync(hosts, { recursive: true });
  writeFileSync(
    join(hosts, 'hosts.toml'),
    `server = "${url}"\n[host."${url}"]\n  capabilities = ["pull", "resolve"]\n`,
  );
  return { requests, stop: () => server.close().closeAllConnections() };
}

const basic = `Basic ${Buffer.from('me:secret').toString('base64')}`;

function answer(
  { url = '', headers, method }: IncomingMessage,
  response: ServerResponse,
  { manifest, blob }: { manifest: string; blob(digest: string): Buffer },
): void {
  const [, name = '', kind = '', reference = ''] = /^\/v2\/(open|closed)\/(manifests|blobs)\/([^?]+)/.exec(url) ?? [];
  if (!name) return void response.writeHead(404).end();
  if (name === 'closed' && headers.authorization !== basic) {
    return void response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end();
  }
  const digest = kind === 'manifests' && !reference.startsWith('sha256:') ? manifest : reference;
  const body = blob(digest);
  const type = kind === 'manifests' ? 'application/vnd.oci.image.manifest.v1+json' : 'application/octet-stream';
  response.writeHead(200, { 'content-type': type, 'content-length': body.length, 'docker-content-digest': digest });
  response.end(method === 'HEAD' ? undefined : body);
}
