import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AccessAttributes, UserInfo } from '../types.ts';
import { createImpersonation, impersonation } from './impersonation.ts';

const jane: UserInfo = { name: 'jane', groups: ['system:authenticated'] };
const text = ({ verb, group, resource, subresource, namespace, name }: AccessAttributes): string =>
  [verb, group, namespace, subresource ? `${resource}/${subresource}` : resource, name].filter(Boolean).join(' ');

/** Impersonation where only `allowed` is allowed (undefined: everything); notes what was asked. */
function impersonate(allowed?: readonly string[]) {
  const asked: string[] = [];
  const run = createImpersonation({
    requireAccess: (attributes) => {
      asked.push(text(attributes));
      if (allowed && !allowed.includes(text(attributes))) throw new Error(`no: ${text(attributes)}`);
    },
    forbidden: (attributes, reason) => new Error(`${text(attributes)}: ${reason}`),
  });
  return { asked, run };
}

describe('impersonation', () => {
  test('requests without the headers stay who they are', () => {
    assert.equal(impersonate().run(jane, [['accept', '*/*']]), jane);
  });

  test('a user with uid, groups and extra: access is needed to each', () => {
    const { asked, run } = impersonate();
    const user = run(jane, [
      ['impersonate-user', 'bob'],
      ['impersonate-uid', '7'],
      ['impersonate-group', 'a'],
      ['impersonate-group', 'b'],
      ['impersonate-extra-example.com%2fscope', 'x'],
    ]);
    assert.deepEqual(user, {
      name: 'bob',
      uid: '7',
      groups: ['a', 'b', 'system:authenticated'],
      extra: { 'example.com/scope': ['x'] },
    });
    assert.deepEqual(asked, [
      'impersonate users bob',
      'impersonate authentication.k8s.io uids 7',
      'impersonate groups a',
      'impersonate groups b',
      'impersonate authentication.k8s.io userextras/example.com/scope x',
    ]);
  });

  test('extra keys may be called as JavaScript calls its own', () => {
    const { asked, run } = impersonate();
    const user = run(jane, [
      ['impersonate-user', 'bob'],
      ['impersonate-extra-__proto__', 'x'],
      ['impersonate-extra-constructor', 'y'],
    ]);
    assert.deepEqual(Object.entries(user.extra ?? {}), [
      ['__proto__', ['x']],
      ['constructor', ['y']],
    ]);
    assert.deepEqual(asked, [
      'impersonate users bob',
      'impersonate authentication.k8s.io userextras/__proto__ x',
      'impersonate authentication.k8s.io userextras/constructor y',
    ]);
  });

  test('a service account brings its groups, anonymous its own', () => {
    const { asked, run } = impersonate();
    assert.deepEqual(run(jane, [['impersonate-user', 'system:serviceaccount:ns:robot']]).groups, [
      'system:serviceaccounts',
      'system:serviceaccounts:ns',
      'system:authenticated',
    ]);
    assert.deepEqual(asked, ['impersonate ns serviceaccounts robot']);
    assert.deepEqual(run(jane, [['impersonate-user', 'system:anonymous']]).groups, ['system:unauthenticated']);
    const both = [
      ['impersonate-user', 'x'],
      ['impersonate-group', 'system:unauthenticated'],
    ] as const;
    assert.deepEqual(run(jane, both).groups, ['system:unauthenticated']);
  });

  test('parts without a name are refused in upstream’s words', () => {
    assert.throws(
      () => impersonation([['impersonate-group', 'a']]),
      /requested &user\.DefaultInfo\{Name:"", UID:"", Groups:\[\]string\{"a"\}, Extra:map\[string\]\[\]string\(nil\)\} without impersonating a user name/,
    );
  });

  test('narrow modes come first, and their refusal is the answer', () => {
    const list: AccessAttributes = { user: jane, verb: 'list', group: '', version: 'v1', resource: 'pods' };
    const headers = [['impersonate-user', 'bob']] as const;
    const none = impersonate([]);
    assert.throws(() => none.run(jane, headers, list), /no: impersonate-on:user-info:list pods/);
    assert.deepEqual(none.asked, ['impersonate-on:user-info:list pods', 'impersonate users bob']);
    const narrow = impersonate([
      'impersonate-on:user-info:list pods',
      'impersonate:user-info authentication.k8s.io users bob',
    ]);
    assert.equal(narrow.run(jane, headers, list).name, 'bob');
    const plain = impersonate(['impersonate users bob']);
    assert.equal(plain.run(jane, headers, list).name, 'bob');
  });

  test('a narrow mode never leads to system:masters', () => {
    const list: AccessAttributes = { user: jane, verb: 'list', group: '', version: 'v1', resource: 'pods' };
    const headers = [
      ['impersonate-user', 'bob'],
      ['impersonate-group', 'system:masters'],
    ] as const;
    const narrow = 'impersonate:user-info authentication.k8s.io';
    const { run } = impersonate([
      'impersonate-on:user-info:list pods',
      `${narrow} users bob`,
      `${narrow} groups system:masters`,
    ]);
    assert.throws(() => run(jane, headers, list), /impersonating the system:masters group is not allowed/);
  });

  test('an account may act as the node it runs on', () => {
    const account: UserInfo = {
      name: 'system:serviceaccount:ns:agent',
      groups: [],
      extra: { 'authentication.kubernetes.io/node-name': ['edge'] },
    };
    const get: AccessAttributes = { user: account, verb: 'get', group: '', version: 'v1', resource: 'pods', name: 'p' };
    const allowed = [
      'impersonate-on:associated-node:get pods p',
      'impersonate:associated-node authentication.k8s.io nodes *',
    ];
    const { run } = impersonate(allowed);
    assert.deepEqual(run(account, [['impersonate-user', 'system:node:edge']], get).groups, [
      'system:nodes',
      'system:authenticated',
    ]);
    assert.throws(() => run(account, [['impersonate-user', 'system:node:other']], get));
  });
});
