import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type TLSSocket, connect, createServer } from 'node:tls';
import { parse } from 'yaml';
import { ManualClock } from '../../kernel/clock.ts';
import { type Pki, ensurePki, rotationDeadline, writeKubeconfigs } from './index.ts';
import { bundles } from './plan.ts';
import { rsaSigner } from './test-support.ts';

const dayMs = 86_400_000;
const options = {
  hostname: 'edge1',
  nodeName: 'edge1',
  nodeIP: '192.168.1.5',
  advertiseAddress: '10.44.0.0',
  serviceIP: '10.43.0.1',
  subjectAltNames: ['edge1.lan', '2001:db8::1'],
  baseDomain: 'example.com',
};

const directories: string[] = [];
const temporary = async (): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'nanoshift-pki-'));
  directories.push(directory);
  return directory;
};
after(() => Promise.all(directories.map((directory) => rm(directory, { recursive: true }))));

const clockNow = () => new ManualClock(Date.now());

describe('a first boot', () => {
  let directory: string;
  let pki: Pki;
  before(async () => {
    directory = await temporary();
    pki = await ensurePki(directory, { ...options, clock: clockNow() });
  });

  test('makes every signer and certificate of the table, where MicroShift has them', async () => {
    const files = (await readdir(join(directory, 'certs'), { recursive: true })).filter((name) =>
      /\.(crt|key)$/.test(name),
    );
    assert.deepEqual(files.sort(), expectedFiles.sort());
    assert.equal(pki.created.length, 31);
  });

  test('keys are for the owner only', async () => {
    for (const name of await readdir(directory, { recursive: true })) {
      const { mode } = await stat(join(directory, name));
      if (name.endsWith('.key')) assert.equal(mode & 0o777, 0o600, name);
      assert.equal(mode & 0o022, 0, name);
    }
  });

  test('subjects are the users and groups of the components', () => {
    const subject = (name: Parameters<Pki['certificate']>[0]) =>
      new X509Certificate(pki.certificate(name).certPem).subject;
    assert.equal(subject('admin-kubeconfig-client'), 'O=system:masters\nCN=system:admin');
    assert.equal(subject('kubelet-client'), 'O=system:nodes\nCN=system:node:edge1');
    assert.equal(subject('kube-apiserver-to-kubelet-client'), 'O=kube-master\nCN=system:kube-apiserver');
    assert.equal(subject('router-default-serving'), 'CN=*.apps.example.com');
  });

  test('short certificates end in a year, long ones in ten, at midnight', () => {
    const daysOf = (name: Parameters<Pki['certificate']>[0]) => {
      const { notBeforeMs, notAfterMs } = pki.certificate(name).validity;
      assert.equal(new Date(notAfterMs).getHours(), 0);
      return Math.floor((notAfterMs - notBeforeMs) / dayMs);
    };
    assert.equal(daysOf('kubelet-client'), 365);
    assert.equal(daysOf('admin-kubeconfig-client'), 3650);
  });

  test('bundles hold their signers', async () => {
    for (const [name, members] of Object.entries(bundles)) {
      const text = await readFile(join(directory, 'certs/ca-bundle', name), 'utf8');
      assert.equal(text.match(/BEGIN/g)?.length, members.length, name);
      assert.equal(text, pki.bundle(name as keyof typeof bundles).pem);
    }
  });

  test('whoever trusts the localhost, the external or all signers can connect by every name and address', async () => {
    const ca = (name: Parameters<Pki['signer']>[0]) => pki.signer(name).certPem;
    const trusted = [
      ca('kube-apiserver-localhost-signer'),
      ca('kube-apiserver-external-signer'),
      pki.bundle('service-account-token-ca.crt').pem,
    ];
    const names = [
      'localhost',
      'edge1',
      'edge1.lan',
      'kubernetes.default.svc.cluster.local',
      'kubernetes',
      'api.example.com',
    ];
    const addresses = ['127.0.0.1', '192.168.1.5', '10.43.0.1', '10.44.0.0', '2001:db8::1', '::1'];
    for (const bundle of trusted) {
      for (const host of [...names, ...addresses]) await verifies(pki, bundle, host);
    }
    await assert.rejects(verifies(pki, trusted[0]!, 'elsewhere.test'));
    await assert.rejects(verifies(pki, ca('etcd-signer'), 'localhost'));
  });

  test('kubeconfigs: for this machine, for others, for components', async () => {
    const resources = join(directory, 'resources');
    const write = (externalNames: string[]) =>
      writeKubeconfigs(pki, {
        directory: resources,
        externalNames,
        namedCertificateNames: ['named.test', '*.wild.test'],
      });
    await write(['edge1', 'gone.lan']);
    await write(['edge1', '2001:db8::1']);
    assert.deepEqual((await readdir(join(resources, 'kubeadmin'))).sort(), [
      '2001:db8::1',
      'edge1',
      'kubeconfig',
      'named.test',
    ]);
    const read = async (name: string) => parse(await readFile(join(resources, name), 'utf8'));
    const admin = await read('kubeadmin/kubeconfig');
    assert.equal(admin.clusters[0].cluster.server, 'https://localhost:6443');
    assert.equal(admin['current-context'], admin.contexts[0].name);
    assert.equal(admin.contexts[0].context.user, admin.users[0].name);
    const decoded = Buffer.from(admin.users[0].user['client-certificate-data'], 'base64').toString();
    assert.equal(decoded, pki.certificate('admin-kubeconfig-client').certPem);
    assert.equal(
      (await read('kubeadmin/2001:db8::1/kubeconfig')).clusters[0].cluster.server,
      'https://[2001:db8::1]:6443',
    );
    assert.equal(
      (await read('kubeadmin/named.test/kubeconfig')).clusters[0].cluster['certificate-authority-data'],
      undefined,
    );
    assert.equal((await read('kubelet/kubeconfig')).clusters[0].name, 'microshift');
  });

  test('a second boot changes nothing', async () => {
    const before = await snapshot(directory);
    const again = await ensurePki(directory, { ...options, clock: clockNow() });
    assert.deepEqual(again.created, []);
    assert.equal(again.rotationDeadlineMs, pki.rotationDeadlineMs);
    assert.equal(again.serviceAccountKey.privateKeyPem, pki.serviceAccountKey.privateKeyPem);
    assert.deepEqual(await snapshot(directory), before);
  });
});

