import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { secrets } from '../../client/index.ts';
import { defaultBudget } from '../../config/index.ts';
import { FakeCluster } from '../../controllers/testing.ts';
import { silentLogger } from '../../kernel/index.ts';
import type { Container, Pod } from '../../schema/generated/index.ts';
import { CriError } from '../cri/types.ts';
import { type ImageManager, type KubeletEnv, PodStartError } from '../types.ts';
import { credentialsFor, KeyringError } from './keyring.ts';
import { createImageManager } from './manager.ts';
import { ImageNameError, parseReference, withDefaultTag } from './reference.ts';

// --- names --------------------------------------------------------------------------------------------------------

const digest = `sha256:${'a'.repeat(64)}`;

for (const [text, repository, tag, found] of [
  ['busybox', 'docker.io/library/busybox', 'latest', ''],
  ['busybox:1', 'docker.io/library/busybox', '1', ''],
  ['nanoshift/hello', 'docker.io/nanoshift/hello', 'latest', ''],
  ['index.docker.io/a', 'docker.io/library/a', 'latest', ''],
  ['localhost/a/b:x', 'localhost/a/b', 'x', ''],
  ['localhost:5000/a', 'localhost:5000/a', 'latest', ''],
  ['[fd00::1]:5000/a', '[fd00::1]:5000/a', 'latest', ''],
  ['Quay/a', 'Quay/a', 'latest', ''],
  [`quay.io/a/b@${digest}`, 'quay.io/a/b', '', digest],
  [`quay.io/a/b:7@${digest}`, 'quay.io/a/b', '7', digest],
] as const) {
  test(`${text} names ${repository}`, () => assert.deepEqual(parseReference(text), { repository, tag, digest: found }));
}

for (const [text, message] of [
  ['', 'invalid reference format'],
  ['a:b:c', 'invalid reference format'],
  ['a//b', 'invalid reference format'],
  ['-a', 'invalid reference format'],
  ['Upper', 'invalid reference format: repository name (library/Upper) must be lowercase'],
  ['b'.repeat(64), `invalid repository name (${'b'.repeat(64)}), cannot specify 64-byte hexadecimal strings`],
  [`a@md5:${'1'.repeat(32)}`, 'unsupported digest algorithm'],
  [`a@sha256:${'1'.repeat(32)}`, 'invalid checksum digest length'],
  [`a@sha256:${'F'.repeat(64)}`, 'invalid checksum digest format'],
  [`a/${'b'.repeat(260)}`, 'repository name must not be more than 255 characters'],
] as const) {
  test(`${text.slice(0, 20)} names no image`, () =>
    assert.throws(
      () => parseReference(text),
      new ImageNameError(`couldn't parse image name ${JSON.stringify(text)}: ${message}`),
    ));
}

test('a tag is added only where neither tag nor digest is', () => {
  assert.deepEqual(['a', 'a:1', `a@${digest}`, 'h:5000/a'].map(withDefaultTag), [
    'a:latest',
    'a:1',
    `a@${digest}`,
    'h:5000/a:latest',
  ]);
});

// --- credentials --------------------------------------------------------------------------------------------------

const secretOf = (auths: object, name = 's') => ({
  metadata: { name, namespace: 'default' },
  type: 'kubernetes.io/dockerconfigjson',
  data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') },
});
const login = (username: string) => ({ auth: Buffer.from(`${username}:p:w`).toString('base64') });
const usersFor = (repository: string, auths: object): string[] =>
  credentialsFor(repository, [secretOf(auths)]).map(({ username }) => username);

test('credentials fit by host, port and the beginning of the path, longer paths first', () => {
  const auths = { 'quay.io': login('all'), 'https://quay.io/team/': login('team'), 'quay.io:443': login('port') };
  assert.deepEqual(usersFor('quay.io/team/app', auths), ['team', 'all']);
  assert.deepEqual(usersFor('quay.io/other', auths), ['all']);
  assert.deepEqual(usersFor('docker.io/library/a', auths), []);
});

test('a wildcard stands for one label of the host', () => {
  const auths = { '*.example.com': login('any') };
  assert.deepEqual(usersFor('a.example.com/x', auths), ['any']);
  assert.deepEqual(usersFor('a.b.example.com/x', auths), []);
});

