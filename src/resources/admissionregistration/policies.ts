// admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy, MutatingAdmissionPolicy and their bindings.
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import type { Column } from '../define.ts';
import { matches, oneOf, required } from '../shared/check.ts';
import { selectorText, validateLabelSelector } from '../shared/labels.ts';
import { dnsLabel, dnsLabel1035, dnsSubdomain, pathSegment, qualifiedName } from '../shared/names.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Variable,
} from '../typings/admissionregistration.ts';
import { defaultMatchResources, validateMatchConditions, validateMatchResources } from './match.ts';

const group = 'admissionregistration.k8s.io/v1';

const paramKindColumn: Column<ValidatingAdmissionPolicy & MutatingAdmissionPolicy> = {
  name: 'ParamKind',
  type: 'string',
  value: (o) => (o.spec?.paramKind ? `${o.spec.paramKind.apiVersion}/${o.spec.paramKind.kind}` : '<unset>'),
};

/** What both kinds of policy have in common. */
const policyStrategy = {
  anyFinalizer: true,
  requiresResourceVersion: true,
  generation: true,
  default(o: ValidatingAdmissionPolicy | MutatingAdmissionPolicy): void {
    o.spec ??= {};
    o.spec.failurePolicy ??= 'Fail';
    defaultMatchResources(o.spec.matchConstraints);
  },
};

export const validatingAdmissionPolicy = resource<ValidatingAdmissionPolicy>(`${group}/validatingadmissionpolicies`, {
  columns: [
    nameColumn,
    { name: 'Validations', type: 'integer', value: (o) => (o.spec?.validations ?? []).length },
    paramKindColumn,
    ageColumn,
  ],
  ...policyStrategy,
  validate: validateValidatingPolicy,
  subresources: { status: statusSubresource<ValidatingAdmissionPolicy>({ keepMetadata: true }) },
});

function* validateValidatingPolicy(o: ValidatingAdmissionPolicy): Iterable<FieldError> {
  const spec = o.spec ?? {};
  yield* validateCommon(spec);
  const validations = spec.validations ?? [];
  const audits = spec.auditAnnotations ?? [];
  if (validations.length === 0 && audits.length === 0) {
    const detail = 'validations or auditAnnotations must contain at least one item';
    yield e.required(['spec', 'validations'], detail);
    yield e.required(['spec', 'auditAnnotations'], detail);
  }
  for (const [i, one] of validations.entries()) {
    const path: FieldPath = ['spec', 'validations', i];
    if (!one.expression?.trim()) yield e.required([...path, 'expression'], 'expression is not specified');
    if (one.messageExpression !== undefined && one.messageExpression !== '' && !one.messageExpression.trim()) {
      yield e.invalid([...path, 'messageExpression'], one.messageExpression, 'must be non-empty if specified');
    }
    if (one.message?.includes('\n')) yield e.invalid([...path, 'message'], one.message, 'must not contain line breaks');
    if (one.expression?.includes('\n') && !one.message) {
      yield e.required([...path, 'message'], 'message must be specified if expression contains line breaks');
    }
    if (one.reason !== undefined) {
      const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];
      yield* oneOf(one.reason, reasons, [...path, 'reason'], false);
    }
  }
  const keys = new Set<string>();
  for (const [i, one] of audits.entries()) {
    const path: FieldPath = ['spec', 'auditAnnotations', i];
    if (!one.key) yield e.required([...path, 'key']);
    else yield* matches(qualifiedName, `${o.metadata.name ?? ''}/${one.key}`, [...path, 'key']);
    if (!one.valueExpression?.trim())
      yield e.required([...path, 'valueExpression'], 'valueExpression is not specified');
    if (keys.has(one.key ?? '')) yield e.duplicate([...path, 'key'], one.key);
    keys.add(one.key ?? '');
  }
}

interface CommonSpec {
  failurePolicy?: string;
  paramKind?: ParamKind;
  matchConstraints?: Parameters<typeof defaultMatchResources>[0];
  matchConditions?: Parameters<typeof validateMatchConditions>[0];
  variables?: Variable[];
}

