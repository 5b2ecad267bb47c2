import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { type Logger, ManualClock, silentLogger } from '../../kernel/index.ts';
import type { Pod } from '../../schema/generated/index.ts';
import { decodeStaticPod } from './decode.ts';
import { startStaticPods } from './index.ts';

const manifest = (name: string, image = 'docker.io/nanoshift/hello:1'): string =>
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\nspec:\n  containers:\n  - name: web\n    image: ${image}\n`;

const decode = (text: string): Pod => decodeStaticPod({ file: '/m/web.yaml', text, nodeName: 'edge' });

test('a pod from a file is named, identified, bound, tolerant and defaulted', () => {
  const { metadata, spec, status } = decode(manifest('web'));
  assert.deepEqual([metadata.name, metadata.namespace], ['web-edge', 'default']);
  assert.match(metadata.uid ?? '', /^[0-9a-f]{32}$/);
  assert.equal(metadata.annotations?.['kubernetes.io/config.hash'], metadata.uid);
  assert.equal(metadata.annotations?.['kubernetes.io/config.source'], 'file');
  assert.equal(spec?.nodeName, 'edge');
  assert.deepEqual(spec?.tolerations, [{ operator: 'Exists', effect: 'NoExecute' }]);
  assert.deepEqual([spec?.restartPolicy, spec?.terminationGracePeriodSeconds], ['Always', 30]);
  assert.equal(spec?.containers[0]?.imagePullPolicy, 'IfNotPresent');
  assert.equal(status?.phase, 'Pending');
});

test('the uid follows from the content: the same file gives the same, a change gives another', () => {
  assert.equal(decode(manifest('web')).metadata.uid, decode(`---\n${manifest('web')}`).metadata.uid);
  assert.notEqual(decode(manifest('web')).metadata.uid, decode(manifest('web', 'other:1')).metadata.uid);
});

test('JSON is read like YAML', () => {
  const json = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web' },
    spec: { containers: [{ name: 'web', image: 'a:1' }] },
  });
  assert.equal(decode(json).metadata.name, 'web-edge');
});

const withSpec = (spec: string): string => manifest('web').replace('spec:\n', `spec:\n${spec}`);

for (const [what, text, message] of [
  ['is no Pod', 'apiVersion: v1\nkind: Service\nmetadata: {name: a}', /couldn't parse as pod\(it is v1 Service\)/],
  ['is empty', '', /it is empty/],
  ['is broken YAML', 'a: [', /couldn't parse as pod\(/],
  ['has no name', manifest('""'), /^StaticPodError: invalid pod: name is needed for the pod$/],
  ['has a field of a wrong type', withSpec('  hostNetwork: 3\n'), /spec\.hostNetwork/],
  ['has no containers', 'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {}', /spec\.containers: Required value/],
  ['has a bad name', manifest('A_B'), /metadata\.name: Invalid value: "A_B-edge"/],
  ['names a service account', withSpec('  serviceAccountName: a\n'), /static pods may not reference serviceaccounts/],
  [
    'mounts a Secret',
    withSpec('  volumes:\n  - name: s\n    secret: {secretName: a}\n'),
    /static pods may not reference secrets/,
  ],
  [
    'mounts a ConfigMap',
    withSpec('  volumes:\n  - name: s\n    projected: {sources: [{configMap: {name: a}}]}\n'),
    /static pods may not reference configmaps/,
  ],
  [
    'claims a volume',
    withSpec('  volumes:\n  - name: s\n    persistentVolumeClaim: {claimName: a}\n'),
    /static pods may not reference persistentvolumeclaims/,
  ],
] as const) {
  test(`a file that ${what} is refused, and the message says why`, () => assert.throws(() => decode(text), message));
}

async function watched(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'static-'));
  const clock = new ManualClock();
  const errors: string[] = [];
  const log: Logger = { ...silentLogger, error: (_message, fields) => errors.push(String(fields?.['error'])) };
  const pods = await startStaticPods({ folder, nodeName: 'edge', clock, log, onChange: () => {} });
  t.after(async () => {
    pods.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const names = (): string[] => [...pods.current().values()].map(({ metadata }) => metadata.name ?? '').sort();
  const until = async (what: () => boolean, stepMs = 100): Promise<void> => {
    const limit = performance.now() + 5_000;
    while (!what()) {
      assert.ok(performance.now() < limit, names().join());
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(stepMs);
    }
  };
  const untilNames = (...wanted: string[]): Promise<void> => until(() => names().join() === wanted.join());
  const put = async (name: string, text: string): Promise<void> => {
    await writeFile(join(folder, `.${name}`), text);
    await rename(join(folder, `.${name}`), join(folder, name));
  };
  return { folder, errors, pods, names, until, untilNames, put };
}

test('files come, change and go, and so do their pods', async (t) => {
  const { folder, until, untilNames, put, pods } = await watched(t);
  await put('a.yaml', manifest('a'));
  await put('b.json', manifest('b'));
  await untilNames('a-edge', 'b-edge');
  const before = [...pods.current().values()].find(({ metadata }) => metadata.name === 'a-edge')?.metadata.uid ?? '';
  await put('a.yaml', manifest('a', 'other:2'));
  await until(() => !pods.current().has(before));
  assert.equal(pods.current().size, 2);
  await rm(join(folder, 'b.json'));
  await untilNames('a-edge');
});

test('a broken file disturbs no other, is told of once, and loses its pod when it stays broken', async (t) => {
  const { until, untilNames, put, errors, names } = await watched(t);
  await put('a.yaml', manifest('a'));
  await put('b.yaml', manifest('b'));
  await untilNames('a-edge', 'b-edge');
  await put('a.yaml', 'kind: Pod\napiVersion: v1\nmetadata: {name: a}\nspec: {}\n');
  await until(() => errors.length > 0);
  assert.deepEqual(names(), ['a-edge', 'b-edge']);
  await until(() => names().join() === 'b-edge', 20_000);
  assert.equal(errors.length, 1);
  assert.match(errors[0] ?? '', /spec\.containers/);
});

test('a folder that does not exist yet is found when it comes', async (t) => {
  const parent = await mkdtemp(join(tmpdir(), 'static-'));
  const clock = new ManualClock();
  let changes = 0;
  const folder = join(parent, 'later');
  const pods = await startStaticPods({ folder, nodeName: 'n', clock, log: silentLogger, onChange: () => changes++ });
  t.after(async () => {
    pods.stop();
    await rm(parent, { recursive: true, force: true });
  });
  assert.equal(pods.current().size, 0);
  await (await import('node:fs/promises')).mkdir(folder);
  await writeFile(join(folder, 'a.yaml'), manifest('a'));
  for (const limit = performance.now() + 5_000; changes === 0 && performance.now() < limit; ) {
    clock.advance(20_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(pods.current().size, 1);
});