describe('later boots', () => {
  const boot = async (
    directory: string,
    atMs: number,
    change: Partial<typeof options> = {},
  ): Promise<readonly string[]> =>
    (await ensurePki(directory, { ...options, ...change, clock: new ManualClock(atMs) })).created;

  test('short certificates are made anew with less than seven months left, long ones with eighteen', async () => {
    const directory = await temporary();
    const startMs = Date.now();
    await boot(directory, startMs);
    assert.deepEqual(await boot(directory, startMs + 150 * dayMs), []);
    const afterHalfAYear = await boot(directory, startMs + 160 * dayMs);
    assert.ok(afterHalfAYear.includes('kubelet-client') && afterHalfAYear.includes('csr-signer'));
    assert.ok(!afterHalfAYear.includes('admin-kubeconfig-signer'));
    const afterNineYears = await boot(directory, startMs + 3200 * dayMs);
    assert.equal(afterNineYears.length, 31);
  });

  test('a clock before the certificates’ time makes them anew', async () => {
    const directory = await temporary();
    await boot(directory, Date.now());
    assert.equal((await boot(directory, Date.now() - 10 * dayMs)).length, 31);
  });

  test('other names: only the certificates that carry them', async () => {
    const directory = await temporary();
    await boot(directory, Date.now());
    const created = await boot(directory, Date.now(), { nodeIP: '192.168.1.6', hostname: 'edge2' });
    assert.deepEqual([...created].sort(), ['etcd-peer', 'etcd-serving', 'kube-external-serving', 'kubelet-server']);
  });

  test('a damaged file costs what depends on it, a new CA everything under it', async () => {
    const directory = await temporary();
    await boot(directory, Date.now());
    const damage = (name: string, text: string) => writeFile(join(directory, 'certs', name), text);
    await damage('aggregator-signer/aggregator-client/client.crt', '-----BEGIN CERTIFICATE-----\nMIIB');
    assert.deepEqual(await boot(directory, Date.now()), ['aggregator-client']);
    await damage('admin-kubeconfig-signer/ca.key', '');
    assert.deepEqual([...(await boot(directory, Date.now()))].sort(), [
      'admin-kubeconfig-client',
      'admin-kubeconfig-signer',
      'openshift-observability-client',
    ]);
    const other = await readFile(join(directory, 'certs/ingress-ca/ca.key'), 'utf8');
    await damage('service-ca/ca.key', other);
    assert.deepEqual([...(await boot(directory, Date.now()))].sort(), [
      'route-controller-manager-serving',
      'service-ca',
    ]);
    await damage('kube-apiserver-external-signer/kube-external-serving/listener.crt', '');
    assert.deepEqual(await boot(directory, Date.now()), []);
    const pki = await ensurePki(directory, { ...options, clock: clockNow() });
    await verifies(pki, pki.signer('kube-apiserver-localhost-signer').certPem, 'localhost');
  });
});