test('Docker Hub goes by its old name', () =>
  assert.deepEqual(usersFor('docker.io/library/a', { 'https://index.docker.io/v1/': login('hub') }), ['hub']));

test('a password may hold colons; the old format and plain fields are read too', () => {
  assert.equal(credentialsFor('q.io/a', [secretOf({ 'q.io': login('u') })])[0]?.password, 'p:w');
  const data = { '.dockercfg': Buffer.from('{"q.io":{"username":"u","password":"p"}}').toString('base64') };
  const old = { metadata: { name: 'o' }, type: 'kubernetes.io/dockercfg', data };
  assert.equal(credentialsFor('q.io/a', [old])[0]?.username, 'u');
  const broken = { ...old, data: { '.dockercfg': Buffer.from('{').toString('base64') } };
  assert.throws(() => credentialsFor('q.io/a', [broken]), KeyringError);
});

// --- pulls --------------------------------------------------------------------------------------------------------

class Fixture implements Disposable {
  readonly cluster = new FakeCluster();
  readonly events: string[] = [];
  readonly pulls: { image: string; username: string | undefined }[] = [];
  readonly present = new Map<string, { uid?: number; username?: string }>();
  parallel = 0;
  mostParallel = 0;
  /** Throws to make a pull fail. */
  onPull: (image: string, username: string | undefined) => Promise<void> | void = () => {};
  readonly manager: ImageManager;
  readonly root: string;

