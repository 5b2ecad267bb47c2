import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, PodSpec } from '../schema/generated/index.ts';
import { type ClusterEvent, concerns, mayHelp } from './hints.ts';
import { nodeFacts } from './node-info.ts';
import { podInfo } from './pod-info.ts';
import type { PluginName } from './plugins.ts';
import { container, makeNode, makePod, type Requests } from './testing.ts';

const node = (change?: (node: Node) => void) => nodeFacts(makeNode('a', change));
const pod = (spec: Partial<PodSpec> = {}, requests: Requests = {}, app = 'web') => {
  const made = makePod('p', spec, requests);
  made.metadata.labels = { app };
  return podInfo(made);
};
const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'web' } } };
const far = { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } };
const near = { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } };
const withPort: Partial<PodSpec> = {
  containers: [{ ...container({ cpu: '1' }), ports: [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }] }],
};
const claims: Partial<PodSpec> = { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] };
const unschedulable = node((one) => Object.assign(one.spec!, { unschedulable: true }));
const tainted = node((one) => Object.assign(one.spec!, { taints: [{ key: 'k', effect: 'NoSchedule' }] }));
const small = node((one) => Object.assign(one.status!.allocatable!, { cpu: '1' }));
const labelled = node((one) => Object.assign(one.metadata.labels!, { zone: 'z' }));

const helps = (plugin: PluginName, who: ReturnType<typeof pod>, event: ClusterEvent): boolean =>
  mayHelp(plugin, who, event, () => undefined);

const examples: readonly [PluginName, ReturnType<typeof pod>, ClusterEvent, boolean][] = [
  ['NodeUnschedulable', pod(), { type: 'node', node: node() }, true],
  ['NodeUnschedulable', pod(), { type: 'node', node: unschedulable }, false],
  ['NodeUnschedulable', pod(), { type: 'node', node: node(), previous: unschedulable }, true],
  ['NodeUnschedulable', pod(), { type: 'node', node: node(), previous: node() }, false],
  ['TaintToleration', pod(), { type: 'node', node: node(), previous: tainted }, true],
  ['TaintToleration', pod(), { type: 'node', node: tainted }, false],
  ['TaintToleration', pod({ tolerations: [{ key: 'k', operator: 'Exists' }] }), { type: 'node', node: tainted }, true],
  ['NodeAffinity', pod({ nodeSelector: { zone: 'z' } }), { type: 'node', node: labelled, previous: node() }, true],
  ['NodeAffinity', pod({ nodeSelector: { zone: 'z' } }), { type: 'node', node: labelled, previous: labelled }, false],
  ['NodeAffinity', pod({ nodeSelector: { zone: 'z' } }), { type: 'node', node: node() }, false],
  ['NodePorts', pod(withPort), { type: 'podRemoved', pod: pod(withPort) }, true],
  ['NodePorts', pod(withPort), { type: 'podRemoved', pod: pod() }, false],
  ['NodePorts', pod(withPort), { type: 'node', node: node() }, true],
  ['NodeResourcesFit', pod({}, { cpu: '2' }), { type: 'podRemoved', pod: pod() }, true],
  ['NodeResourcesFit', pod({}, { cpu: '2' }), { type: 'podAdded', pod: pod() }, false],
  ['NodeResourcesFit', pod({}, { cpu: '2' }), { type: 'node', node: node(), previous: small }, true],
  ['NodeResourcesFit', pod({}, { cpu: '2' }), { type: 'node', node: small }, false],
  ['NodeResourcesFit', pod({}, { cpu: '2' }), { type: 'node', node: labelled, previous: node() }, false],
  [
    'NodeResourcesFit',
    pod({}, { cpu: '2' }),
    { type: 'podChanged', pod: pod({}, { cpu: '1' }), previous: pod({}, { cpu: '2' }) },
    true,
  ],
  [
    'NodeResourcesFit',
    pod({}, { cpu: '2' }),
    { type: 'podChanged', pod: pod({}, { memory: '1' }), previous: pod({}, { memory: '2' }) },
    false,
  ],
  ['InterPodAffinity', pod(near), { type: 'podAdded', pod: pod() }, true],
  ['InterPodAffinity', pod(near), { type: 'podAdded', pod: pod({}, {}, 'db') }, false],
  ['InterPodAffinity', pod(far), { type: 'podRemoved', pod: pod() }, true],
  ['InterPodAffinity', pod(), { type: 'podRemoved', pod: pod(far) }, true],
  ['InterPodAffinity', pod(), { type: 'podRemoved', pod: pod() }, false],
  ['PodTopologySpread', pod(), { type: 'podRemoved', pod: pod() }, true],
  ['PodTopologySpread', pod(), { type: 'nodeRemoved', node: node() }, true],
  ['VolumeBinding', pod(claims), { type: 'volume' }, true],
  ['VolumeRestrictions', pod(claims), { type: 'podRemoved', pod: pod(claims) }, true],
  ['DynamicResources', pod(), { type: 'volume' }, false],
];

for (const [plugin, who, event, expected] of examples) {
  const changed = 'previous' in event && event.previous ? ' changed' : '';
  test(`${plugin}: ${event.type}${changed} ${expected ? 'may help' : 'does not help'}`, () => {
    assert.equal(helps(plugin, who, event), expected);
  });
}

test('no event that may help is passed over', () => {
  const plugins = new Set(examples.map(([plugin]) => plugin));
  for (const [, who, event] of examples) {
    for (const plugin of plugins) {
      if (helps(plugin, who, event)) assert.ok(concerns[event.type].includes(plugin), `${plugin}: ${event.type}`);
    }
  }
});
