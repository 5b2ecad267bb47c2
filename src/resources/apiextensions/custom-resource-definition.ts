import { type FieldError, fieldError as e } from '../../kernel/status.ts';
import { immutable, matches, oneOf, required } from '../shared/check.ts';
import { dnsLabel1035, dnsSubdomain } from '../shared/names.ts';
import { defaultColumns, resource, statusSubresource } from '../shared/resource.ts';
import { validateClientConfig } from '../shared/webhook.ts';
import type { CustomResourceDefinition, CustomResourceDefinitionSpec } from '../typings/apiextensions.ts';

/** Removes the custom resources before the definition goes. */
const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

/** apiextensions.k8s.io/v1 CustomResourceDefinition: stored and named here; schemas are compiled where they are served. */
export const customResourceDefinition = resource<CustomResourceDefinition>(
  'apiextensions.k8s.io/v1/customresourcedefinitions',
  {
    anyFinalizer: true,
    columns: defaultColumns,
    requiresResourceVersion: true,
    generation: true,
    default: defaultDefinition,
    prepareForCreate(o) {
      o.status = {};
      const stored = (o.spec?.versions ?? []).filter((version) => version.storage).map((version) => version.name ?? '');
      if (stored.length > 0) o.status.storedVersions = stored;
      addFinalizer(o);
    },
    prepareForUpdate(next) {
      if (!next.metadata.deletionTimestamp) addFinalizer(next);
      const known = next.status?.storedVersions ?? [];
      const storage = (next.spec?.versions ?? []).find((version) => version.storage)?.name;
      if (storage && !known.includes(storage)) next.status = { ...next.status, storedVersions: [...known, storage] };
    },
    validate,
    validateUpdate,
    subresources: { status: statusSubresource<CustomResourceDefinition>({ keepMetadata: true }) },
  },
);

/** Upstream does this when the definition is deleted; from the start, no race can lose it. */
function addFinalizer(o: CustomResourceDefinition): void {
  const finalizers = o.metadata.finalizers ?? [];
  if (!finalizers.includes(cleanupFinalizer)) o.metadata.finalizers = [...finalizers, cleanupFinalizer];
}

function defaultDefinition(o: CustomResourceDefinition): void {
  o.spec ??= {};
  const spec = o.spec;
  spec.names ??= {};
  const names = spec.names;
  const kind = names.kind ?? '';
  names.singular ||= kind.toLowerCase();
  if (!names.listKind && kind) names.listKind = `${kind}List`;
  spec.conversion ??= { strategy: 'None' };
  const service = spec.conversion.webhook?.clientConfig?.service;
  if (service) service.port ??= 443;
}

function* validate(o: CustomResourceDefinition): Iterable<FieldError> {
  const spec = o.spec ?? {};
  const wanted = `${spec.names?.plural ?? ''}.${spec.group ?? ''}`;
  if (o.metadata.name !== wanted) {
    yield e.invalid(['metadata', 'name'], o.metadata.name, `must be spec.names.plural+"."+spec.group`);
  }
  if (!spec.group) yield e.required(['spec', 'group']);
  else {
    yield* matches(dnsSubdomain, spec.group, ['spec', 'group']);
    if (spec.group.split('.').length < 2) {
      yield e.invalid(['spec', 'group'], spec.group, 'should be a domain with at least one dot');
    }
  }
  yield* oneOf(spec.scope, ['Cluster', 'Namespaced'], ['spec', 'scope']);
  yield* validateVersions(spec);
  yield* validateNames(spec);
  yield* validateConversion(spec);
  yield* validateStoredVersions(o);
}

