/** Fields that a request cannot change, and so never owns: status on the main resource, spec on /status. */
import type { ResourceDefinition } from '../../resources/define.ts';
import { emptySet, type FieldSet, pathSet, recursiveDifference, union } from './field-set.ts';
import { fieldElement } from './path-element.ts';

export type FieldFilter = (set: FieldSet) => FieldSet;

type FieldPath = readonly string[];

/** Leaves these fields and everything below them out. */
export function excludeFields(paths: readonly FieldPath[]): FieldFilter {
  const excluded = paths.reduce((set, path) => union(set, pathSet(path.map(fieldElement))), emptySet);
  return (set) => recursiveDifference(set, excluded);
}

const everything: readonly FieldPath[] = [['metadata'], ['spec']];

/** Where the rule is not simply "status here, spec there". Keys: group/resource[/subresource]. */
const exceptions: Readonly<Record<string, FieldFilter>> = {
  '/pods/status': excludeFields([['spec'], ['metadata', 'deletionTimestamp'], ['metadata', 'ownerReferences']]),
  '/namespaces/finalize': excludeFields([['status']]),
  'apps/deployments/status': excludeFields([['spec'], ['metadata', 'labels']]),
  'certificates.k8s.io/certificatesigningrequests': excludeFields([['spec'], ['status']]),
  'certificates.k8s.io/certificatesigningrequests/status': excludeFields([['spec'], ['status', 'conditions']]),
  'certificates.k8s.io/certificatesigningrequests/approval': excludeFields([['spec'], ['status', 'certificate']]),
  'networking.k8s.io/servicecidrs/status': excludeFields(everything),
  'resource.k8s.io/resourceclaims/status': excludeFields(everything),
  'storage.k8s.io/volumeattachments/status': excludeFields(everything),
  'flowcontrol.apiserver.k8s.io/flowschemas/status': excludeFields(everything),
  'flowcontrol.apiserver.k8s.io/prioritylevelconfigurations/status': excludeFields(everything),
  'apiregistration.k8s.io/apiservices/status': excludeFields(everything),
  'admissionregistration.k8s.io/validatingadmissionpolicies/status': excludeFields(everything),
};

const filters = new WeakMap<ResourceDefinition, Map<string, FieldFilter | undefined>>();

/** The filter for writes to `definition`, or to one of its subresources; undefined = every field can change. */
export function resetFields(definition: ResourceDefinition, subresource = ''): FieldFilter | undefined {
  let bySubresource = filters.get(definition);
  if (!bySubresource) {
    bySubresource = new Map();
    filters.set(definition, bySubresource);
  }
  if (!bySubresource.has(subresource)) bySubresource.set(subresource, makeFilter(definition, subresource));
  return bySubresource.get(subresource);
}

function makeFilter(definition: ResourceDefinition, subresource: string): FieldFilter | undefined {
  const { group, resource } = definition;
  const exception = exceptions[`${group}/${resource}${subresource && `/${subresource}`}`];
  if (exception) return exception;
  if (subresource === 'status') return excludeFields([['spec']]);
  if (subresource) return undefined;
  const status = definition.statusFields ?? (definition.subresources?.['status'] ? ['status'] : []);
  return status.length > 0 ? excludeFields(status.map((name) => [name])) : undefined;
}
