import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createPublicKey } from 'node:crypto';
import * as jose from 'jose';
import { StatusError } from '../../kernel/status.ts';
import type { TokenRequest } from '../../schema/generated/index.ts';
import type { KubeObject } from '../../schema/object.ts';
import { openIdPaths } from './discovery.ts';
import { verificationKeys, verifyJwt } from './jwt.ts';
import { defaultIssuer } from './service-account-tokens.ts';
import { privateKeyPem, world } from './test-support.ts';
import { TokenRequestHandler } from './token-request.ts';
import { TokenReviewHandler } from './token-review.ts';
import { AuthenticationError } from './users.ts';

type World = ReturnType<typeof world>;

function request(at: World, spec: object = {}, metadata: object = {}): Promise<TokenRequest> {
  const handler = new TokenRequestHandler(at.tokens, at.clock);
  const body = { metadata, spec } as TokenRequest;
  return handler.act({ namespace: 'ns', name: 'robot' }, body, { client: at.subjects.client() });
}

const podRef = { kind: 'Pod', apiVersion: 'v1', name: 'pod', uid: 'pod-1' };
const tokenOf = async (at: World, spec?: object): Promise<string> => (await request(at, spec)).status!.token;
const claimsOf = (token: string) => jose.decodeJwt<{ 'kubernetes.io': Record<string, unknown> }>(token);

async function statusOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => assert.fail('should have been refused'),
    (e: unknown) => e,
  );
  assert.ok(error instanceof StatusError, String(error));
  return `${error.code} ${error.reason}: ${error.message}`;
}

function refusal(at: World, token: string, audiences?: readonly string[]): string {
  try {
    at.tokens.identify(token, audiences);
  } catch (error) {
    assert.ok(error instanceof AuthenticationError, String(error));
    return error.message;
  }
  return assert.fail('should have been refused');
}

