/** POST pods/binding: puts a pod on a node. The one write that may set spec.nodeName. */
import { formatTime } from '../../kernel/clock.ts';
import { apiError } from '../../kernel/status.ts';
import type { Binding, Pod, PodCondition } from '../../schema/generated/index.ts';
import type { Core } from '../core.ts';
import { unknownServerError } from '../patch/index.ts';
import type { ActionHandler, ReviewHandler } from '../types.ts';
import { changePod } from './pod-change.ts';

const success = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };

export function podBinding(core: Core): ActionHandler {
  return {
    async act(parent, body, { user, dryRun }) {
      const binding = body as Binding;
      checkBinding(parent.name, binding);
      const change = (pod: Pod): void => {
        checkPod(pod, binding);
        assign(pod, binding, core.clock.nowMs());
      };
      await changePod(core, { ...parent, user, dryRun, change });
      return success;
    },
  };
}

/** POST bindings: the same, with the pod's name in the body only. */
export const legacyBinding = (core: Core): ReviewHandler => ({
  review: (binding, namespace, user) =>
    podBinding(core).act({ namespace, name: binding.metadata.name ?? '' }, binding, {
      user,
      dryRun: false,
      client: core.systemClient,
    }),
});

function checkBinding(name: string, { metadata, target }: Binding): void {
  if (metadata.name !== name) throw apiError.badRequest('name in URL does not match name in Binding object');
  const errors = [
    ...(target.kind && target.kind !== 'Node'
      ? [`target.kind: Unsupported value: ${JSON.stringify(target.kind)}: supported values: "Node", "<empty>"`]
      : []),
    ...(target.name ? [] : ['target.name: Required value']),
  ];
  if (errors.length > 0) throw unknownServerError(errors.length > 1 ? `[${errors.join(', ')}]` : errors[0]!);
}

function checkPod(pod: Pod, binding: Binding): void {
  const { name = '', namespace, uid = '', resourceVersion = '', deletionTimestamp } = pod.metadata;
  const wanted = binding.metadata;
  const precondition = (what: string, asked: string, found: string): Error =>
    apiError.conflict(
      { group: '', resource: 'pods' },
      name,
      `StorageError: invalid object, Code: 4, Key: /registry/pods/${namespace}/${name}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ${what} in precondition: ${asked}, ${what} in object meta: ${found}`,
    );
  if (wanted.uid && wanted.uid !== uid) throw precondition('UID', wanted.uid, uid);
  if (wanted.resourceVersion && wanted.resourceVersion !== resourceVersion) {
    throw precondition('ResourceVersion', wanted.resourceVersion, resourceVersion);
  }
  const refuse = (text: string): Error => apiError.conflict({ group: '', resource: 'pods/binding' }, name, text);
  if (deletionTimestamp) throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  const { nodeName, schedulingGates } = pod.spec!;
  if (nodeName) throw refuse(`pod ${name} is already assigned to node ${JSON.stringify(nodeName)}`);
  if (schedulingGates?.length) throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
}

function assign(pod: Pod, binding: Binding, nowMs: number): void {
  pod.spec!.nodeName = binding.target.name!;
  pod.status ??= {};
  delete pod.status.nominatedNodeName;
  const { annotations, labels } = binding.metadata;
  if (annotations) pod.metadata.annotations = { ...pod.metadata.annotations, ...annotations };
  if (labels) pod.metadata.labels = { ...pod.metadata.labels, ...labels };
  const scheduled: PodCondition = { type: 'PodScheduled', status: 'True', lastTransitionTime: formatTime(nowMs) };
  const others = (pod.status.conditions ?? []).filter((condition) => condition.type !== 'PodScheduled');
  pod.status.conditions = [...others, scheduled];
}