function* validateStoredVersions(o: CustomResourceDefinition): Iterable<FieldError> {
  const path = ['status', 'storedVersions'];
  const stored = o.status?.storedVersions ?? [];
  const versions = o.spec?.versions ?? [];
  if (stored.length === 0) yield e.invalid(path, null, 'must have at least one stored version');
  for (const { name = '', storage } of versions) {
    if (stored.length > 0 && storage && !stored.includes(name)) {
      yield e.invalid(path, stored, `must have the storage version ${name}`);
    }
  }
  for (const [i, name] of stored.entries()) {
    if (versions.some((version) => version.name === name)) continue;
    const detail = `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
    yield e.invalid([...path, i], name, detail);
  }
}

function* validateVersions(spec: CustomResourceDefinitionSpec): Iterable<FieldError> {
  const versions = spec.versions ?? [];
  for (const [i, version] of versions.entries()) {
    const name = version.name ?? '';
    const messages = dnsLabel1035(name);
    if (messages.length > 0) yield e.invalid(['spec', 'versions', i, 'name'], name, messages.join(','));
    if (!version.schema?.openAPIV3Schema) yield e.required(['spec', 'versions', i, 'schema', 'openAPIV3Schema']);
  }
  if (new Set(versions.map((version) => version.name ?? '')).size < versions.length) {
    yield e.invalid(['spec', 'versions'], versions, 'must contain unique version names');
  }
  const storage = versions.filter((version) => version.storage).length;
  if (storage !== 1) {
    yield e.invalid(
      ['spec', 'versions'],
      versions.length > 0 ? versions : null,
      'must have exactly one version marked as storage version',
    );
  }
}

function* validateNames(spec: CustomResourceDefinitionSpec): Iterable<FieldError> {
  const names = spec.names ?? {};
  for (const field of ['plural', 'singular', 'kind', 'listKind'] as const) {
    const value = names[field] ?? '';
    const path = ['spec', 'names', field];
    yield* required(value, path);
    const lower = field === 'kind' || field === 'listKind' ? value.toLowerCase() : value;
    const messages = value ? dnsLabel1035(lower) : [];
    if (messages.length > 0) {
      const prefix =
        field === 'plural' || field === 'singular' ? '' : 'may have mixed case, but should otherwise match: ';
      yield e.invalid(path, value, `${prefix}${messages.join(',')}`);
    }
  }
  for (const field of ['shortNames', 'categories'] as const) {
    for (const [i, value] of (names[field] ?? []).entries())
      yield* matches(dnsLabel1035, value, ['spec', 'names', field, i]);
  }
  if (names.kind && names.kind === names.listKind) {
    yield e.invalid(['spec', 'names', 'listKind'], names.listKind, 'kind and listKind may not be the same');
  }
}

function* validateConversion(spec: CustomResourceDefinitionSpec): Iterable<FieldError> {
  const { strategy, webhook } = spec.conversion ?? {};
  yield* oneOf(strategy, ['None', 'Webhook'], ['spec', 'conversion', 'strategy']);
  if (strategy !== 'Webhook') {
    if (webhook)
      yield e.forbidden(['spec', 'conversion', 'webhook'], 'should not be set when strategy is not set to Webhook');
    return;
  }
  if (!webhook?.clientConfig) {
    yield e.required(['spec', 'conversion', 'webhookClientConfig'], 'required when strategy is set to Webhook');
  } else yield* validateClientConfig(webhook.clientConfig, ['spec', 'conversion', 'webhookClientConfig']);
  if ((webhook?.conversionReviewVersions ?? []).length === 0) {
    yield e.required(['spec', 'conversion', 'conversionReviewVersions']);
  }
}

function* validateUpdate(next: CustomResourceDefinition, previous: CustomResourceDefinition): Iterable<FieldError> {
  const established = previous.status?.conditions?.some((one) => one.type === 'Established' && one.status === 'True');
  if (established) {
    yield* immutable(next.spec?.scope, previous.spec?.scope, ['spec', 'scope']);
    yield* immutable(next.spec?.names?.kind, previous.spec?.names?.kind, ['spec', 'names', 'kind']);
  }
  yield* immutable(next.spec?.group, previous.spec?.group, ['spec', 'group']);
  yield* immutable(next.spec?.names?.plural, previous.spec?.names?.plural, ['spec', 'names', 'plural']);
}
