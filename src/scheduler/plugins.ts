/** Names and texts of upstream's default plugins: clients match on the texts, and the queue remembers who refused a pod. */
export type PluginName =
  | 'NodeUnschedulable'
  | 'TaintToleration'
  | 'NodeAffinity'
  | 'NodePorts'
  | 'NodeResourcesFit'
  | 'VolumeRestrictions'
  | 'VolumeBinding'
  | 'VolumeZone'
  | 'DynamicResources'
  | 'PodTopologySpread'
  | 'InterPodAffinity';

/** Why a pod does not go to a node. */
export interface Rejection {
  plugin: PluginName;
  reasons: readonly string[];
  /** Whether removing pods from the node could help. */
  resolvable: boolean;
}

export const reasons = {
  unschedulable: 'node(s) were unschedulable',
  taints: 'node(s) had untolerated taint(s)',
  nodeAffinity: "node(s) didn't match Pod's node affinity/selector",
  affinityConflict: 'pod affinity terms conflict',
  hostPorts: "node(s) didn't have free ports for the requested pod ports",
  tooManyPods: 'Too many pods',
  spread: "node(s) didn't match pod topology spread constraints",
  spreadLabel: "node(s) didn't match pod topology spread constraints (missing required label)",
  affinity: "node(s) didn't match pod affinity rules",
  antiAffinity: "node(s) didn't match pod anti-affinity rules",
  existingAntiAffinity: "node(s) didn't satisfy existing pods anti-affinity rules",
  volumeNode: "node(s) didn't match PersistentVolume's node affinity",
  volumeMissing: 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)',
  volumeZone: 'node(s) had no available volume zone',
  volumeBinding: "node(s) didn't find available persistent volumes to bind",
  readWriteOncePod:
    'node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
  resourceClaims: 'pod has resource claims, which this scheduler does not allocate',
  unboundImmediate: 'pod has unbound immediate PersistentVolumeClaims',
} as const;

export const reject = (plugin: PluginName, reason: string, resolvable = false): Rejection => ({
  plugin,
  reasons: [reason],
  resolvable,
});
