/** What keeps the program from starting is told in one line, with exit code 1 and within seconds; what can be mended is. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { apiRequest } from '../support/api-request.ts';
import { freePort, runCommandAs, startServer } from '../support/server.ts';
import { skipWithoutMount, smallDisk } from '../support/small-disk.ts';

const limitMs = 8_000;
const folder = mkdtempSync(join(tmpdir(), 'nanoshift-start-'));
after(() => rmSync(folder, { recursive: true }));
/** A data directory that has been in use. */
const used = join(folder, 'used');
const database = 'store/nanoshift.db';
const configMaps = '/api/v1/namespaces/default/configmaps';
const object = (name: string, bytes = 10): object => ({ metadata: { name }, data: { k: 'x'.repeat(bytes) } });

before(async () => {
  const server = await startServer({ dataDir: used });
  for (let i = 0; i < 50; i++) await apiRequest(server.kubeconfig, 'POST', configMaps, object(`c${i}`, 5_000));
  assert.equal(await server.stop(), 0);
});

/** A copy of its own of the used data directory. */
function copyOfUsed(): string {
  const copy = mkdtempSync(join(folder, 'copy-'));
  cpSync(used, copy, { recursive: true });
  return copy;
}

async function refuses(dataDir: string, line: RegExp, config = '', options: { uid?: number } = {}): Promise<void> {
  const file = join(mkdtempSync(join(folder, 'config-')), 'config.yaml');
  writeFileSync(file, `apiServer: {port: ${await freePort()}}\nruntime: {mode: none}\n${config}`);
  chmodSync(join(file, '..'), 0o755);
  const beganMs = performance.now();
  const { code, output } = await runCommandAs(options, 'run', '--config', file, '--data-dir', dataDir);
  assert.ok(performance.now() - beganMs < limitMs, 'took too long');
  const [complaint = '', ...more] = output.split('\n').filter((text) => text !== '' && !text.startsWith('{'));
  assert.match(complaint, line, output);
  assert.deepEqual(more, [], 'more than one line');
  assert.equal(code, 1);
}

describe('a database that cannot be used', () => {
  test('because another process uses it', async () => {
    const server = await startServer({ dataDir: copyOfUsed() });
    await refuses(server.dataDir, /^nanoshift: cannot use .*nanoshift\.db: another process is using it$/);
    await apiRequest(server.kubeconfig, 'POST', configMaps, object('still'));
    assert.equal(await server.stop(), 0);
  });

  test('because it is something else', async () => {
    const dataDir = copyOfUsed();
    writeFileSync(join(dataDir, database), 'hello '.repeat(1000));
    await refuses(dataDir, /^nanoshift: cannot use .*nanoshift\.db: file is not a database$/);
  });

  test('because pages are damaged, or missing', async () => {
    const damaged = copyOfUsed();
    const bytes = readFileSync(join(damaged, database));
    writeFileSync(join(damaged, database), bytes.fill(0x5a, 8 << 10, 256 << 10));
    await refuses(damaged, /^nanoshift: cannot use .*nanoshift\.db: database disk image is malformed$/);
    const short = copyOfUsed();
    truncateSync(join(short, database), 40 << 10);
    await refuses(short, /^nanoshift: cannot use .*nanoshift\.db: database disk image is malformed$/);
  });
});

test('a data directory without permission to write', { skip: process.getuid?.() !== 0 && 'needs root' }, async () => {
  const shut = join(folder, 'shut');
  mkdirSync(shut);
  chmodSync(folder, 0o755);
  await refuses(shut, /^nanoshift: EACCES: permission denied, mkdir .*shut\/store/, '', { uid: 65_534 });
  const foreign = copyOfUsed();
  chmodSync(foreign, 0o755);
  await refuses(foreign, /^nanoshift: cannot use .*nanoshift\.db: EACCES: permission denied/, '', { uid: 65_534 });
});

test('a full disk, on the first start and later', async (context) => {
  const disk = smallDisk(16);
  if (!disk) return context.skip(skipWithoutMount);
  try {
    disk.fill();
    await refuses(join(disk.path, 'data'), /^nanoshift: .*(ENOSPC|full)/);
    disk.makeRoom();
    cpSync(used, join(disk.path, 'used'), { recursive: true });
    disk.fill();
    await refuses(join(disk.path, 'used'), /^nanoshift: .*(ENOSPC|full)/);
    disk.makeRoom();
    const server = await startServer({ dataDir: join(disk.path, 'used') });
    await apiRequest(server.kubeconfig, 'GET', `${configMaps}/c49`);
    assert.equal(await server.stop(), 0);
  } finally {
    disk.dispose();
  }
});

describe('an etcd that cannot be used', () => {
  const config = (endpoint: string): string => `store: {backend: etcd, etcd: {endpoints: ['${endpoint}']}}`;
  const dataDir = join(folder, 'etcd');

  test('because nobody listens', async () => {
    await refuses(
      dataDir,
      /^nanoshift: cannot use the etcd at http:\S+: .*ECONNREFUSED/,
      config(`http://127.0.0.1:${await freePort()}`),
    );
  });

  test('because nobody answers', async () => {
    const silent = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    await refuses(
      dataDir,
      /^nanoshift: cannot use the etcd at \S+: .*DEADLINE_EXCEEDED/,
      config(`http://127.0.0.1:${port}`),
    );
    silent.close();
  });

  test('because there is no such host', async () => {
    await refuses(dataDir, /^nanoshift: cannot use the etcd at \S+: .*UNAVAILABLE/, config('http://etcd.invalid:2379'));
  });
});

test('certificates that are cut off, empty or foreign are made anew; what is whole stays', async () => {
  const dataDir = copyOfUsed();
  const certs = join(dataDir, 'certs');
  const read = (path: string): string => readFileSync(join(certs, path), 'utf8');
  const serving = 'kube-apiserver-external-signer/kube-external-serving';
  const ca = read('kube-apiserver-external-signer/ca.crt');
  truncateSync(join(certs, serving, 'server.crt'), 300);
  truncateSync(join(certs, serving, 'listener.crt'), 900);
  writeFileSync(join(certs, 'admin-kubeconfig-signer/admin-kubeconfig-client/client.key'), '');
  truncateSync(join(certs, 'ca-bundle/listener-client-ca.crt'), 500);
  truncateSync(join(dataDir, 'resources/kubeadmin/kubeconfig'), 100);
  const server = await startServer({ dataDir });
  await apiRequest(server.kubeconfig, 'GET', `${configMaps}/c49`);
  assert.equal(await server.stop(), 0);
  assert.equal(read('kube-apiserver-external-signer/ca.crt'), ca);
  assert.ok(new X509Certificate(read(`${serving}/server.crt`)).checkIssued(new X509Certificate(ca)));
});
