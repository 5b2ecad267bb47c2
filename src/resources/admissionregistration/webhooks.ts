// admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration and MutatingWebhookConfiguration.
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { semanticEqual } from '../shared/equal.ts';
import { oneOf, required } from '../shared/check.ts';
import { validateLabelSelector } from '../shared/labels.ts';
import { ageColumn, nameColumn, resource } from '../shared/resource.ts';
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  RuleWithOperations,
  ValidatingWebhookConfiguration,
} from '../typings/admissionregistration.ts';
import { validateClientConfig } from '../shared/webhook.ts';
import { dnsLabel1035, dnsSubdomain } from '../shared/names.ts';
import { validateMatchConditions } from './match.ts';

type Configuration = MutatingWebhookConfiguration & ValidatingWebhookConfiguration;

const webhooksColumn = {
  name: 'Webhooks',
  type: 'integer',
  value: (o: Configuration) => (o.webhooks ?? []).length,
} as const;

const generation = (next: Configuration, previous: Configuration): boolean =>
  !semanticEqual(next.webhooks, previous.webhooks);

export const mutatingWebhookConfiguration = resource<MutatingWebhookConfiguration>(
  'admissionregistration.k8s.io/v1/mutatingwebhookconfigurations',
  {
    anyFinalizer: true,
    columns: [nameColumn, webhooksColumn, ageColumn],
    requiresResourceVersion: true,
    generation,
    default(o) {
      for (const webhook of o.webhooks ?? []) {
        defaultWebhook(webhook);
        webhook.reinvocationPolicy ??= 'Never';
      }
    },
    validate: (o) => validateWebhooks(o, true),
  },
);

export const validatingWebhookConfiguration = resource<ValidatingWebhookConfiguration>(
  'admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
  {
    anyFinalizer: true,
    columns: [nameColumn, webhooksColumn, ageColumn],
    requiresResourceVersion: true,
    generation,
    default(o) {
      for (const webhook of o.webhooks ?? []) defaultWebhook(webhook);
    },
    validate: (o) => validateWebhooks(o, false),
  },
);

function defaultWebhook(webhook: MutatingWebhook): void {
  webhook.failurePolicy ??= 'Fail';
  webhook.matchPolicy ??= 'Equivalent';
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= 10;
  if (webhook.clientConfig?.service) webhook.clientConfig.service.port ??= 443;
  for (const rule of webhook.rules ?? []) rule.scope ??= '*';
}

function* validateWebhooks(o: Configuration, mutating: boolean): Iterable<FieldError> {
  const names = new Set<string>();
  for (const [i, webhook] of (o.webhooks ?? []).entries()) {
    const path: FieldPath = ['webhooks', i];
    yield* validateWebhook(webhook, path);
    if (mutating && webhook.reinvocationPolicy !== undefined) {
      yield* oneOf(webhook.reinvocationPolicy, ['IfNeeded', 'Never'], [...path, 'reinvocationPolicy'], false);
    }
    const name = webhook.name ?? '';
    if (name && names.has(name)) yield e.duplicate([...path, 'name'], name);
    names.add(name);
  }
}

function* validateWebhook(webhook: MutatingWebhook, path: FieldPath): Iterable<FieldError> {
  yield* validateFullyQualifiedName(webhook.name ?? '', [...path, 'name']);
  for (const [i, rule] of (webhook.rules ?? []).entries())
    yield* validateRuleWithOperations(rule, [...path, 'rules', i]);
  yield* oneOf(webhook.failurePolicy, ['Fail', 'Ignore'], [...path, 'failurePolicy'], false);
  yield* oneOf(webhook.matchPolicy, ['Equivalent', 'Exact'], [...path, 'matchPolicy'], false);
  yield* validateSideEffects(webhook.sideEffects, [...path, 'sideEffects']);
  const seconds = webhook.timeoutSeconds;
  if (seconds !== undefined && (seconds > 30 || seconds < 1)) {
    yield e.invalid([...path, 'timeoutSeconds'], seconds, 'the timeout value must be between 1 and 30 seconds');
  }
  yield* validateLabelSelector(webhook.namespaceSelector, [...path, 'namespaceSelector']);
  yield* validateLabelSelector(webhook.objectSelector, [...path, 'objectSelector']);
  yield* validateClientConfig(webhook.clientConfig ?? {}, [...path, 'clientConfig']);
  yield* validateReviewVersions(webhook.admissionReviewVersions, [...path, 'admissionReviewVersions']);
  yield* validateMatchConditions(webhook.matchConditions, [...path, 'matchConditions']);
}

