import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AccessAttributes, UserInfo } from '../types.ts';
import { RbacAuthorizer } from './authorizer.ts';
import { type BindingObject, PolicyIndex, type RoleObject, type Subject } from './policy-index.ts';
import { allowsPath, allowsResource, type PolicyRule, uncovered } from './rules.ts';

const someOf = (...values: string[]) => fc.subarray(values, { minLength: 1, maxLength: 2 });
const namespaces = ['', 'a', 'b'];
const names = ['x', 'y'];

const resourceRule: fc.Arbitrary<PolicyRule> = fc.record(
  {
    verbs: someOf('get', 'list', '*'),
    apiGroups: someOf('', 'apps', '*'),
    resources: someOf('pods', 'pods/log', '*/log', '*'),
    resourceNames: fc.subarray(['n', 'm']),
  },
  { requiredKeys: ['verbs', 'apiGroups', 'resources'] },
);
const pathRule: fc.Arbitrary<PolicyRule> = fc.record({
  verbs: someOf('get', '*'),
  nonResourceURLs: someOf('/v', '/v/*', '*'),
});
const rules = fc.array(fc.oneof({ weight: 3, arbitrary: resourceRule }, { weight: 1, arbitrary: pathRule }), {
  maxLength: 3,
});

const subject: fc.Arbitrary<Subject> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('User', 'Group'),
    name: fc.constantFrom('jane', 'devs', 'system:serviceaccount:a:bot'),
  }),
  fc.record(
    { kind: fc.constant('ServiceAccount'), name: fc.constant('bot'), namespace: fc.constantFrom('a', 'b') },
    { requiredKeys: ['kind', 'name'] },
  ),
);

interface Step {
  kind: 'role' | 'binding';
  namespace: string;
  name: string;
  rules: PolicyRule[] | undefined;
  roleRef: { kind: string; name: string };
  subjects: Subject[] | undefined;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('role' as const, 'binding' as const),
  namespace: fc.constantFrom(...namespaces),
  name: fc.constantFrom(...names),
  rules: fc.option(rules, { nil: undefined }),
  roleRef: fc.record({ kind: fc.constantFrom('Role', 'ClusterRole'), name: fc.constantFrom(...names) }),
  subjects: fc.option(fc.array(subject, { maxLength: 3 }), { nil: undefined }),
});

const users: UserInfo[] = [
  { name: 'jane', groups: ['devs'] },
  { name: 'joe', groups: [] },
  { name: 'system:serviceaccount:a:bot', groups: ['system:serviceaccounts'] },
];

const request: fc.Arbitrary<AccessAttributes> = fc.oneof(
  fc.record({
    user: fc.constantFrom(...users),
    verb: fc.constantFrom('get', 'list', 'delete'),
    group: fc.constantFrom('', 'apps'),
    resource: fc.constantFrom('pods', 'nodes'),
    subresource: fc.constantFrom('', 'log'),
    namespace: fc.constantFrom(...namespaces),
    name: fc.constantFrom('', 'n', 'o'),
  }),
  fc.record({
    user: fc.constantFrom(...users),
    verb: fc.constantFrom('get', 'post'),
    path: fc.constantFrom('/v', '/v/x', '/w'),
  }),
);

/** The rule of RBAC in its plainest form: some binding in scope, some subject, some rule. */
function plainly(
  roles: Map<string, RoleObject>,
  bindings: Map<string, BindingObject>,
  asked: AccessAttributes,
): boolean {
  const { user, namespace = '', path, verb, group = '', resource = '', subresource = '', name = '' } = asked;
  const isUser = (of: Subject, scope: string): boolean => {
    if (of.kind === 'User') return of.name === user.name;
    if (of.kind === 'Group') return user.groups.includes(of.name);
    const home = of.namespace || scope;
    return home !== '' && user.name === `system:serviceaccount:${home}:${of.name}`;
  };
  return [...bindings].some(([key, { roleRef, subjects }]) => {
    const scope = key.split('/')[0] ?? '';
    if (scope !== '' && (path !== undefined || scope !== namespace)) return false;
    if (!subjects?.some((each) => isUser(each, scope))) return false;
    const role = roles.get(`${roleRef.kind === 'Role' ? scope : ''}/${roleRef.name}`);
    return (role?.rules ?? []).some((rule) => {
      if (path !== undefined) return allowsPath(rule, verb, path);
      const named = !rule.resourceNames?.length || rule.resourceNames.includes(name);
      return named && allowsResource(rule, verb, group, resource, subresource);
    });
  });
}

test('decisions are those of the plain rule, whatever was changed and asked before', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(step, fc.array(request, { maxLength: 4 })), { maxLength: 12 }), (script) => {
      const index = new PolicyIndex();
      const authorizer = new RbacAuthorizer(index);
      const roles = new Map<string, RoleObject>();
      const bindings = new Map<string, BindingObject>();
      for (const [{ kind, namespace, name, rules, roleRef, subjects }, requests] of script) {
        const key = `${namespace}/${name}`;
        if (kind === 'role') {
          const role = rules && { metadata: {}, rules };
          if (role) roles.set(key, role);
          else roles.delete(key);
          index.setRole(namespace, name, role);
        } else {
          const binding = subjects && { metadata: {}, roleRef, subjects };
          if (binding) bindings.set(key, binding);
          else bindings.delete(key);
          index.setBinding(namespace, name, binding);
        }
        authorizer.invalidate();
        for (const asked of requests) {
          assert.equal(authorizer.authorize(asked).allowed, plainly(roles, bindings, asked), JSON.stringify(asked));
        }
      }
    }),
    { numRuns: 400 },
  );
});

test('whoever covers a role is allowed all that the role allows', () => {
  fc.assert(
    fc.property(rules, rules, fc.array(request, { minLength: 1, maxLength: 5 }), (held, wanted, requests) => {
      fc.pre(uncovered(held, wanted).length === 0);
      const allows = (own: PolicyRule[], asked: AccessAttributes) =>
        plainly(
          new Map([['/r', { metadata: {}, rules: own }]]),
          new Map([
            [
              '/b',
              {
                metadata: {},
                roleRef: { kind: 'ClusterRole', name: 'r' },
                subjects: [{ kind: 'User', name: asked.user.name }],
              },
            ],
          ]),
          asked,
        );
      for (const asked of requests) assert.ok(!allows(wanted, asked) || allows(held, asked), JSON.stringify(asked));
    }),
    { numRuns: 400 },
  );
});
