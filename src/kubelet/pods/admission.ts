/** Whether this node takes a pod that was bound to it (pkg/kubelet/lifecycle/predicate.go). */
import { release } from 'node:os';
import { nodes } from '../../client/index.ts';
import type { Client } from '../../client/types.ts';
import type { Node, NodeSelectorTerm, Pod, Toleration } from '../../schema/generated/index.ts';
import { matchesLabels, requirementsOfLabels } from '../../schema/index.ts';
import type { LabelRequirement } from '../../schema/object.ts';
import { podRejection } from '../config/index.ts';
import { type Insufficient, insufficientResource } from './requests.ts';
import type { Refusal, ResizeProblem } from './types.ts';

export interface AdmissionEnv {
  client: Client;
  nodeName: string;
  maxPods: number;
}

export class Admission {
  readonly #env: AdmissionEnv;

  constructor(env: AdmissionEnv) {
    this.#env = env;
  }

  /** `others` are the pods that this node has taken. */
  async check(pod: Pod, others: readonly Pod[], isStatic: boolean): Promise<Refusal | undefined> {
    const { client, nodeName, maxPods } = this.#env;
    const rejection = podRejection(pod, release());
    if (rejection) return rejection;
    // A node that is not registered yet takes what comes.
    const node = await client.get<Node>(nodes, nodeName).catch(() => undefined);
    return node && refusal(pod, others, node, { isStatic, maxPods });
  }

  /** Whether a pod that runs may have the resources that it wants by now. */
  async checkResize(pod: Pod, others: readonly Pod[], isStatic: boolean): Promise<ResizeProblem | undefined> {
    const { client, nodeName, maxPods } = this.#env;
    if (isStatic) return { reason: 'Infeasible', message: 'In-place resize of static-pods is not supported' };
    const node = await client.get<Node>(nodes, nodeName).catch(() => undefined);
    if (!node) return undefined;
    const alone = insufficientResource(pod, [], node, maxPods);
    if (alone) {
      const message = `Node didn't have enough capacity: ${alone.name}, requested: ${alone.requested}, capacity: ${alone.capacity}`;
      return { reason: 'Infeasible', message };
    }
    const together = insufficientResource(pod, others, node, maxPods);
    return together && { reason: 'Deferred', message: insufficiency(together).message };
  }
}

export interface AdmissionFacts {
  isStatic: boolean;
  maxPods: number;
}

/** Why the node does not take the pod; the reasons that no eviction could help with first, as upstream. */
export function refusal(
  pod: Pod,
  others: readonly Pod[],
  node: Node,
  { isStatic, maxPods }: AdmissionFacts,
): Refusal | undefined {
  const wantedOs = pod.metadata.labels?.['kubernetes.io/os'];
  if (wantedOs && wantedOs !== 'linux') {
    const message = "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label";
    return { reason: 'PodOSSelectorNodeLabelDoesNotMatch', message };
  }
  if (pod.spec.os && pod.spec.os.name !== 'linux') {
    return { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" };
  }
  const active = others.filter(({ metadata }) => metadata.uid !== pod.metadata.uid);
  const lacking = insufficientResource(pod, active, node, maxPods);
  if (lacking) return insufficiency(lacking);
  return (
    unless(matchesNode(pod, node), 'NodeAffinity', "node(s) didn't match Pod's node affinity/selector") ??
    unless(hasFreePorts(pod, active), 'NodePorts', "node(s) didn't have free ports for the requested pod ports") ??
    unless(isStatic || tolerates(pod, node), 'TaintToleration', "node(s) had taints that the pod didn't tolerate")
  );
}

const insufficiency = ({ name, requested, used, capacity }: Insufficient): Refusal => ({
  reason: `OutOf${name}`,
  message: `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
});

const unless = (isFine: boolean, name: string, what: string): Refusal | undefined =>
  isFine ? undefined : { reason: name, message: `Predicate ${name} failed: ${what}` };

function matchesNode({ spec }: Pod, node: Node): boolean {
  if (!matchesLabels(requirementsOfLabels(spec.nodeSelector ?? {}), node.metadata.labels)) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return !required || required.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

/** A term without requirements matches nothing. */
function matchesTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, { metadata }: Node): boolean {
  if (matchExpressions.length + matchFields.length === 0) return false;
  return (
    matchesLabels(matchExpressions.map(requirement), metadata.labels) &&
    matchesLabels(matchFields.map(requirement), { 'metadata.name': metadata.name ?? '' })
  );
}

const requirement = ({ key, operator, values = [] }: { key: string; operator: string; values?: string[] }) =>
  ({ key, operator: operator as LabelRequirement['operator'], values }) satisfies LabelRequirement;

const everyAddress = new Set(['', '0.0.0.0', '::']);

function hasFreePorts(pod: Pod, others: readonly Pod[]): boolean {
  const taken = others.flatMap(hostPorts);
  return hostPorts(pod).every(
    (wanted) =>
      !taken.some(
        (port) =>
          port.hostPort === wanted.hostPort &&
          port.protocol === wanted.protocol &&
          (port.hostIP === wanted.hostIP || everyAddress.has(port.hostIP) || everyAddress.has(wanted.hostIP)),
      ),
  );
}

const hostPorts = ({ spec }: Pod) =>
  [...spec.containers, ...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')]
    .flatMap(({ ports = [] }) => ports)
    .filter(({ hostPort = 0 }) => hostPort > 0)
    .map(({ hostPort, protocol = 'TCP', hostIP = '' }) => ({ hostPort, protocol, hostIP }));

/** Only NoExecute is the kubelet's business. */
function tolerates({ spec }: Pod, node: Node): boolean {
  return (node.spec?.taints ?? [])
    .filter(({ effect }) => effect === 'NoExecute')
    .every((taint) => (spec.tolerations ?? []).some((toleration) => matchesTaint(toleration, taint)));
}

function matchesTaint(
  { key, operator = 'Equal', value = '', effect }: Toleration,
  taint: { key: string; value?: string; effect: string },
): boolean {
  if (effect && effect !== taint.effect) return false;
  if (key && key !== taint.key) return false;
  return operator === 'Exists' || (operator === 'Equal' && value === (taint.value ?? ''));
}
