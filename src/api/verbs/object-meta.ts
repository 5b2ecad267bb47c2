/** Checks of ObjectMeta that hold for every kind, in apimachinery's words. */
import { type FieldError, fieldError, type FieldPath, sameJson } from '../../kernel/index.ts';
import { dnsLabel, dnsSubdomain, qualifiedName, validateAnnotations, validateLabels } from '../../resources/index.ts';
import type { ManagedFieldsEntry, ObjectMeta, OwnerReference } from '../../schema/object.ts';

const subresourceLimit = 256;
const metadata = ['metadata'];
const immutable = 'field is immutable';

const at = (...steps: string[]): FieldPath => [...metadata, ...steps];

/** Rule for names of one kind. */
export type NameRule = (name: string) => readonly string[];

/** Checks a new object's metadata. `nameRule` defaults to DNS subdomain. */
export function* validateMeta(
  meta: ObjectMeta,
  namespaced: boolean,
  nameRule: NameRule = dnsSubdomain,
): Iterable<FieldError> {
  if (meta.generateName) {
    const probe = maskTrailingDash(meta.generateName);
    for (const text of nameRule(probe)) yield fieldError.invalid(at('generateName'), meta.generateName, text);
  }
  if (!meta.name) yield fieldError.required(at('name'), 'name or generateName is required');
  else for (const text of nameRule(meta.name)) yield fieldError.invalid(at('name'), meta.name, text);
  if (!namespaced) {
    if (meta.namespace) yield fieldError.forbidden(at('namespace'), 'not allowed on this type');
  } else if (!meta.namespace) {
    yield fieldError.required(at('namespace'));
  } else {
    for (const text of dnsLabel(meta.namespace)) yield fieldError.invalid(at('namespace'), meta.namespace, text);
  }
  if ((meta.generation ?? 0) < 0) {
    yield fieldError.invalid(at('generation'), meta.generation, 'must be greater than or equal to 0');
  }
  yield* validateLabels(meta.labels, at('labels'));
  yield* validateAnnotations(meta.annotations, at('annotations'));
  yield* validateOwners(meta.ownerReferences);
  yield* validateFinalizers(meta.finalizers);
  yield* validateManagedFields(meta.managedFields);
}

/** Checks a change of metadata. */
export function* validateMetaUpdate(next: ObjectMeta, previous: ObjectMeta): Iterable<FieldError> {
  if (previous.deletionTimestamp) {
    const added = (next.finalizers ?? []).filter((name) => !previous.finalizers?.includes(name));
    if (added.length > 0) {
      const listed = [...new Set(added)]
        .sort()
        .map((name) => JSON.stringify(name))
        .join(', ');
      yield fieldError.forbidden(
        at('finalizers'),
        `no new finalizers can be added if the object is being deleted, found new finalizers []string{${listed}}`,
      );
    }
  }
  if ((next.generation ?? 0) < (previous.generation ?? 0)) {
    yield fieldError.invalid(at('generation'), next.generation, 'must not be decremented');
  }
  for (const name of fixedFields) {
    if (!sameJson(next[name] ?? '', previous[name] ?? '')) {
      yield fieldError.invalid(at(name), next[name] ?? null, immutable);
    }
  }
}

const fixedFields = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;

/** A generateName may end in a dash: the suffix follows it. */
const maskTrailingDash = (name: string): string =>
  name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;

function* validateOwners(owners: readonly OwnerReference[] | undefined): Iterable<FieldError> {
  const path = at('ownerReferences');
  let controller = '';
  for (const owner of owners ?? []) {
    yield* validateOwner(owner, path);
    if (!owner.controller) continue;
    const name = `${owner.kind}/${owner.name}`;
    if (controller) {
      yield fieldError.invalid(
        path,
        owners,
        `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`,
      );
    } else {
      controller = name;
    }
  }
}

function* validateOwner(owner: OwnerReference, path: FieldPath): Iterable<FieldError> {
  const version = owner.apiVersion?.slice(owner.apiVersion.indexOf('/') + 1);
  if (!version) {
    yield fieldError.invalid([...path, 'apiVersion'], owner.apiVersion ?? '', 'version must not be empty');
  }
  for (const field of ['kind', 'name', 'uid'] as const) {
    if (!owner[field]) yield fieldError.invalid([...path, field], owner[field] ?? '', 'must not be empty');
  }
  if (owner.apiVersion === 'v1' && owner.kind === 'Event') {
    yield fieldError.invalid(path, owner, '/v1, Kind=Event is disallowed from being an owner');
  }
}

function* validateFinalizers(finalizers: readonly string[] | undefined): Iterable<FieldError> {
  const path = at('finalizers');
  for (const name of finalizers ?? [])
    for (const text of qualifiedName(name)) yield fieldError.invalid(path, name, text);
  if (finalizers?.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    yield fieldError.invalid(path, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set');
  }
}

const standardFinalizers = ['kubernetes', 'orphan', 'foregroundDeletion'];

/** Most built-in kinds take no finalizer without a domain, except the system's own. */
export function* validateFinalizerDomains(finalizers: readonly string[] | undefined): Iterable<FieldError> {
  for (const [index, name] of (finalizers ?? []).entries()) {
    if (name.includes('/') || standardFinalizers.includes(name)) continue;
    const text = 'name is neither a standard finalizer name nor is it fully qualified';
    yield fieldError.invalid([...at('finalizers'), index], name, text);
  }
}

function* validateManagedFields(entries: readonly ManagedFieldsEntry[] | undefined): Iterable<FieldError> {
  for (const [index, entry] of (entries ?? []).entries()) {
    const path = [...metadata, 'managedFields', index];
    if (entry.operation !== 'Apply' && entry.operation !== 'Update') {
      yield fieldError.invalid([...path, 'operation'], entry.operation ?? '', 'must be `Apply` or `Update`');
    }
    if (entry.fieldsType && entry.fieldsType !== 'FieldsV1') {
      yield fieldError.invalid([...path, 'fieldsType'], entry.fieldsType, 'must be `FieldsV1`');
    }
    if ((entry.subresource?.length ?? 0) > subresourceLimit) {
      yield fieldError.tooLong([...path, 'subresource'], subresourceLimit);
    }
  }
}
