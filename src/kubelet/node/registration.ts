import { nodes } from '../../client/index.ts';
import type { Client } from '../../client/types.ts';
import type { Node, NodeStatus } from '../../schema/generated/index.ts';
import type { Machine } from './machine.ts';

export interface Registration {
  name: string;
  hostname: string;
  labels: Readonly<Record<string, string>>;
  podNetworks: readonly string[];
  machine: Machine;
  status: NodeStatus;
}

const attachAnnotation = 'volumes.kubernetes.io/controller-managed-attach-detach';

/** Labels that follow the machine; the others are an administrator's once the node is registered. */
const ownLabels = [
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'node.kubernetes.io/instance-type',
] as const;

/** The node as it registers: the labels are those that MicroShift gives its node. */
export function initialNode({ name, hostname, labels, podNetworks, machine, status }: Registration): Node {
  const [podCIDR] = podNetworks;
  return {
    metadata: {
      name,
      annotations: { [attachAnnotation]: 'true' },
      labels: {
        'beta.kubernetes.io/arch': machine.architecture,
        'beta.kubernetes.io/os': 'linux',
        'kubernetes.io/arch': machine.architecture,
        'kubernetes.io/hostname': hostname,
        'kubernetes.io/os': 'linux',
        'node-role.kubernetes.io/control-plane': '',
        'node-role.kubernetes.io/master': '',
        'node-role.kubernetes.io/worker': '',
        'node.kubernetes.io/instance-type': 'rhde',
        'node.openshift.io/os_id': machine.osId,
        ...labels,
      },
    },
    spec: podCIDR ? { podCIDR, podCIDRs: [...podNetworks] } : {},
    status,
  };
}

/** Brings a node that is registered already to what follows from this machine; returns it as it is then. */
export async function reconcileNode(client: Client, before: Node, wanted: Node): Promise<Node> {
  const labels = { ...before.metadata.labels };
  for (const label of ownLabels) labels[label] = wanted.metadata.labels?.[label] ?? '';
  const spec = before.spec?.podCIDR ? before.spec : { ...before.spec, ...wanted.spec };
  const annotations = { ...before.metadata.annotations, ...wanted.metadata.annotations };
  const isSame =
    spec === before.spec &&
    ownLabels.every((label) => labels[label] === before.metadata.labels?.[label]) &&
    annotations[attachAnnotation] === before.metadata.annotations?.[attachAnnotation];
  if (isSame) return before;
  return client.update<Node>(nodes, { ...before, metadata: { ...before.metadata, labels, annotations }, spec });
}
