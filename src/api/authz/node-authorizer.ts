/** Authorization of kubelets: the rules of ClusterRole system:node, narrowed to what the node's own pods refer to. */
import type { Pod } from '../../schema/generated/index.ts';
import type { Store } from '../../store/types.ts';
import type { AccessAttributes, Authorizer, Decision } from '../types.ts';
import { podReferences } from './node-references.ts';
import type { PolicyIndex } from './policy-index.ts';
import { allowsPath, allowsResource, type PolicyRule } from './rules.ts';

const nodeGroup = 'system:nodes';
const userPrefix = 'system:node:';
const role = { kind: 'ClusterRole', name: 'system:node' };
const allowed: Decision = { allowed: true, reason: '' };
const leaseNamespace = 'kube-node-lease';
const ownVerbs: readonly string[] = ['get', 'create', 'update', 'patch', 'delete'];

/** Whether a pod of the node, in this namespace, refers to `secrets/name` and the like. */
type RefersTo = (node: string, namespace: string, reference: string) => boolean;

/**
 * Decides for users `system:node:<name>` of group system:nodes; leaves everyone else, and what it does not allow, to
 * `next`. Refusals in the words of kube-apiserver's `--authorization-mode=Node`.
 */
export function nodeAuthorizer(store: Store, index: PolicyIndex, next: Authorizer): Authorizer {
  const podKind = store.kinds.find(({ gvk }) => gvk.apiVersion === 'v1' && gvk.kind === 'Pod');
  const refersTo: RefersTo = (node, namespace, reference) => {
    if (!podKind) return false;
    using pods = store.list(podKind, { namespace, index: { field: 'spec.nodeName', value: node } });
    return pods.entries.some((entry) => podReferences(store.object<Pod>(entry)).has(reference));
  };
  const followsRole = (attributes: AccessAttributes): boolean => {
    const rules = index.rulesOf(role, '');
    return 'rules' in rules && rules.rules.some((rule) => permits(rule, attributes));
  };
  return {
    authorize(attributes) {
      const node = nodeOf(attributes);
      if (node === undefined) return next.authorize(attributes);
      const narrow = narrowed.get(`${attributes.group ?? ''}/${attributes.resource ?? ''}`);
      const refusal = narrow ? narrow(node, attributes, refersTo) : followsRole(attributes) ? undefined : '';
      if (refusal === undefined) return allowed;
      const decision = next.authorize(attributes);
      return decision.allowed ? decision : { allowed: false, reason: refusal };
    },
  };
}

const nodeOf = ({ user }: AccessAttributes): string | undefined =>
  user.name.startsWith(userPrefix) && user.groups.includes(nodeGroup) ? user.name.slice(userPrefix.length) : undefined;

const permits = (rule: PolicyRule, { verb, group = '', resource, subresource = '', path = '' }: AccessAttributes) =>
  resource ? allowsResource(rule, verb, group, resource, subresource) : allowsPath(rule, verb, path);

/** Why this node may not; undefined when it may. */
type Narrow = (node: string, attributes: AccessAttributes, refersTo: RefersTo) => string | undefined;

const related: Narrow = (node, { resource, namespace = '', name }, refersTo) => {
  if (!name) return 'No Object name found';
  if (refersTo(node, namespace, `${resource}/${name}`)) return undefined;
  return `no relationship found between node '${node}' and this object`;
};

const readNamespaced: Narrow = (node, attributes, refersTo) => {
  if (!['get', 'list', 'watch'].includes(attributes.verb)) return 'can only read resources of this type';
  if (attributes.subresource) return 'cannot read subresource';
  if (!attributes.namespace) return 'can only read namespaced object of this type';
  return related(node, attributes, refersTo);
};

const claims: Narrow = (node, attributes, refersTo) => {
  if (attributes.subresource === 'status') {
    if (!['update', 'patch'].includes(attributes.verb)) return 'can only get/update/patch this type';
    return related(node, attributes, refersTo);
  }
  if (attributes.verb !== 'get') return 'can only get individual resources of this type';
  if (attributes.subresource) return 'cannot get subresource';
  return related(node, attributes, refersTo);
};

const serviceAccounts: Narrow = (node, attributes, refersTo) => {
  const { verb, name, subresource } = attributes;
  if (verb === 'get' && !subresource) return readNamespaced(node, attributes, refersTo);
  if (verb !== 'create' || !name) return 'can only create tokens for individual service accounts';
  if (subresource !== 'token') return 'can only create token subresource of serviceaccount';
  return related(node, attributes, refersTo);
};

const leases: Narrow = (node, { verb, namespace, name }) => {
  if (!ownVerbs.includes(verb)) return 'can only get, create, update, patch, or delete a node lease';
  if (namespace !== leaseNamespace) return `can only access leases in the "${leaseNamespace}" system namespace`;
  if (verb === 'create' || name === node) return undefined;
  return 'can only access node lease with the same name as the requesting node';
};

const csiNodes: Narrow = (node, { verb, subresource, name }) => {
  if (!ownVerbs.includes(verb)) return 'can only get, create, update, patch, or delete a CSINode';
  if (subresource) return 'cannot authorize CSINode subresources';
  if (verb === 'create' || name === node) return undefined;
  return 'can only access CSINode with the same name as the requesting node';
};

const narrowed: ReadonlyMap<string, Narrow> = new Map([
  ['/secrets', readNamespaced],
  ['/configmaps', readNamespaced],
  ['/persistentvolumeclaims', claims],
  ['/serviceaccounts', serviceAccounts],
  ['coordination.k8s.io/leases', leases],
  ['storage.k8s.io/csinodes', csiNodes],
]);
