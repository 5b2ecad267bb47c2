import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiError, silentLogger } from '../../kernel/index.ts';
import { FakeApi, podOf } from './testing.ts';
import { TokenManager } from './tokens.ts';

const hour = 3_600_000;
const pod = podOf({ serviceAccountName: 'default' });

function fixture() {
  const api = new FakeApi();
  const due: string[] = [];
  const { client, clock } = api;
  return { api, due, tokens: new TokenManager({ client, clock, log: silentLogger, onDue: (uid) => due.push(uid) }) };
}

test('a token is kept until 80 % of its life have passed', async () => {
  const { api, tokens } = fixture();
  const wanted = { path: 'token', expirationSeconds: 3600 };
  assert.equal(await tokens.tokenFor(pod, wanted), 'token-1');
  api.clock.advance(0.8 * hour - 10_001);
  assert.equal(await tokens.tokenFor(pod, wanted), 'token-1');
  api.clock.advance(10_001);
  assert.equal(await tokens.tokenFor(pod, wanted), 'token-2');
});

test('a token that lives for months is renewed every day', async () => {
  const { api, tokens } = fixture();
  const wanted = { path: 'token', expirationSeconds: 90 * 24 * 3600 };
  await tokens.tokenFor(pod, wanted);
  api.clock.advance(24 * hour - 10_001);
  assert.equal(await tokens.tokenFor(pod, wanted), 'token-1');
  api.clock.advance(10_001);
  assert.equal(await tokens.tokenFor(pod, wanted), 'token-2');
});

test('each audience, life and pod has a token of its own', async () => {
  const { api, tokens } = fixture();
  await tokens.tokenFor(pod, { path: 'a' });
  await tokens.tokenFor(pod, { path: 'b' });
  assert.equal(api.tokensIssued, 1);
  await tokens.tokenFor(pod, { path: 'c', audience: 'vault' });
  await tokens.tokenFor(pod, { path: 'd', expirationSeconds: 600 });
  await tokens.tokenFor(podOf({}, { uid: 'uid-2' }), { path: 'a' });
  assert.equal(api.tokensIssued, 4);
});

test('a renewal that fails is no harm until the token has expired', async () => {
  const { api, tokens } = fixture();
  const wanted = { path: 'token', expirationSeconds: 3600 };
  await tokens.tokenFor(pod, wanted);
  api.refuseToken = () => {
    throw apiError.serviceUnavailable('down');
  };
  api.clock.advance(0.9 * hour);
  assert.equal(await tokens.tokenFor(pod, wanted), 'token-1');
  api.clock.advance(0.2 * hour);
  await assert.rejects(tokens.tokenFor(pod, wanted), /expired and refresh failed: down/);
});

test('a first token that is refused says why', async () => {
  const { api, tokens } = fixture();
  api.refuseToken = () => {
    throw apiError.notFound({ group: '', resource: 'serviceaccounts' }, 'default');
  };
  const message = 'failed to fetch token: serviceaccounts "default" not found';
  await assert.rejects(tokens.tokenFor(pod, { path: 'token' }), { message });
});

test('a pod that is gone leaves no token behind', async () => {
  const { api, tokens } = fixture();
  await tokens.tokenFor(pod, { path: 'token' });
  tokens.forget('uid-1');
  await tokens.tokenFor(pod, { path: 'token' });
  assert.equal(api.tokensIssued, 2);
});

test('when a token is to be renewed somebody is told, again every minute while it fails, and not for pods that are gone', async () => {
  const { api, tokens, due } = fixture();
  const wanted = { path: 'token', expirationSeconds: 3600 };
  await tokens.tokenFor(pod, wanted);
  await tokens.tokenFor(pod, { path: 'long', expirationSeconds: 7200 });
  await tokens.tokenFor(podOf({}, { uid: 'gone' }), wanted);
  tokens.forget('gone');
  api.clock.advance(0.8 * hour - 10_001);
  assert.deepEqual(due, []);
  api.clock.advance(10_001);
  assert.deepEqual(due, ['uid-1']);
  api.refuseToken = () => {
    throw apiError.serviceUnavailable('down');
  };
  await tokens.tokenFor(pod, wanted);
  api.clock.advance(60_000);
  assert.equal(due.length, 2);
  tokens.stop();
  api.clock.advance(24 * hour);
  assert.equal(due.length, 2);
});
