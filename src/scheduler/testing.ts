/** For tests: nodes and pods in few words. */
import type { Container, Node, Pod, PodSpec } from '../schema/generated/index.ts';

export type Requests = Readonly<Record<string, string>>;

export const container = (requests: Requests = {}, name = 'main'): Container => ({
  name,
  image: 'registry.example.com/app:1',
  // The API wants as much of extended resources at most as at least.
  resources: { requests, limits: Object.fromEntries(Object.entries(requests).filter(([key]) => key.includes('/'))) },
});

export const makeNode = (name: string, change: (node: Node) => void = () => {}): Node => {
  const node: Node = {
    metadata: { name, uid: `node-${name}`, labels: { 'kubernetes.io/hostname': name } },
    spec: {},
    status: { allocatable: { cpu: '4', memory: '8Gi', 'ephemeral-storage': '10Gi', pods: '110' } },
  };
  change(node);
  return node;
};

export const makePod = (name: string, spec: Partial<PodSpec> = {}, requests: Requests = {}): Pod => ({
  metadata: { name, namespace: 'default', uid: `pod-${name}`, labels: {} },
  spec: { schedulerName: 'default-scheduler', containers: [container(requests)], ...spec },
  status: { phase: 'Pending' },
});