describe('TokenRequest', () => {
  test('a token of the account, for the API server, for an hour', async () => {
    const at = world();
    const answer = await request(at);
    assert.deepEqual(answer.spec, { audiences: [defaultIssuer], expirationSeconds: 3600, boundObjectRef: null });
    assert.equal(answer.status!.expirationTimestamp, '2026-01-01T01:00:00Z');
    assert.deepEqual([answer.metadata.name, answer.metadata.namespace, answer.metadata.uid], ['robot', 'ns', 'sa-1']);
    const { jti, ...claims } = claimsOf(answer.status!.token);
    const nowSeconds = at.clock.nowMs() / 1000;
    assert.match(String(jti), /^[0-9a-f-]{36}$/);
    assert.deepEqual(claims, {
      aud: [defaultIssuer],
      exp: nowSeconds + 3600,
      iat: nowSeconds,
      iss: defaultIssuer,
      'kubernetes.io': { namespace: 'ns', serviceaccount: { name: 'robot', uid: 'sa-1' } },
      nbf: nowSeconds,
      sub: 'system:serviceaccount:ns:robot',
    });
  });

  test('an independent library verifies it against the published keys', async () => {
    const at = world();
    const token = await tokenOf(at);
    const [configuration, keySet] = await Promise.all(
      openIdPaths(at.tokens).map(async (path) => {
        const answer = await path.handle({
          method: 'GET',
          path: path.path,
          query: new URLSearchParams(),
          header: () => '',
          user: { name: '', groups: [] },
        });
        return { type: answer.contentType, body: JSON.parse(String(answer.body)) };
      }),
    );
    assert.deepEqual(configuration, {
      type: 'application/json',
      body: {
        issuer: defaultIssuer,
        jwks_uri: `${defaultIssuer}/openid/v1/jwks`,
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
      },
    });
    assert.equal(keySet!.type, 'application/jwk-set+json');
    const keys = jose.createLocalJWKSet(keySet!.body as jose.JSONWebKeySet);
    const { payload } = await jose.jwtVerify(token, keys, {
      issuer: defaultIssuer,
      currentDate: new Date(at.clock.nowMs()),
    });
    assert.equal(payload.sub, 'system:serviceaccount:ns:robot');
  });

  test('bound to a pod, it tells the node too', async () => {
    const at = world();
    const bound = claimsOf(await tokenOf(at, { boundObjectRef: podRef }))['kubernetes.io'];
    assert.deepEqual(bound['pod'], { name: 'pod', uid: 'pod-1' });
    assert.deepEqual(bound['node'], { name: 'edge', uid: 'node-1' });
    at.subjects.remove('Node', '', 'edge');
    assert.deepEqual(claimsOf(await tokenOf(at, { boundObjectRef: podRef }))['kubernetes.io']['node'], {
      name: 'edge',
    });
  });

  test('the kubelet’s 3607 s become a year with a warning, for pods and the API server only', async () => {
    const at = world();
    const nowSeconds = at.clock.nowMs() / 1000;
    const answer = await request(at, { expirationSeconds: 3607, boundObjectRef: podRef });
    const claims = claimsOf(answer.status!.token);
    assert.equal(claims.exp, nowSeconds + 365 * 86_400);
    assert.equal(claims['kubernetes.io']['warnafter'], nowSeconds + 3607);
    assert.equal(answer.status!.expirationTimestamp, '2026-01-01T01:00:07Z');
    assert.equal(claimsOf(await tokenOf(at, { expirationSeconds: 3607 })).exp, nowSeconds + 3607);
    const other = { expirationSeconds: 3607, boundObjectRef: podRef, audiences: ['vault'] };
    assert.equal(claimsOf(await tokenOf(at, other)).exp, nowSeconds + 3607);
  });

  test('refusals in upstream’s words', async () => {
    const at = world();
    const invalid = '422 Invalid: TokenRequest.authentication.k8s.io';
    assert.equal(
      await statusOf(request(at, { expirationSeconds: 599 })),
      `${invalid} "" is invalid: spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes`,
    );
    assert.equal(
      await statusOf(request(at, { expirationSeconds: 2 ** 32 + 1 })),
      `${invalid} "" is invalid: spec.expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds`,
    );
    assert.equal(
      await statusOf(request(at, {}, { name: 'other' })),
      `${invalid} "robot" is invalid: metadata.name: Invalid value: "other": must match the service account name if specified`,
    );
    assert.equal(
      await statusOf(request(at, {}, { uid: 'x' })),
      '409 Conflict: Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "robot": the UID in the token request (x) does not match the UID of the service account (sa-1)',
    );
    assert.equal(
      await statusOf(request(at, { boundObjectRef: { ...podRef, uid: 'old' } })),
      '409 Conflict: Operation cannot be fulfilled on Pod "pod": the UID in the bound object reference (old) does not match the UID in record. The object might have been deleted and then recreated',
    );
    assert.equal(
      await statusOf(request(at, { boundObjectRef: { ...podRef, name: 'none' } })),
      '404 NotFound: pods "none" not found',
    );
    assert.equal(
      await statusOf(request(at, { boundObjectRef: { kind: 'Job', apiVersion: 'batch/v1', name: 'j' } })),
      '400 BadRequest: cannot bind token to object of type batch/v1, Kind=Job',
    );
    at.subjects.put('Pod', {
      metadata: { namespace: 'ns', name: 'pod', uid: 'pod-1' },
      spec: { serviceAccountName: 'x' },
    } as KubeObject);
    assert.equal(
      await statusOf(request(at, { boundObjectRef: podRef })),
      '400 BadRequest: cannot bind token for serviceaccount "robot" to pod running with different serviceaccount name.',
    );
    at.subjects.remove('ServiceAccount', 'ns', 'robot');
    assert.equal(await statusOf(request(at)), '404 NotFound: serviceaccounts "robot" not found');
  });
});

