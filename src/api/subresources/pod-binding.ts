/** POST pods/binding: puts a pod on a node. The one write that may set spec.nodeName, so it goes around the strategy. */
import { formatTime } from '../../kernel/clock.ts';
import { apiError } from '../../kernel/status.ts';
import type { Binding, Pod, PodCondition } from '../../schema/generated/index.ts';
import { HeadMovedError } from '../../store/types.ts';
import type { Call, Core } from '../core.ts';
import { copyOf } from '../objects.ts';
import { unknownServerError } from '../patch/index.ts';
import type { ActionHandler, ReviewHandler } from '../types.ts';
import { bytesOf, commit } from '../verbs/commit.ts';

const attemptLimit = 32;
const pods = { group: '', resource: 'pods' };
const success = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };

export function podBinding(core: Core): ActionHandler {
  return {
    async act(parent, body, { user, dryRun }) {
      const binding = body as Binding;
      checkBinding(parent.name, binding);
      const resource = core.registry.find('', 'v1', 'pods')!;
      const call: Call = { user, resource, subresource: 'binding', ...parent, userAgent: '', warn: () => {} };
      for (let attempt = 0; attempt < attemptLimit; attempt++) {
        try {
          await bind(core, call, binding, dryRun);
          return success;
        } catch (error) {
          if (!(error instanceof HeadMovedError)) throw error;
        }
      }
      throw apiError.modified(pods, parent.name);
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
      ? [`target.kind: Unsupported value: ${JSON.stringify(target.kind)}: supported values: "<empty>", "Node"`]
      : []),
    ...(target.name ? [] : ['target.name: Required value']),
  ];
  if (errors.length > 0) throw unknownServerError(errors.length > 1 ? `[${errors.join(', ')}]` : errors[0]!);
}

async function bind(core: Core, call: Call, binding: Binding, dryRun: boolean): Promise<void> {
  const head = core.store.head(call.resource.stored!, call.namespace, call.name);
  if (!head) throw apiError.notFound(pods, call.name);
  const pod = copyOf(core.store.object<Pod>(head));
  const refusal = refusalOf(pod, binding);
  if (refusal) throw apiError.conflict({ group: '', resource: 'pods/binding' }, call.name, refusal);
  assign(pod, binding, core.clock.nowMs());
  if (dryRun) return;
  await commit(core, call, call.name, {
    operation: 'put',
    expectedRevision: head.revision,
    bytes: bytesOf(core, call, pod),
    durability: 'hard',
  });
}

function refusalOf(pod: Pod, binding: Binding): string | undefined {
  const { uid, resourceVersion } = binding.metadata;
  const { name, uid: podUid, resourceVersion: podRevision, deletionTimestamp } = pod.metadata;
  const failed = 'Precondition failed:';
  if (uid && uid !== podUid) return `${failed} UID in precondition: ${uid}, UID in object meta: ${podUid}`;
  if (resourceVersion && resourceVersion !== podRevision) {
    return `${failed} ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${podRevision}`;
  }
  if (deletionTimestamp) return `pod ${name} is being deleted, cannot be assigned to a host`;
  if (pod.spec?.nodeName) return `pod ${name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`;
  if (pod.spec?.schedulingGates?.length) return `pod ${name} has non-empty .spec.schedulingGates`;
  return undefined;
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