function* validateCommon(spec: CommonSpec): Iterable<FieldError> {
  yield* oneOf(spec.failurePolicy, ['Fail', 'Ignore'], ['spec', 'failurePolicy']);
  if (spec.paramKind) yield* validateParamKind(spec.paramKind, ['spec', 'paramKind']);
  if (!spec.matchConstraints) yield e.required(['spec', 'matchConstraints']);
  yield* validateMatchResources(spec.matchConstraints, true, ['spec', 'matchConstraints']);
  yield* validateMatchConditions(spec.matchConditions, ['spec', 'matchConditions']);
  const names = new Set<string>();
  for (const [i, { name = '', expression }] of (spec.variables ?? []).entries()) {
    const path: FieldPath = ['spec', 'variables', i];
    if (!name.trim()) yield e.required([...path, 'name'], 'name is not specified');
    else if (!/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name))
      yield e.invalid([...path, 'name'], name, 'must be a valid CEL identifier');
    if (!expression?.trim()) yield e.required([...path, 'expression'], 'expression is not specified');
    if (names.has(name)) yield e.duplicate([...path, 'name'], name);
    names.add(name);
  }
}

function* validateParamKind(kind: ParamKind, path: FieldPath): Iterable<FieldError> {
  if (!kind.apiVersion) yield e.required([...path, 'apiVersion']);
  else {
    const parts = kind.apiVersion.split('/');
    const version = parts[parts.length - 1] ?? '';
    const [groupName] = parts.length === 2 ? parts : [''];
    if (parts.length > 2)
      yield e.invalid([...path, 'apiVersion'], kind.apiVersion, 'must be in the form of group/version');
    if (groupName && dnsSubdomain(groupName).length > 0) {
      yield e.invalid([...path, 'apiVersion'], groupName, dnsSubdomain(groupName).join(','));
    }
    for (const message of dnsLabel1035(version)) yield e.invalid([...path, 'apiVersion'], version, message);
  }
  if (!kind.kind) yield e.required([...path, 'kind']);
  else {
    const messages = dnsLabel(kind.kind.toLowerCase());
    if (messages.length > 0)
      yield e.invalid(
        [...path, 'kind'],
        kind.kind,
        `may have mixed case, but should otherwise match: ${messages.join(',')}`,
      );
  }
}

const paramRefColumn: Column<ValidatingAdmissionPolicyBinding & MutatingAdmissionPolicyBinding> = {
  name: 'ParamRef',
  type: 'string',
  value: (o) => paramRefCell(o.spec?.paramRef),
};

function paramRefCell(reference: ParamRef | undefined): string {
  if (reference?.name) return `${reference.namespace || '*'}/${reference.name}`;
  return reference?.selector ? selectorText(reference.selector) : '<unset>';
}

const policyNameColumn: Column<ValidatingAdmissionPolicyBinding & MutatingAdmissionPolicyBinding> = {
  name: 'PolicyName',
  type: 'string',
  value: (o) => o.spec?.policyName ?? '',
};

export const validatingAdmissionPolicyBinding = resource<ValidatingAdmissionPolicyBinding>(
  `${group}/validatingadmissionpolicybindings`,
  {
    columns: [nameColumn, policyNameColumn, paramRefColumn, ageColumn],
    anyFinalizer: true,
    requiresResourceVersion: true,
    generation: true,
    default: (o) => defaultMatchResources(o.spec?.matchResources),
    *validate(o) {
      yield* validateBinding(o.spec ?? {});
      yield* validateActions(o.spec?.validationActions ?? []);
    },
  },
);

function* validateActions(actions: readonly string[]): Iterable<FieldError> {
  const path: FieldPath = ['spec', 'validationActions'];
  const seen = new Set<string>();
  for (const [i, action] of actions.entries()) {
    yield* oneOf(action, ['Audit', 'Deny', 'Warn'], [...path, i], false);
    if (seen.has(action)) yield e.duplicate([...path, i], action);
    seen.add(action);
  }
  if (seen.has('Deny') && seen.has('Warn')) {
    yield e.invalid(
      path,
      [...seen].sort(),
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
    );
  }
  if (actions.length === 0) yield e.required(path, 'at least one validation action is required');
}

interface BindingSpec {
  policyName?: string;
  paramRef?: ParamRef;
  matchResources?: Parameters<typeof defaultMatchResources>[0];
}

