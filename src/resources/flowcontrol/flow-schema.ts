import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { matches, oneOf, required, requiredMatch } from '../shared/check.ts';
import { semanticEqual } from '../shared/equal.ts';
import { dnsSubdomain } from '../shared/names.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import type { FlowSchema, FlowSchemaSpec, PolicyRulesWithSubjects, Subject } from '../typings/flowcontrol.ts';

const highestPrecedence = 10_000;

/** flowcontrol.apiserver.k8s.io/v1 FlowSchema. */
export const flowSchema = resource<FlowSchema>('flowcontrol.apiserver.k8s.io/v1/flowschemas', {
  columns: [
    nameColumn,
    { name: 'PriorityLevel', type: 'string', value: (o) => o.spec?.priorityLevelConfiguration?.name ?? '' },
    { name: 'MatchingPrecedence', type: 'string', value: (o) => o.spec?.matchingPrecedence ?? 0 },
    { name: 'DistinguisherMethod', type: 'string', value: (o) => o.spec?.distinguisherMethod?.type ?? '<none>' },
    ageColumn,
    {
      name: 'MissingPL',
      type: 'string',
      value: (o) => o.status?.conditions?.find((condition) => condition.type === 'Dangling')?.status ?? '?',
    },
  ],
  generation: true,
  default(o) {
    o.spec ??= {};
    o.spec.matchingPrecedence ||= 1000;
  },
  validate,
  subresources: {
    status: statusSubresource<FlowSchema>({
      keepMetadata: true,
      *validateUpdate(next) {
        yield* validateConditions(next.status?.conditions);
      },
    }),
  },
});

interface Condition {
  type?: string;
}

export function* validateConditions(conditions: readonly Condition[] | undefined): Iterable<FieldError> {
  const seen = new Set<string>();
  for (const [i, { type = '' }] of (conditions ?? []).entries()) {
    const path: FieldPath = ['status', 'conditions', i, 'type'];
    if (seen.has(type)) yield e.duplicate(path, type);
    seen.add(type);
    yield* required(type, path);
  }
}

/** What the two mandatory schemas are; nobody may make them something else. */
const exemptRules: PolicyRulesWithSubjects[] = [
  {
    subjects: [{ kind: 'Group', group: { name: 'system:masters' } }],
    resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
    nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  },
];
const catchAllRules: PolicyRulesWithSubjects[] = [
  {
    subjects: [
      { kind: 'Group', group: { name: 'system:unauthenticated' } },
      { kind: 'Group', group: { name: 'system:authenticated' } },
    ],
    resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
    nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
  },
];
const mandatory: Readonly<Record<string, FlowSchemaSpec>> = {
  exempt: { priorityLevelConfiguration: { name: 'exempt' }, matchingPrecedence: 1, rules: exemptRules },
  'catch-all': {
    priorityLevelConfiguration: { name: 'catch-all' },
    matchingPrecedence: highestPrecedence,
    distinguisherMethod: { type: 'ByUser' },
    rules: catchAllRules,
  },
};

function* validate(o: FlowSchema): Iterable<FieldError> {
  const spec = o.spec ?? {};
  const fixed = mandatory[o.metadata.name ?? ''];
  if (fixed && !semanticEqual(spec, fixed)) {
    yield e.invalid(['spec'], spec, `spec of '${o.metadata.name}' must equal the fixed value`);
  }
  const precedence = spec.matchingPrecedence ?? 0;
  if (precedence <= 0) yield e.invalid(['spec', 'matchingPrecedence'], precedence, 'must be a positive value');
  if (precedence > highestPrecedence) {
    yield e.invalid(['spec', 'matchingPrecedence'], precedence, `must not be greater than ${highestPrecedence}`);
  }
  if (precedence === 1 && o.metadata.name !== 'exempt') {
    yield e.invalid(
      ['spec', 'matchingPrecedence'],
      precedence,
      "only the schema named 'exempt' may have matchingPrecedence 1",
    );
  }
  if (spec.distinguisherMethod) {
    yield* oneOf(spec.distinguisherMethod.type, ['ByNamespace', 'ByUser'], ['spec', 'distinguisherMethod']);
  }
  const level = spec.priorityLevelConfiguration?.name;
  yield* requiredMatch(dnsSubdomain, level, ['spec', 'priorityLevelConfiguration', 'name']);
  for (const [i, rule] of (spec.rules ?? []).entries()) yield* validateRule(rule, ['spec', 'rules', i]);
}

function* validateRule(rule: PolicyRulesWithSubjects, path: FieldPath): Iterable<FieldError> {
  if ((rule.subjects ?? []).length === 0) {
    yield e.required([...path, 'subjects'], 'subjects must contain at least one value');
  }
  for (const [i, subject] of (rule.subjects ?? []).entries()) yield* validateSubject(subject, [...path, 'subjects', i]);
  const { resourceRules = [], nonResourceRules = [] } = rule;
  if (resourceRules.length === 0 && nonResourceRules.length === 0) {
    yield e.required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty');
  }
  for (const [i, one] of resourceRules.entries()) {
    const at = [...path, 'resourceRules', i];
    for (const field of ['verbs', 'apiGroups', 'resources'] as const) {
      const what =
        field === 'apiGroups'
          ? 'resource rules must supply at least one api group'
          : `${field} must contain at least one value`;
      if ((one[field] ?? []).length === 0) yield e.required([...at, field], what);
    }
    if ((one.namespaces ?? []).length === 0 && !one.clusterScope) {
      yield e.required(
        [...at, 'namespaces'],
        'resource rules that are not cluster scoped must supply at least one namespace',
      );
    }
  }
  for (const [i, one] of nonResourceRules.entries()) {
    const at = [...path, 'nonResourceRules', i];
    if ((one.verbs ?? []).length === 0) yield e.required([...at, 'verbs'], 'verbs must contain at least one value');
    if ((one.nonResourceURLs ?? []).length === 0) {
      yield e.required([...at, 'nonResourceURLs'], 'nonResourceURLs must contain at least one value');
    }
  }
}

const kinds = { User: 'user', Group: 'group', ServiceAccount: 'serviceAccount' } as const;

function* validateSubject(subject: Subject, path: FieldPath): Iterable<FieldError> {
  const field = kinds[subject.kind as keyof typeof kinds];
  if (!field) {
    yield e.notSupported([...path, 'kind'], subject.kind ?? '', Object.keys(kinds).sort());
    return;
  }
  for (const other of Object.values(kinds)) {
    if (other !== field && subject[other]) {
      yield e.forbidden([...path, other], `${other} is forbidden when subject kind is not '${titleCase(other)}'`);
    }
  }
  const one = subject[field];
  if (!one) yield e.required([...path, field], `${field} is required when subject kind is '${subject.kind}'`);
  else if (!one.name) yield e.required([...path, field, 'name']);
  else if (field === 'serviceAccount') {
    if (one.name !== '*') yield* matches(dnsSubdomain, one.name, [...path, field, 'name']);
    yield* required(
      subject.serviceAccount?.namespace,
      [...path, field, 'namespace'],
      'must specify namespace for service account',
    );
  }
}

const titleCase = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