  constructor(parallelImagePulls = 2, root = mkdtempSync(join(tmpdir(), 'pulls-'))) {
    this.root = root;
    const { clock } = this.cluster;
    this.manager = createImageManager({
      client: this.cluster.clientFor('system:node:n'),
      clock,
      log: silentLogger,
      cri: { call: (method: string, request: never) => this.#call(method, request) } as unknown as KubeletEnv['cri'],
      recorder: {
        event: ({ fieldPath }, type, reason, message) =>
          this.events.push(`${type} ${reason}${fieldPath ? ` ${fieldPath}` : ''}: ${message}`),
      },
      budget: { ...defaultBudget, parallelImagePulls },
      nodeName: 'n',
      nodeIPs: [],
      paths: { root: this.root, podLogs: '' },
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  async #call(method: string, request: { image?: { image?: string }; auth?: { username?: string } }): Promise<unknown> {
    const image = request.image?.image ?? '';
    if (method === 'ListImages') return { images: [...this.present.keys()].map((name) => ({ id: `sha256:${name}` })) };
    if (method === 'PullImage') {
      this.pulls.push({ image, username: request.auth?.username });
      this.mostParallel = Math.max(this.mostParallel, ++this.parallel);
      try {
        await this.onPull(image, request.auth?.username);
      } finally {
        this.parallel--;
      }
      this.present.set(image, {});
      return { imageRef: `sha256:${image}` };
    }
    const found = this.present.get(image);
    if (!found) return {};
    const { uid, username = '' } = found;
    return { image: { id: `sha256:${image}`, size: 7, username, ...(uid !== undefined && { uid: { value: uid } }) } };
  }

  pod(container: Partial<Container> = {}, more: Partial<Pod['spec']> = {}): [Pod, Container] {
    const one = { name: 'c', image: 'app:1', imagePullPolicy: 'IfNotPresent' as const, ...container };
    const metadata = { name: 'p', namespace: 'default', uid: 'uid-p' };
    return [{ metadata, spec: { containers: [one], ...more } }, one];
  }

  async fails(container: Partial<Container> = {}): Promise<[string, string]> {
    try {
      await this.manager.ensure(...this.pod(container));
    } catch (error) {
      if (error instanceof PodStartError) return [error.reason, error.message];
      throw error;
    }
    throw new Error('it did not fail');
  }
}

test('an image that is there is used, and its user told', async () => {
  using fixture = new Fixture();
  fixture.present.set('app:1', { uid: 7 }).set('named:1', { username: 'web' }).set('plain:1', {});
  assert.deepEqual(await fixture.manager.ensure(...fixture.pod()), {
    imageRef: 'sha256:app:1',
    user: { uid: 7, username: '' },
  });
  assert.deepEqual((await fixture.manager.ensure(...fixture.pod({ image: 'named:1' }))).user, { username: 'web' });
  const plain = await fixture.manager.ensure(...fixture.pod({ image: 'plain:1' }));
  assert.deepEqual(plain.user, { uid: 0, username: '' });
  assert.equal(
    fixture.events[0],
    'Normal Pulled spec.containers{c}: Container image "app:1" already present on machine and can be accessed by the pod',
  );
  assert.equal(fixture.pulls.length, 0);
});

test('a pull is told with its time and size; short names get a tag', async () => {
  using fixture = new Fixture();
  fixture.onPull = () => fixture.cluster.clock.advance(1234);
  await fixture.manager.ensure(...fixture.pod({ image: 'app' }));
  assert.deepEqual(fixture.pulls, [{ image: 'app:latest', username: undefined }]);
  assert.deepEqual(fixture.events, [
    'Normal Pulling spec.containers{c}: Pulling image "app"',
    'Normal Pulled spec.containers{c}: Successfully pulled image "app" in 1.234s (1.234s including waiting). Image size: 7 bytes.',
  ]);
});

test('Always pulls what is there, Never does not pull what is not', async () => {
  using fixture = new Fixture();
  fixture.present.set('app:1', {});
  await fixture.manager.ensure(...fixture.pod({ imagePullPolicy: 'Always' }));
  assert.equal(fixture.pulls.length, 1);
  const message = 'Container image "none:1" is not present with pull policy of Never';
  assert.deepEqual(await fixture.fails({ image: 'none:1', imagePullPolicy: 'Never' }), ['ErrImageNeverPull', message]);
  assert.equal(fixture.events.at(-1), `Warning ErrImageNeverPull spec.containers{c}: ${message}`);
});

test('a name that is none is told as upstream tells it', async () => {
  const message =
    'Failed to apply default image tag "A B": couldn\'t parse image name "A B": invalid reference format: repository name (library/A B) must be lowercase';
  using fixture = new Fixture();
  assert.deepEqual(await fixture.fails({ image: 'A B' }), ['InvalidImageName', message]);
});

test('after a failed pull the pod waits 10 s, then twice as long each time, and is told why', async () => {
  using fixture = new Fixture();
  fixture.onPull = () => Promise.reject(new CriError(5, 'not found'));
  const error = 'rpc error: code = NotFound desc = not found';
  assert.deepEqual(await fixture.fails(), ['ErrImagePull', error]);
  assert.equal(fixture.events.at(-1), `Warning Failed spec.containers{c}: Failed to pull image "app:1": ${error}`);
  for (const waitMs of [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]) {
    fixture.cluster.clock.advance(waitMs - 1);
    const text = `Back-off pulling image "app:1": ErrImagePull: ${error}`;
    assert.deepEqual(await fixture.fails(), ['ImagePullBackOff', text]);
    assert.equal(fixture.events.at(-1), 'Normal BackOff spec.containers{c}: Back-off pulling image "app:1"');
    fixture.cluster.clock.advance(1);
    assert.equal((await fixture.fails())[0], 'ErrImagePull');
  }
  fixture.cluster.clock.advance(600_001);
  await fixture.fails();
  fixture.cluster.clock.advance(10_000);
  assert.equal((await fixture.fails())[0], 'ErrImagePull');
});

test('what the runtime knows of the failure becomes the reason', async () => {
  using fixture = new Fixture();
  fixture.onPull = () => Promise.reject(new Error('RegistryUnavailable: down'));
  assert.deepEqual(await fixture.fails(), [
    'RegistryUnavailable',
    'image pull failed for app:1 because the registry is unavailable: down',
  ]);
});

test('no more pulls run at once than the budget allows', async () => {
  using fixture = new Fixture(2);
  fixture.onPull = () => new Promise((resolve) => setImmediate(resolve));
  await Promise.all([...'abcdef'].map((name) => fixture.manager.ensure(...fixture.pod({ image: `${name}:1` }))));
  assert.deepEqual([fixture.pulls.length, fixture.mostParallel], [6, 2]);
});

test('each fitting credential is tried in turn; a missing secret is told and does no harm', async () => {
  using fixture = new Fixture();
  const admin = fixture.cluster.clientFor('admin');
  await admin.create({ group: '', version: 'v1', resource: 'namespaces' }, { metadata: { name: 'default' } });
  const auths = { 'q.io': login('second'), 'q.io/app': login('first') };
  await admin.create(secrets, secretOf(auths, 'pull') as never, { namespace: 'default' });
  fixture.onPull = (_image, username) => {
    if (username !== 'second') throw new Error('denied');
  };
  const imagePullSecrets = [{ name: 'pull' }, { name: 'gone' }];
  await fixture.manager.ensure(...fixture.pod({ image: 'q.io/app:1' }, { imagePullSecrets }));
  assert.deepEqual(
    fixture.pulls.map(({ username }) => username),
    ['first', 'second'],
  );
  assert.equal(
    fixture.events[0],
    'Warning FailedToRetrieveImagePullSecret: Unable to retrieve some image pull secrets (gone); attempting to pull the image may not succeed.',
  );
});

async function withSecrets(fixture: Fixture, ...users: string[]): Promise<void> {
  const admin = fixture.cluster.clientFor('admin');
  await admin.create({ group: '', version: 'v1', resource: 'namespaces' }, { metadata: { name: 'default' } });
  for (const user of users) {
    await admin.create(secrets, secretOf({ 'q.io': login(user) }, user) as never, { namespace: 'default' });
  }
}

const withSecret = (fixture: Fixture, name: string, more: Partial<Container> = {}): [Pod, Container] =>
  fixture.pod({ image: 'q.io/app:1', ...more }, { imagePullSecrets: [{ name }] });

test('what was pulled with a secret is only for those who have it, also after a restart', async () => {
  using fixture = new Fixture();
  await withSecrets(fixture, 'good', 'same', 'bad');
  fixture.onPull = (_image, username) => {
    if (username !== 'good') throw new Error('denied');
  };
  await fixture.manager.ensure(...withSecret(fixture, 'good'));
  for (const at of [fixture, new Fixture(2, fixture.root)]) {
    if (at !== fixture) {
      await withSecrets(at, 'good', 'bad');
      at.present.set('q.io/app:1', {});
      at.onPull = () => Promise.reject(new Error('denied'));
    }
    at.pulls.length = 0;
    await at.manager.ensure(...withSecret(at, 'good'));
    assert.equal(at.pulls.length, 0);
    await assert.rejects(at.manager.ensure(...withSecret(at, 'bad')), { reason: 'ErrImagePull' });
    assert.deepEqual(at.pulls, [{ image: 'q.io/app:1', username: 'bad' }]);
    await assert.rejects(at.manager.ensure(...withSecret(at, 'bad', { imagePullPolicy: 'Never' })), {
      reason: 'ErrImageNeverPull',
    });
  }
});

test('an image whose pull has not ended in order is asked for again', async () => {
  using fixture = new Fixture();
  const crashed = Promise.withResolvers<void>();
  fixture.onPull = () => crashed.promise;
  const lost = fixture.manager.ensure(...fixture.pod());
  while (fixture.pulls.length === 0) await new Promise((resolve) => setImmediate(resolve));
  using next = new Fixture(2, fixture.root);
  next.present.set('app:1', {});
  await next.manager.ensure(...next.pod());
  assert.equal(next.pulls.length, 1);
  await next.manager.ensure(...next.pod());
  assert.equal(next.pulls.length, 1);
  crashed.resolve();
  await lost;
});

test('records of images that are gone are dropped', async () => {
  using fixture = new Fixture();
  await fixture.manager.ensure(...fixture.pod());
  const folder = join(fixture.root, 'image_manager/pulled');
  assert.equal(readdirSync(folder).length, 1);
  using next = new Fixture(2, fixture.root);
  next.present.set('other:1', {});
  await next.manager.ensure(...next.pod({ image: 'other:1' }));
  assert.deepEqual(readdirSync(folder), []);
});
