import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { StatusError } from '../../kernel/status.ts';
import { TestAuthority } from '../http/test-support.ts';
import type { Authenticator } from '../types.ts';
import { createAuthenticator } from './authenticator.ts';
import { BoundedCache } from './bounded-cache.ts';
import { source, world } from './test-support.ts';

let clients: TestAuthority;
let proxies: TestAuthority;
let admin: string;
let proxy: string;

before(async () => {
  [clients, proxies] = await Promise.all([TestAuthority.create('clients'), TestAuthority.create('proxies')]);
  admin = (await clients.issue('O=system:masters, O=team, CN=admin')).cert;
  proxy = (await proxies.issue('CN=system:openshift-aggregator')).cert;
});

function authenticator(at = world()): Authenticator {
  at.clock.advance(Date.now() - at.clock.nowMs()); // the certificates are real
  return createAuthenticator({
    clientCaPem: clients.ca,
    frontProxyCaPem: proxies.ca,
    tokens: at.tokens,
    clock: at.clock,
  });
}

const refused = (act: () => unknown): void => {
  assert.throws(act, (error) => error instanceof StatusError && error.code === 401 && error.message === 'Unauthorized');
};

describe('authentication', () => {
  test('without credentials: anonymous', () => {
    assert.deepEqual(authenticator().authenticate(source()), {
      name: 'system:anonymous',
      groups: ['system:unauthenticated'],
    });
  });

  test('a client certificate: common name, organizations, fingerprint; the same object each time', async () => {
    const all = authenticator();
    const user = await all.authenticate(source([], admin));
    assert.equal(user?.name, 'admin');
    assert.deepEqual(user?.groups, ['system:masters', 'team', 'system:authenticated']);
    assert.match(user?.extra?.['authentication.kubernetes.io/credential-id']?.[0] ?? '', /^X509SHA256=[0-9a-f]{64}$/);
    assert.equal(await all.authenticate(source([], admin)), user);
  });

  test('a certificate of the wrong CA, for the wrong purpose, or out of time is refused', async () => {
    const all = authenticator();
    const server = (await clients.issue('CN=server', ['localhost'])).cert;
    for (const bad of [proxy, server]) refused(() => all.authenticate(source([], bad)));
    const at = world();
    const later = authenticator(at);
    at.clock.advance(2 * 86_400_000);
    refused(() => later.authenticate(source([], admin)));
  });

  test('a name cannot smuggle in another attribute', async () => {
    const tricky = (await clients.issue('CN=a\\0AO=system:masters')).cert;
    const user = await authenticator().authenticate(source([], tricky));
    assert.deepEqual(user?.groups, ['system:authenticated']);
  });

  test('the front proxy says who asks', async () => {
    const all = authenticator();
    const headers = [
      ['x-remote-user', 'jane'],
      ['x-remote-uid', '7'],
      ['x-remote-group', 'a'],
      ['x-remote-group', 'b'],
      ['x-remote-extra-example.com%2fscope', 'x'],
      ['x-remote-extra-example.com%2fscope', 'y'],
    ] as const;
    assert.deepEqual(await all.authenticate(source(headers, proxy)), {
      name: 'jane',
      uid: '7',
      groups: ['a', 'b', 'system:authenticated'],
      extra: { 'example.com/scope': ['x', 'y'] },
    });
    assert.equal((await all.authenticate(source(headers, admin)))?.name, 'admin', 'others may not');
    assert.equal((await all.authenticate(source(headers)))?.name, 'system:anonymous');
    refused(() => all.authenticate(source([], proxy)));
    const unknown = (await proxies.issue('CN=someone')).cert;
    refused(() => all.authenticate(source(headers, unknown)));
  });

  test('bearer tokens, in the header or as a WebSocket subprotocol', async () => {
    const at = world();
    const all = authenticator(at);
    const nowSeconds = Math.floor(at.clock.nowMs() / 1000);
    const token = await at.tokens.sign({
      aud: [at.tokens.issuer],
      exp: nowSeconds + 600,
      'kubernetes.io': { namespace: 'ns', serviceaccount: { name: 'robot', uid: 'sa-1' } },
    });
    const name = 'system:serviceaccount:ns:robot';
    const bearer = source([['authorization', `bearer ${token}`]]);
    assert.equal((await all.authenticate(bearer))?.name, name);
    assert.equal(await all.authenticate(bearer), await all.authenticate(bearer));
    const hidden = `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`;
    const webSocket = (protocols: string) =>
      source([
        ['upgrade', 'WebSocket'],
        ['sec-websocket-protocol', protocols],
      ]);
    assert.equal((await all.authenticate(webSocket(`v5.channel.k8s.io, ${hidden}`)))?.name, name);
    refused(() => all.authenticate(webSocket(hidden)));
    refused(() => all.authenticate(webSocket(`a, ${hidden}, ${hidden}`)));
    refused(() => all.authenticate(source([['authorization', 'Bearer nonsense']])));
    assert.equal((await all.authenticate(source([['authorization', 'Basic xyz']])))?.name, 'system:anonymous');
    assert.equal((await all.authenticate(source([['authorization', 'Bearer x']], admin)))?.name, 'admin');
  });
});

test('a bounded cache forgets what was used longest ago', () => {
  const cache = new BoundedCache<number>(3);
  for (const [key, value] of Object.entries({ a: 1, b: 2, c: 3 })) cache.set(key, value);
  cache.get('a');
  cache.set('d', 4);
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((key) => cache.get(key)),
    [1, undefined, 3, 4],
  );
  assert.equal(cache.size, 3);
});