function* validateBinding(spec: BindingSpec): Iterable<FieldError> {
  if (!spec.policyName) yield e.required(['spec', 'policyName']);
  else yield* matches(dnsSubdomain, spec.policyName, ['spec', 'policyName']);
  if (spec.paramRef) yield* validateParamRef(spec.paramRef, ['spec', 'paramRef']);
  yield* validateMatchResources(spec.matchResources, false, ['spec', 'matchResources']);
}

function* validateParamRef(reference: ParamRef, path: FieldPath): Iterable<FieldError> {
  if (reference.selector) yield* validateLabelSelector(reference.selector, [...path, 'selector']);
  if (reference.name) {
    yield* matches(pathSegment, reference.name, [...path, 'name']);
    if (reference.selector) {
      yield e.forbidden([...path, 'name'], 'name and selector are mutually exclusive');
      yield e.forbidden([...path, 'selector'], 'name and selector are mutually exclusive');
    }
  } else if (!reference.selector) {
    yield e.required(path, 'one of name or selector must be specified');
  }
  yield* required(reference.parameterNotFoundAction, [...path, 'parameterNotFoundAction']);
  if (reference.parameterNotFoundAction) {
    yield* oneOf(reference.parameterNotFoundAction, ['Deny', 'Allow'], [...path, 'parameterNotFoundAction'], false);
  }
}

export const mutatingAdmissionPolicy = resource<MutatingAdmissionPolicy>(`${group}/mutatingadmissionpolicies`, {
  columns: [
    nameColumn,
    { name: 'Mutations', type: 'integer', value: (o) => (o.spec?.mutations ?? []).length },
    paramKindColumn,
    ageColumn,
  ],
  ...policyStrategy,
  *validate(o) {
    const spec = o.spec ?? {};
    yield* validateCommon(spec);
    yield* validateMutableOperations(spec.matchConstraints, ['spec', 'matchConstraints']);
    if ((spec.mutations ?? []).length === 0)
      yield e.required(['spec', 'mutations'], 'mutations must contain at least one item');
    for (const [i, mutation] of (spec.mutations ?? []).entries()) {
      const path: FieldPath = ['spec', 'mutations', i];
      const { patchType, applyConfiguration, jsonPatch } = mutation;
      if (patchType === 'ApplyConfiguration') {
        if (!applyConfiguration)
          yield e.required([...path, 'applyConfiguration'], 'must be specified when patchType is ApplyConfiguration');
        if (jsonPatch)
          yield e.invalid(
            [...path, 'jsonPatch'],
            '{jsonPatch}',
            'must not be specified when patchType is ApplyConfiguration',
          );
      } else if (patchType === 'JSONPatch') {
        if (!jsonPatch) yield e.required([...path, 'jsonPatch'], 'must be specified when patchType is JSONPatch');
        if (applyConfiguration)
          yield e.invalid(
            [...path, 'applyConfiguration'],
            '{applyConfiguration}',
            'must not be specified when patchType is JSONPatch',
          );
      } else yield* oneOf(patchType, ['ApplyConfiguration', 'JSONPatch'], [...path, 'patchType']);
    }
    yield* oneOf(spec.reinvocationPolicy, ['IfNeeded', 'Never'], ['spec', 'reinvocationPolicy']);
  },
});

export const mutatingAdmissionPolicyBinding = resource<MutatingAdmissionPolicyBinding>(
  `${group}/mutatingadmissionpolicybindings`,
  {
    columns: [nameColumn, policyNameColumn, paramRefColumn, ageColumn],
    anyFinalizer: true,
    requiresResourceVersion: true,
    generation: true,
    default: (o) => defaultMatchResources(o.spec?.matchResources),
    *validate(o) {
      yield* validateBinding(o.spec ?? {});
      yield* validateMutableOperations(o.spec?.matchResources, ['spec', 'matchResources']);
    },
  },
);

/** What is being deleted cannot be changed. */
function* validateMutableOperations(match: CommonSpec['matchConstraints'], path: FieldPath): Iterable<FieldError> {
  for (const operation of (match?.resourceRules ?? []).flatMap((rule) => rule.operations ?? [])) {
    yield* oneOf(operation, ['*', 'CONNECT', 'CREATE', 'UPDATE'], [...path, 'resourceRules', 'operations'], false);
  }
}
