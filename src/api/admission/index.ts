/** The admission chain: upstream's plugins that are on by default, in upstream's order. */
import type { Clock } from '../../kernel/index.ts';
import type { AdmissionPlugin, Authorizer } from '../types.ts';
import { generateName } from '../verbs/meta.ts';
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from './certificates.ts';
import { defaultIngressClass } from './ingress-class.ts';
import { limitRanger } from './limit-ranger.ts';
import type { Lookup } from './lookup.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { podResizeValidator } from './pod-resize.ts';
import { priority } from './priority.ts';
import { runtimeClass } from './runtime-class.ts';
import { serviceAccount } from './service-account.ts';
import { defaultStorageClass, persistentVolumeClaimResize, storageObjectInUseProtection } from './storage.ts';
import { defaultTolerationSeconds, taintNodesByCondition } from './taints.ts';

export { type Lookup, storeLookup } from './lookup.ts';
export { podTotal } from './pod-resources.ts';
export { forbidden } from './request.ts';

export interface AdmissionDeps {
  lookup: Lookup;
  authorizer: Authorizer;
  clock: Clock;
  /** Appends a random suffix; the one of generateName when absent. */
  generateName?(base: string): string;
  /** Plugins of other rooms (escalation check, policies, webhooks, quota); each takes the place of its name. */
  others?: readonly AdmissionPlugin[];
}

/** A plugin that is not named here has no place in the chain. */
const order = [
  'NamespaceLifecycle',
  'LimitRanger',
  'ServiceAccount',
  'TaintNodesByCondition',
  'PodSecurity',
  'Priority',
  'DefaultTolerationSeconds',
  'DefaultStorageClass',
  'StorageObjectInUseProtection',
  'PersistentVolumeClaimResize',
  'RuntimeClass',
  'CertificateApproval',
  'CertificateSigning',
  'CertificateSubjectRestriction',
  'DefaultIngressClass',
  'PodResizeValidator',
  'MutatingAdmissionPolicy',
  'MutatingAdmissionWebhook',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionWebhook',
  'ResourceQuota',
  // Judges roles and bindings after every mutation; upstream does it in the registry, behind admission.
  'RBACEscalation',
] as const;

/** The plugins of one server, in order. Throws when one has no place. */
export function admissionChain(deps: AdmissionDeps): readonly AdmissionPlugin[] {
  const { lookup, authorizer, clock, others = [] } = deps;
  const plugins = [
    namespaceLifecycle(lookup),
    limitRanger(lookup),
    serviceAccount({ lookup, clock, generateName: deps.generateName ?? generateName }),
    taintNodesByCondition,
    priority(lookup),
    defaultTolerationSeconds,
    defaultStorageClass(lookup),
    storageObjectInUseProtection,
    persistentVolumeClaimResize(lookup),
    runtimeClass(lookup),
    certificateApproval(authorizer),
    certificateSigning(authorizer),
    certificateSubjectRestriction,
    defaultIngressClass(lookup),
    podResizeValidator(lookup),
    ...others,
  ];
  const placed = order.flatMap((name) => plugins.filter((plugin) => plugin.name === name));
  const lost = plugins.find((plugin) => !placed.includes(plugin));
  if (lost) throw new Error(`admission plugin ${lost.name} has no place in the chain`);
  return placed;
}
