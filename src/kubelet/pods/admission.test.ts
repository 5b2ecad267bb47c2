import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, PodSpec } from '../../schema/generated/index.ts';
import { refusal } from './admission.ts';
import { app, podOf } from './testing.ts';

const node: Node = {
  metadata: { name: 'node-1', labels: { zone: 'a', rank: '5' } },
  spec: { taints: [{ key: 'broken', value: 'yes', effect: 'NoExecute' }] },
  status: { allocatable: { cpu: '2', memory: '1Gi', pods: '2', 'example.com/gpu': '1' } },
};
const tolerations = [{ key: 'broken', operator: 'Exists' as const }];

const cases: {
  what: string;
  spec: Partial<PodSpec>;
  others?: Partial<PodSpec>[];
  reason?: string;
  message?: string;
}[] = [
  { what: 'fits', spec: {} },
  {
    what: 'CPU',
    spec: { containers: [app('main', { resources: { requests: { cpu: '1500m' } } })] },
    others: [{ containers: [app('main', { resources: { requests: { cpu: '600m' } } })] }],
    reason: 'OutOfcpu',
    message: "Node didn't have enough resource: cpu, requested: 1500, used: 600, capacity: 2000",
  },
  {
    what: 'memory, at the greediest moment of initialization',
    spec: { initContainers: [app('i', { resources: { requests: { memory: '2Gi' } } })] },
    reason: 'OutOfmemory',
    message: "Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: 1073741824",
  },
  {
    what: 'number of pods',
    spec: {},
    others: [{}, {}],
    reason: 'OutOfpods',
    message: "Node didn't have enough resource: pods, requested: 1, used: 2, capacity: 2",
  },
  {
    what: 'an extended resource that the node has',
    spec: { containers: [app('main', { resources: { requests: { 'example.com/gpu': '2' } } })] },
    reason: 'OutOfexample.com/gpu',
  },
  {
    what: 'an extended resource that the node does not have is others’ business',
    spec: { containers: [app('main', { resources: { requests: { 'example.com/other': '2' } } })] },
  },
  {
    what: 'node selector',
    spec: { nodeSelector: { zone: 'b' } },
    reason: 'NodeAffinity',
    message: "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  },
  {
    what: 'node affinity, one term of two',
    spec: {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'rank', operator: 'Gt', values: ['7'] }] },
              { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-1'] }] },
            ],
          },
        },
      },
    },
  },
  {
    what: 'host port',
    spec: { containers: [app('main', { ports: [{ containerPort: 80, hostPort: 80, hostIP: '127.0.0.1' }] })] },
    others: [{ containers: [app('main', { ports: [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }] })] }],
    reason: 'NodePorts',
    message: "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
  },
  {
    what: 'host port of another protocol',
    spec: { containers: [app('main', { ports: [{ containerPort: 80, hostPort: 80, protocol: 'UDP' }] })] },
    others: [{ containers: [app('main', { ports: [{ containerPort: 80, hostPort: 80 }] })] }],
  },
  {
    what: 'taint that evicts',
    spec: { tolerations: [] },
    reason: 'TaintToleration',
    message: "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
  },
  { what: 'another OS', spec: { os: { name: 'windows' } }, reason: 'PodOSNotSupported' },
];

for (const { what, spec, others = [], reason, message } of cases) {
  test(`${what}: ${reason ?? 'taken'}`, () => {
    const taken = others.map((other, index) => {
      const pod = podOf(other);
      return { ...pod, metadata: { ...pod.metadata, uid: `other-${index}` } };
    });
    const found = refusal(podOf({ tolerations, ...spec }), taken, node, { isStatic: false, maxPods: 2 });
    assert.equal(found?.reason, reason);
    if (message) assert.equal(found?.message, message);
  });
}