function* validateFullyQualifiedName(name: string, path: FieldPath): Iterable<FieldError> {
  if (!name) yield e.required(path);
  else if (dnsSubdomain(name).length > 0) yield e.invalid(path, name, dnsSubdomain(name).join(','));
  else if (name.split('.').length < 3) {
    yield e.invalid(path, name, 'should be a domain with at least three segments separated by dots');
  }
}

function* validateSideEffects(value: string | null | undefined, path: FieldPath): Iterable<FieldError> {
  if (!value) yield e.required(path, 'must specify one of None, NoneOnDryRun');
  else yield* oneOf(value, ['None', 'NoneOnDryRun'], path, false);
}

function* validateReviewVersions(versions: readonly string[] | undefined, path: FieldPath): Iterable<FieldError> {
  const known = ['v1', 'v1beta1'];
  if ((versions ?? []).length === 0) {
    yield e.required(path, `must specify one of ${known.join(', ')}`);
    return;
  }
  const seen = new Set<string>();
  for (const [i, version] of (versions ?? []).entries()) {
    if (seen.has(version)) yield e.invalid([...path, i], version, 'duplicate version');
    for (const message of dnsLabel1035(version)) yield e.invalid([...path, i], version, message);
    seen.add(version);
  }
  if (!versions?.some((version) => known.includes(version))) {
    yield e.invalid(path, versions, `must include at least one of ${known.join(', ')}`);
  }
}

const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];

/** What a webhook or a policy wants to see. */
export function* validateRuleWithOperations(rule: RuleWithOperations, path: FieldPath): Iterable<FieldError> {
  const operationList = rule.operations ?? [];
  if (operationList.length === 0) yield e.required([...path, 'operations']);
  if (operationList.length > 1 && operationList.includes('*')) {
    yield e.invalid([...path, 'operations'], operationList, "if '*' is present, must not specify other operations");
  }
  for (const [i, operation] of operationList.entries()) {
    yield* oneOf(operation, operations, [...path, 'operations', i], false);
  }
  for (const [field, what] of [
    ['apiGroups', 'API groups'],
    ['apiVersions', 'API versions'],
  ] as const) {
    const list = rule[field] ?? [];
    if (list.length === 0) yield e.required([...path, field]);
    if (list.length > 1 && list.includes('*')) {
      yield e.invalid([...path, field], list, `if '*' is present, must not specify other ${what}`);
    }
    if (field === 'apiVersions')
      for (const [i, version] of list.entries()) yield* required(version, [...path, field, i]);
  }
  yield* validateResources(rule.resources ?? [], [...path, 'resources']);
  if (rule.scope !== undefined) yield* oneOf(rule.scope, ['*', 'Cluster', 'Namespaced'], [...path, 'scope'], false);
}

function* validateResources(resources: readonly string[], path: FieldPath): Iterable<FieldError> {
  if (resources.length === 0) yield e.required(path);
  const wholeWithSub = new Set<string>();
  const subOfAll = new Set<string>();
  for (const [i, text] of resources.entries()) {
    if (!text) yield e.required([...path, i]);
    if (text === '*/*') subOfAll.add('*');
    const [name = '', sub] = text.split('/', 2);
    if (wholeWithSub.has(name))
      yield e.invalid([...path, i], text, `if '${name}/*' is present, must not specify ${text}`);
    if (sub !== undefined && subOfAll.has(sub)) {
      yield e.invalid([...path, i], text, `if '*/${sub}' is present, must not specify ${text}`);
    }
    if (sub === '*') wholeWithSub.add(name);
    if (name === '*' && sub !== undefined) subOfAll.add(sub);
  }
  if (resources.length > 1 && resources.includes('*/*')) {
    yield e.invalid(path, resources, "if '*/*' is present, must not specify other resources");
  }
  if (resources.length > 1 && resources.includes('*') && resources.some((one) => !one.includes('/') && one !== '*')) {
    yield e.invalid(path, resources, "if '*' is present, must not specify other resources without subresources");
  }
}
