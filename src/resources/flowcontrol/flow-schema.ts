import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { matches, required } from '../shared/check.ts';
import { semanticEqual } from '../shared/equal.ts';
import { dnsLabel, dnsSubdomain } from '../shared/names.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import type {
  FlowSchema,
  FlowSchemaSpec,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '../typings/flowcontrol.ts';

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
    const { type } = spec.distinguisherMethod;
    const known = ['ByNamespace', 'ByUser'];
    if (!known.includes(type ?? ''))
      yield e.notSupported(['spec', 'distinguisherMethod', 'type'], { Type: type }, known);
  }
  const level = spec.priorityLevelConfiguration?.name;
  const levelPath = ['spec', 'priorityLevelConfiguration', 'name'];
  if (!level) yield e.required(levelPath, 'must reference a priority level');
  else yield* matches(dnsSubdomain, level, levelPath);
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
  for (const [i, one] of resourceRules.entries()) yield* validateResourceRule(one, [...path, 'resourceRules', i]);
  for (const [i, one] of nonResourceRules.entries()) {
    const at = [...path, 'nonResourceRules', i];
    yield* validateVerbs(one.verbs ?? [], [...at, 'verbs']);
    const urls = one.nonResourceURLs ?? [];
    if (urls.length === 0)
      yield e.required([...at, 'nonResourceURLs'], 'nonResourceURLs must contain at least one value');
    else if (urls.includes('*')) yield* validateWildcard(urls, 'non-resource URLs', [...at, 'nonResourceURLs']);
    else for (const [j, url] of urls.entries()) yield* validateUrl(url, [...at, 'nonResourceURLs', j]);
  }
}

function* validateResourceRule(rule: ResourcePolicyRule, path: FieldPath): Iterable<FieldError> {
  yield* validateVerbs(rule.verbs ?? [], [...path, 'verbs']);
  for (const [field, what, one] of [
    ['apiGroups', 'api groups', 'api group'],
    ['resources', 'resources', 'resource'],
  ] as const) {
    const list = rule[field] ?? [];
    if (list.length === 0) yield e.required([...path, field], `resource rules must supply at least one ${one}`);
    yield* validateWildcard(list, what, [...path, field]);
  }
  const namespaces = rule.namespaces ?? [];
  const at = [...path, 'namespaces'];
  if (namespaces.length === 0 && !rule.clusterScope) {
    yield e.required(at, 'resource rules that are not cluster scoped must supply at least one namespace');
  } else if (namespaces.includes('*')) yield* validateWildcard(namespaces, 'namespaces', at);
  else {
    for (const [i, name] of namespaces.entries()) {
      for (const message of dnsLabel(name)) {
        yield e.invalid([...at, i], name, `each member of this list must be '*' or a DNS-1123 label; ${message}`);
      }
    }
  }
}

const knownVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];

function* validateVerbs(verbs: readonly string[], path: FieldPath): Iterable<FieldError> {
  if (verbs.length === 0) yield e.required(path, 'verbs must contain at least one value');
  else if (verbs.includes('*')) yield* validateWildcard(verbs, 'verbs', path);
  else if (!verbs.every((verb) => knownVerbs.includes(verb))) yield e.notSupported(path, verbs, knownVerbs);
}

function* validateWildcard(list: readonly string[], what: string, path: FieldPath): Iterable<FieldError> {
  if (list.length > 1 && list.includes('*')) {
    yield e.invalid(path, list, `if '*' is present, must not specify other ${what}`);
  }
}

function* validateUrl(url: string, path: FieldPath): Iterable<FieldError> {
  if (!url) yield e.invalid(path, url, 'must not be empty');
  else if (!url.startsWith('/')) yield e.invalid(path, url, 'must start with slash');
  else if (url.includes(' ')) yield e.invalid(path, url, 'must not contain white-space');
  else if (url.includes('//')) yield e.invalid(path, url, 'must not contain double slash');
  else if (/\*./.test(url) || (url.endsWith('*') && !url.endsWith('/*'))) {
    yield e.invalid(path, url, 'wildcard can only do suffix matching');
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
