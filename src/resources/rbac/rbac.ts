// rbac.authorization.k8s.io/v1: roles and bindings, of the cluster and of a namespace.
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import type { Column } from '../define.ts';
import { immutable, matches, required } from '../shared/check.ts';
import { validateLabelSelector } from '../shared/labels.ts';
import { dnsSubdomain, pathSegment } from '../shared/names.ts';
import { ageColumn, defaultColumns, nameColumn, resource } from '../shared/resource.ts';
import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject } from '../typings/rbac.ts';

const ownGroup = 'rbac.authorization.k8s.io';

export const role = resource<Role>('rbac.authorization.k8s.io/v1/roles', {
  columns: defaultColumns,
  allowCreateOnUpdate: true,
  validateName: pathSegment,
  validate: (o) => validateRules(o.rules ?? [], true),
});

export const clusterRole = resource<ClusterRole>('rbac.authorization.k8s.io/v1/clusterroles', {
  columns: defaultColumns,
  allowCreateOnUpdate: true,
  validateName: pathSegment,
  *validate(o) {
    yield* validateRules(o.rules ?? [], false);
    if (!o.aggregationRule) return;
    const selectors = o.aggregationRule.clusterRoleSelectors ?? [];
    const path: FieldPath = ['aggregationRule', 'clusterRoleSelectors'];
    if (selectors.length === 0)
      yield e.required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil');
    for (const [i, selector] of selectors.entries()) {
      const faults = [...validateLabelSelector(selector, [...path, i])];
      yield* faults;
      if (faults.length > 0) yield e.invalid([...path, i], null, 'invalid label selector.');
    }
  },
});

function* validateRules(rules: readonly PolicyRule[], namespaced: boolean): Iterable<FieldError> {
  for (const [i, rule] of rules.entries()) {
    const path: FieldPath = ['rules', i];
    if ((rule.verbs ?? []).length === 0) yield e.required([...path, 'verbs'], 'verbs must contain at least one value');
    if ((rule.nonResourceURLs ?? []).length > 0) {
      if (namespaced) {
        const detail = 'namespaced rules cannot apply to non-resource URLs';
        yield e.invalid([...path, 'nonResourceURLs'], rule.nonResourceURLs, detail);
      }
      if (rule.apiGroups?.length || rule.resources?.length || rule.resourceNames?.length) {
        const detail = 'rules cannot apply to both regular resources and non-resource URLs';
        yield e.invalid([...path, 'nonResourceURLs'], rule.nonResourceURLs, detail);
      }
      continue;
    }
    if ((rule.apiGroups ?? []).length === 0) {
      yield e.required([...path, 'apiGroups'], 'resource rules must supply at least one api group');
    }
    if ((rule.resources ?? []).length === 0) {
      yield e.required([...path, 'resources'], 'resource rules must supply at least one resource');
    }
  }
}

type Binding = RoleBinding & ClusterRoleBinding;

function subjectsCell(o: Binding, kind: string): string {
  return (o.subjects ?? [])
    .filter((subject) => subject.kind === kind)
    .map((subject) =>
      kind === 'ServiceAccount' && subject.namespace ? `${subject.namespace}/${subject.name}` : (subject.name ?? ''),
    )
    .join(', ');
}

const bindingColumns: readonly Column<Binding>[] = [
  nameColumn,
  { name: 'Role', type: 'string', value: (o) => `${o.roleRef?.kind ?? ''}/${o.roleRef?.name ?? ''}` },
  ageColumn,
  { name: 'Users', type: 'string', priority: 1, value: (o) => subjectsCell(o, 'User') },
  { name: 'Groups', type: 'string', priority: 1, value: (o) => subjectsCell(o, 'Group') },
  { name: 'ServiceAccounts', type: 'string', priority: 1, value: (o) => subjectsCell(o, 'ServiceAccount') },
];

function defaultBinding(o: Binding): void {
  o.roleRef ??= {};
  o.roleRef.apiGroup ||= ownGroup;
  for (const subject of o.subjects ?? []) {
    if (!subject.apiGroup && (subject.kind === 'User' || subject.kind === 'Group')) subject.apiGroup = ownGroup;
  }
}

function* validateBinding(o: Binding, namespaced: boolean): Iterable<FieldError> {
  const { apiGroup = '', kind = '', name } = o.roleRef ?? {};
  if (apiGroup !== ownGroup) yield e.notSupported(['roleRef', 'apiGroup'], apiGroup, [ownGroup]);
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  if (!kinds.includes(kind)) yield e.notSupported(['roleRef', 'kind'], kind, kinds);
  if (!name) yield e.required(['roleRef', 'name']);
  else yield* matches(pathSegment, name, ['roleRef', 'name']);
  for (const [i, subject] of (o.subjects ?? []).entries()) yield* validateSubject(subject, namespaced, ['subjects', i]);
}

function* validateSubject(subject: Subject, namespaced: boolean, path: FieldPath): Iterable<FieldError> {
  yield* required(subject.name, [...path, 'name']);
  switch (subject.kind) {
    case 'ServiceAccount':
      if (subject.name) yield* matches(dnsSubdomain, subject.name, [...path, 'name']);
      if (subject.apiGroup) yield e.notSupported([...path, 'apiGroup'], subject.apiGroup, ['']);
      if (!subject.namespace && !namespaced) yield e.required([...path, 'namespace']);
      break;
    case 'User':
    case 'Group':
      if (subject.apiGroup !== ownGroup)
        yield e.notSupported([...path, 'apiGroup'], subject.apiGroup ?? '', [ownGroup]);
      break;
    default:
      yield e.notSupported([...path, 'kind'], subject.kind ?? '', ['ServiceAccount', 'User', 'Group']);
  }
}

function* validateBindingUpdate(next: Binding, previous: Binding): Iterable<FieldError> {
  for (const error of immutable(next.roleRef, previous.roleRef, ['roleRef'])) {
    yield { ...error, message: error.message.replace('field is immutable', 'cannot change roleRef') };
  }
}

export const roleBinding = resource<RoleBinding>('rbac.authorization.k8s.io/v1/rolebindings', {
  columns: bindingColumns,
  allowCreateOnUpdate: true,
  default: defaultBinding,
  validateName: pathSegment,
  validate: (o) => validateBinding(o, true),
  validateUpdate: validateBindingUpdate,
});

export const clusterRoleBinding = resource<ClusterRoleBinding>('rbac.authorization.k8s.io/v1/clusterrolebindings', {
  columns: bindingColumns,
  allowCreateOnUpdate: true,
  default: defaultBinding,
  validateName: pathSegment,
  validate: (o) => validateBinding(o, false),
  validateUpdate: validateBindingUpdate,
});
