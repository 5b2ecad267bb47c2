/** Fields that a request cannot change, and so never owns: status on the main resource, spec on /status. */
import type { ResourceDefinition } from '../../resources/define.ts';
import { emptySet, type FieldSet, isMember, makeNode, pathSet, recursiveDifference, union } from './field-set.ts';
import { fieldElement, type PathElement } from './path-element.ts';

export type FieldFilter = (set: FieldSet) => FieldSet;

type FieldPath = readonly string[];

/** Leaves these fields and everything below them out. */
export function excludeFields(paths: readonly FieldPath[]): FieldFilter {
  const excluded = paths.reduce((set, path) => union(set, pathSet(path.map(fieldElement))), emptySet);
  return (set) => recursiveDifference(set, excluded);
}

/** Keeps only these fields, what is above and what is below them; `*` matches any element. */
export function includeFields(paths: readonly FieldPath[]): FieldFilter {
  const patterns = paths.map((path) => path.map((step) => (step === '*' ? step : fieldElement(step))));
  return (set) => include(set, patterns);
}

function include(set: FieldSet, patterns: readonly (readonly PathElement[])[]): FieldSet {
  if (patterns.some((pattern) => pattern.length === 0)) return set;
  const kept: [PathElement, FieldSet][] = [];
  for (const element of Object.keys(set)) {
    const below = patterns.filter(([head]) => head === '*' || head === element).map(([, ...rest]) => rest);
    if (element === '.' || below.length === 0) continue;
    const node = set[element]!;
    const children = Object.entries(include(node, below)).filter(([name]) => name !== '.');
    if (isMember(node) || children.length > 0) kept.push([element, makeNode(isMember(node), children)]);
  }
  return kept.length > 0 ? makeNode(false, kept) : emptySet;
}

const everything: readonly FieldPath[] = [['metadata'], ['spec']];

/** Where the rule is not simply "status here, spec there". Keys: group/resource[/subresource]. */
const exceptions: Readonly<Record<string, FieldFilter>> = {
  '/pods/status': excludeFields([['spec'], ['metadata', 'deletionTimestamp'], ['metadata', 'ownerReferences']]),
  '/pods/ephemeralcontainers': includeFields([['spec', 'ephemeralContainers']]),
  '/pods/resize': includeFields([
    ['spec', 'containers', '*', 'resources'],
    ['spec', 'containers', '*', 'resizePolicy'],
    ['spec', 'initContainers', '*', 'resources'],
    ['spec', 'initContainers', '*', 'resizePolicy'],
  ]),
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