test('the RSA signers of a MicroShift stay, so that copied kubeconfigs go on working', async () => {
  const directory = await temporary();
  const nowMs = Date.now();
  const [localhost, external] = ['kube-apiserver-localhost-signer', 'kube-apiserver-external-signer'] as const;
  for (const name of [localhost, external]) {
    const signer = await rsaSigner(name, nowMs - dayMs, nowMs + 3649 * dayMs);
    await mkdir(join(directory, 'certs', name), { recursive: true });
    await writeFile(join(directory, 'certs', name, 'ca.crt'), signer.certPem);
    await writeFile(join(directory, 'certs', name, 'ca.key'), signer.keyPem);
    await writeFile(join(directory, 'certs', name, 'serial.txt'), '0F\n');
  }
  const pki = await ensurePki(directory, { ...options, clock: new ManualClock(nowMs) });
  assert.ok(!pki.created.includes(localhost) && !pki.created.includes(external));
  for (const name of [localhost, external]) await verifies(pki, pki.signer(name).certPem, 'localhost');
  assert.equal(await readFile(join(directory, 'certs', external, 'serial.txt'), 'utf8'), '10\n');
  assert.equal(new X509Certificate(pki.certificate('kube-external-serving').certPem).serialNumber, '10');
});

test('the program must restart four months before a short certificate ends, a year before a long one', () => {
  const startMs = Date.UTC(2026, 0, 1);
  const short = { notBeforeMs: startMs, notAfterMs: startMs + 365 * dayMs };
  const long = { notBeforeMs: startMs, notAfterMs: startMs + 3650 * dayMs };
  assert.equal(rotationDeadline([short, long]), short.notAfterMs - 120 * dayMs);
  assert.equal(rotationDeadline([long]), long.notAfterMs - 360 * dayMs);
  assert.equal(rotationDeadline([]), undefined);
});

/** Resolves when a client that trusts `ca` accepts the listener's certificate for `host`. */
async function verifies(pki: Pki, ca: string, host: string): Promise<void> {
  const [cert, key] = await Promise.all([readFile(pki.listener.certFile), readFile(pki.listener.keyFile)]);
  const server = createServer({ cert, key }, (socket) => socket.on('error', () => {}).end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  try {
    await new Promise<void>((resolve, reject) => {
      const isName = !/^[\d.:a-f]+$/.test(host);
      const socket: TLSSocket = connect({
        host: '127.0.0.1',
        port,
        ca,
        ...(isName && { servername: host }),
        checkServerIdentity: () => undefined,
      });
      socket.on('error', reject);
      socket.on('secureConnect', () => {
        const certificate = socket.getPeerX509Certificate();
        const carries = isName ? certificate?.checkHost(host) : certificate?.checkIP(host);
        if (carries) resolve();
        else reject(new Error(`not for ${host}`));
        socket.destroy();
      });
    });
  } finally {
    server.close();
  }
}

async function snapshot(directory: string): Promise<Record<string, number>> {
  const names = await readdir(directory, { recursive: true });
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, (await stat(join(directory, name))).ino])),
  );
}

const pair = (folder: string, name: string): string[] => [`${folder}/${name}.crt`, `${folder}/${name}.key`];
const signerFiles: [string, Record<string, 'client' | 'server' | 'peer'>][] = [
  [
    'kube-control-plane-signer',
    {
      'kube-controller-manager': 'client',
      'kube-scheduler': 'client',
      'cluster-policy-controller': 'client',
      'route-controller-manager': 'client',
    },
  ],
  [
    'kube-apiserver-to-kubelet-client-signer',
    { 'kube-apiserver-to-kubelet-client': 'client', 'metrics-server-kubelet-client': 'client' },
  ],
  ['admin-kubeconfig-signer', { 'admin-kubeconfig-client': 'client', 'openshift-observability-client': 'client' }],
  ['kubelet-csr-signer-signer', {}],
  ['kubelet-csr-signer-signer/csr-signer', { 'kubelet-client': 'client', 'kubelet-server': 'server' }],
  ['aggregator-signer', { 'aggregator-client': 'client' }],
  ['service-ca', { 'route-controller-manager-serving': 'server' }],
  ['ingress-ca', { 'router-default-serving': 'server' }],
  ['kube-apiserver-external-signer', { 'kube-external-serving': 'server' }],
  ['kube-apiserver-localhost-signer', { 'kube-apiserver-localhost-serving': 'server' }],
  ['kube-apiserver-service-network-signer', { 'kube-apiserver-service-network-serving': 'server' }],
  ['etcd-signer', { 'apiserver-etcd-client': 'client', 'etcd-peer': 'peer', 'etcd-serving': 'peer' }],
];
const expectedFiles = [
  ...signerFiles.flatMap(([signer, issued]) => [
    ...pair(signer, 'ca'),
    ...Object.entries(issued).flatMap(([name, use]) => pair(`${signer}/${name}`, use)),
  ]),
  'kubelet-csr-signer-signer/csr-signer/ca-bundle.crt',
  'kube-apiserver-external-signer/kube-external-serving/listener.crt',
  ...Object.keys(bundles).map((name) => `ca-bundle/${name}`),
];