describe('service account tokens', () => {
  test('name, groups and what the token is bound to', async () => {
    const at = world();
    const token = await tokenOf(at, { boundObjectRef: podRef });
    const identity = at.tokens.identify(token)!;
    assert.deepEqual(identity.audiences, [defaultIssuer]);
    assert.deepEqual(identity.user, {
      name: 'system:serviceaccount:ns:robot',
      uid: 'sa-1',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:ns', 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/pod-name': ['pod'],
        'authentication.kubernetes.io/pod-uid': ['pod-1'],
        'authentication.kubernetes.io/credential-id': [`JTI=${claimsOf(token).jti}`],
        'authentication.kubernetes.io/node-name': ['edge'],
        'authentication.kubernetes.io/node-uid': ['node-1'],
      },
    });
    assert.equal(at.tokens.identify(token)!.user, identity.user);
  });

  test('bound objects are looked at again only when something has changed', async () => {
    const at = world();
    const token = await tokenOf(at, { boundObjectRef: podRef });
    at.tokens.identify(token);
    const { finds } = at.subjects;
    at.tokens.identify(token);
    assert.equal(at.subjects.finds, finds);
    at.subjects.revision++;
    at.tokens.identify(token);
    assert.ok(at.subjects.finds > finds);
  });

  test('a token ends with its time, its account, its pod, its secret, its node', async () => {
    const ended: [object, (at: World) => void, string][] = [
      [{}, (at) => at.clock.advance(3_661_000), 'service account token has expired'],
      [{}, (at) => at.clock.advance(-62_000), 'service account token is not valid yet'],
      [{}, (at) => at.subjects.remove('ServiceAccount', 'ns', 'robot'), 'serviceaccounts "robot" not found'],
      [
        {},
        (at) => at.subjects.put('ServiceAccount', { metadata: { namespace: 'ns', name: 'robot', uid: 'sa-2' } }),
        'service account UID (sa-2) does not match claim (sa-1)',
      ],
      [
        { boundObjectRef: podRef },
        (at) => at.subjects.remove('Pod', 'ns', 'pod'),
        'service account token has been invalidated',
      ],
      [
        { boundObjectRef: podRef },
        (at) => at.subjects.put('Pod', { metadata: { namespace: 'ns', name: 'pod', uid: 'pod-2' } }),
        'pod UID (pod-2) does not match service account pod ref claim (pod-1)',
      ],
      [
        { boundObjectRef: podRef },
        (at) => {
          const deletionTimestamp = '2025-12-31T23:58:00Z';
          at.subjects.put('Pod', { metadata: { namespace: 'ns', name: 'pod', uid: 'pod-1', deletionTimestamp } });
        },
        'service account token has been invalidated',
      ],
      [
        { boundObjectRef: { kind: 'Secret', apiVersion: 'v1', name: 'secret' } },
        (at) => at.subjects.remove('Secret', 'ns', 'secret'),
        'service account token has been invalidated',
      ],
      [
        { boundObjectRef: { kind: 'Node', apiVersion: 'v1', name: 'edge' } },
        (at) => at.subjects.remove('Node', '', 'edge'),
        'service account token has been invalidated',
      ],
    ];
    for (const [spec, happen, message] of ended) {
      const at = world();
      const token = await tokenOf(at, spec);
      at.tokens.identify(token);
      happen(at);
      assert.equal(refusal(at, token), message);
      assert.equal(refusal(at, token), message, 'and again, from no cache');
    }
  });

  test('a pod being deleted keeps its token for a minute', async () => {
    const at = world();
    const token = await tokenOf(at, { boundObjectRef: podRef });
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    at.subjects.put('Pod', { metadata: { namespace: 'ns', name: 'pod', uid: 'pod-1', deletionTimestamp } });
    at.clock.advance(60_000);
    assert.ok(at.tokens.identify(token));
  });

  test('a token for others is refused here, and good for them', async () => {
    const at = world();
    const token = await tokenOf(at, { audiences: ['vault', 'other'] });
    assert.equal(
      refusal(at, token),
      `token audiences ["vault" "other"] is invalid for the target audiences ["${defaultIssuer}" "https://kubernetes.default.svc"]`,
    );
    assert.deepEqual(at.tokens.identify(token, ['vault', 'x'])!.audiences, ['vault']);
  });

  test('only our signature counts', async () => {
    const at = world();
    const token = await tokenOf(at);
    const [header, payload, signature] = token.split('.') as [string, string, string];
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    const hmac = Buffer.from('{"alg":"HS256"}').toString('base64url');
    const forged = Buffer.from(
      JSON.stringify({ ...claimsOf(token), sub: 'system:serviceaccount:kube-system:admin' }),
    ).toString('base64url');
    for (const bad of [
      `${none}.${payload}.${signature}`,
      `${hmac}.${payload}.${signature}`,
      `${header}.${forged}.${signature}`,
    ]) {
      assert.equal(refusal(at, bad), 'go-jose/go-jose: error in cryptographic primitive');
    }
    for (const foreign of [
      '',
      'x',
      'a.b.c',
      `${header}.${payload}`,
      `${token}.x`,
      `${header}.${payload}.${signature}=`,
    ]) {
      assert.equal(at.tokens.identify(foreign), undefined);
    }
  });

  test('tokens of an independent library verify, and only under their key', async () => {
    const { privateKey, publicKey } = await jose.generateKeyPair('RS256', { extractable: true });
    const token = await new jose.SignJWT({ a: 'b' }).setProtectedHeader({ alg: 'RS256' }).sign(privateKey);
    const ours = verificationKeys([createPublicKey(privateKeyPem).export({ type: 'spki', format: 'pem' }).toString()]);
    const theirs = verificationKeys([await jose.exportSPKI(publicKey)]);
    assert.deepEqual(verifyJwt(token, [...ours, ...theirs]), { a: 'b' });
    assert.throws(() => verifyJwt(token, ours), AuthenticationError);
  });

  test('the token of a token secret is good while secret and account are there', async () => {
    const at = world();
    const account = at.subjects.find('ServiceAccount', 'ns', 'robot')!;
    const token = await at.tokens.signForSecret(account, 'secret');
    assert.equal(refusal(at, token), "Token does not match server's copy");
    const secret = {
      metadata: { namespace: 'ns', name: 'secret', uid: 's' },
      data: { token: Buffer.from(token).toString('base64') },
    };
    at.subjects.put('Secret', secret as KubeObject);
    assert.equal(at.tokens.identify(token)!.user.name, 'system:serviceaccount:ns:robot');
    at.subjects.remove('Secret', 'ns', 'secret');
    assert.equal(refusal(at, token), 'Token has been invalidated');
  });
});

describe('TokenReview', () => {
  const review = async (at: World, token: string, audiences?: string[]) => {
    const spec = { token, ...(audiences && { audiences }) };
    return (await new TokenReviewHandler(at.tokens).review({ metadata: {}, spec })).status;
  };

  test('tells the holder and the audiences', async () => {
    const at = world();
    const token = await tokenOf(at, { audiences: ['vault'] });
    const status = await review(at, token, ['vault', 'x']);
    assert.equal(status?.authenticated, true);
    assert.equal(status?.user?.username, 'system:serviceaccount:ns:robot');
    assert.deepEqual(status?.audiences, ['vault']);
  });

  test('tells why not', async () => {
    const at = world();
    assert.deepEqual(await review(at, 'nonsense'), { user: {}, error: 'invalid bearer token' });
    const token = await tokenOf(at);
    at.clock.advance(4_000_000);
    assert.deepEqual(await review(at, token), { user: {}, error: 'service account token has expired' });
    assert.equal(await statusOf(review(at, '')), '400 BadRequest: token is required for TokenReview in authentication');
  });
});
