import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock, StatusError } from '../../kernel/index.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { AccessAttributes, UserInfo } from '../types.ts';
import { accessReviews } from './index.ts';

const jane: UserInfo = { name: 'jane', uid: '7', groups: ['devs'], extra: { scopes: ['a'] } };

interface Review extends KubeObject {
  spec?: object;
  status?: object;
}

function fixture() {
  const asked: AccessAttributes[] = [];
  const reviews = accessReviews(
    {
      authorizer: {
        authorize(attributes) {
          asked.push(attributes);
          return { allowed: attributes.verb === 'get', reason: attributes.verb === 'get' ? 'because' : '' };
        },
      },
      rulesFor: () => ({
        rules: [
          { verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['a'] },
          { verbs: ['get'], nonResourceURLs: ['/version'] },
        ],
        errors: ['x not found', 'y not found'],
      }),
    },
    new ManualClock(),
  );
  const review = async (resource: string, object: Review, namespace = ''): Promise<Review> => {
    const handler = reviews.get(resource);
    assert.ok(handler, resource);
    return handler.review(object, namespace, jane);
  };
  const access = (kind: 'subject' | 'localsubject' | 'selfsubject', spec: object, metadata = {}, namespace = '') =>
    review(`authorization.k8s.io/v1/${kind}accessreviews`, { metadata, spec }, namespace);
  return { asked, review, access };
}

const pods = { verb: 'get', resource: 'pods', namespace: 'shop' };

test('a review asks about the subject it names, and a self review about the caller', async () => {
  const { asked, access } = fixture();
  const answer = await access('subject', { user: 'joe', groups: ['g'], resourceAttributes: pods });
  assert.deepEqual(answer.status, { allowed: true, reason: 'because' });
  await access('selfsubject', { nonResourceAttributes: { verb: 'post', path: '/x' } });
  assert.deepEqual(asked, [
    {
      user: { name: 'joe', groups: ['g'] },
      verb: 'get',
      group: '',
      version: '*',
      resource: 'pods',
      subresource: '',
      namespace: 'shop',
      name: '',
    },
    { user: jane, verb: 'post', path: '/x' },
  ]);
});

test('a refusal is not allowed, and not denied either', async () => {
  const { access } = fixture();
  const answer = await access('selfsubject', { resourceAttributes: { ...pods, verb: 'delete' } });
  assert.deepEqual(answer.status, { allowed: false });
});

test('reviews are validated in the words of upstream', async () => {
  const { access } = fixture();
  const refuses = (review: Promise<unknown>, message: string) =>
    assert.rejects(review, (error: unknown) => {
      assert.ok(error instanceof StatusError);
      assert.equal(error.message, `.authorization.k8s.io "" is invalid: ${message}`);
      return error.reason === 'Invalid';
    });
  await refuses(
    access('subject', { resourceAttributes: pods }),
    'spec.user: Invalid value: "": at least one of user or group must be specified',
  );
  await refuses(
    access('selfsubject', {}),
    'spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
  );
  await refuses(
    access('selfsubject', { resourceAttributes: pods, nonResourceAttributes: { path: '/x', verb: 'get' } }),
    'spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":"get"}: cannot be specified in combination with resourceAttributes',
  );
  await refuses(
    access('selfsubject', { resourceAttributes: pods }, { name: 'x' }),
    'metadata: Invalid value: {"name":"x"}: must be empty',
  );
  await refuses(
    access('localsubject', { user: 'joe', resourceAttributes: { ...pods, namespace: 'other' } }, {}, 'shop'),
    'spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace',
  );
  await refuses(
    access('selfsubject', { resourceAttributes: { ...pods, fieldSelector: {} } }),
    'spec.resourceAttributes.fieldSelector.requirements: Required value: when spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required',
  );
  await refuses(
    access('selfsubject', {
      resourceAttributes: { ...pods, labelSelector: { requirements: [{ key: 'a', operator: 'In' }] } },
    }),
    "spec.resourceAttributes.labelSelector.requirements[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
  );
});

test('selectors that cannot be read are ignored, and the answer says so', async () => {
  const { access } = fixture();
  const requirements = [
    { key: 'spec.nodeName', operator: 'In', values: ['n'] },
    { key: 'spec.nodeName', operator: 'Exists' },
  ];
  const answer = await access('selfsubject', {
    resourceAttributes: { ...pods, fieldSelector: { requirements }, labelSelector: { rawSelector: 'a in (' } },
  });
  assert.deepEqual(answer.status, {
    allowed: true,
    reason: 'because',
    evaluationError:
      'spec.resourceAttributes.fieldSelector partially ignored due to parse error; spec.resourceAttributes.labelSelector ignored due to parse error',
  });
});

test('a rules review lists both kinds of rules, and what could not be resolved', async () => {
  const { review } = fixture();
  const rules = 'authorization.k8s.io/v1/selfsubjectrulesreviews';
  const answer = await review(rules, { metadata: {}, spec: { namespace: 'shop' } });
  assert.deepEqual(answer.status, {
    resourceRules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['a'] }],
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/version'] }],
    incomplete: false,
    evaluationError: '[x not found, y not found]',
  });
  await assert.rejects(review(rules, { metadata: {}, spec: {} }), /no namespace on request/);
});

test('the caller is told who it is', async () => {
  const { review } = fixture();
  const answer = await review('authentication.k8s.io/v1/selfsubjectreviews', { metadata: {} });
  assert.deepEqual(answer.status, {
    userInfo: { username: 'jane', uid: '7', groups: ['devs'], extra: { scopes: ['a'] } },
  });
});
