/** A new node is not ready; a pod stands that for five minutes. */
import type { Node, Pod, Toleration } from '../../schema/generated/index.ts';
import type { AdmissionPlugin } from '../types.ts';
import { isPod, isResource, on } from './request.ts';

const notReady = 'node.kubernetes.io/not-ready';
const unreachable = 'node.kubernetes.io/unreachable';
const tolerationSeconds = 300;

/** Pods must not land on a node before its controllers have seen it. */
export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  handles: on('CREATE'),
  admit(request) {
    if (!isResource(request, '', 'nodes')) return;
    const node = request.object as Node;
    const taints = node.spec.taints ?? [];
    if (taints.some(({ key, effect }) => key === notReady && effect === 'NoSchedule')) return;
    node.spec.taints = [...taints, { key: notReady, effect: 'NoSchedule' }];
  },
};

export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  handles: on('CREATE', 'UPDATE'),
  admit(request) {
    if (!isPod(request)) return;
    const pod = request.object as Pod;
    const tolerations = pod.spec.tolerations ?? [];
    const missing = [notReady, unreachable].filter((key) => !tolerations.some((toleration) => covers(toleration, key)));
    if (missing.length === 0) return;
    pod.spec.tolerations = [...tolerations, ...missing.map(toleration)];
  },
};

const toleration = (key: string): Toleration => ({
  key,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds,
});

const covers = ({ key, effect }: Toleration, wanted: string): boolean =>
  (!key || key === wanted) && (!effect || effect === 'NoExecute');
