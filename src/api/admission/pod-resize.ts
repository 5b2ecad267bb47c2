/** A running pod is resized on Linux only, and only to what its node can give (KEP-1287). */
import { nanos } from '../../resources/shared/quantity.ts';
import type { Node, Pod, PodSpec } from '../../resources/typings/core.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../types.ts';
import type { Lookup } from './lookup.ts';
import { podTotal, type ResourceList } from './pod-resources.ts';
import { forbidden, on } from './request.ts';

const isResize = ({ definition, subresource }: AdmissionRequest): boolean =>
  subresource === 'resize' && definition.group === '' && definition.resource === 'pods';

export function podResizeValidator(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'PodResizeValidator',
    handles: on('UPDATE'),
    validate(request) {
      if (!isResize(request)) return;
      const pod = request.object as Pod;
      const nodeName = pod.spec?.nodeName;
      // The generation moves only when the spec changes.
      if (!nodeName || pod.metadata.generation === request.oldObject?.metadata.generation) return;
      const node = lookup.get<Node>('v1/Node', nodeName);
      if (!node) throw forbidden(request, `node ${JSON.stringify(nodeName)} not found`);
      const os = node.metadata.labels?.['kubernetes.io/os'] ?? 'linux';
      if (os !== 'linux') {
        const text = `pod resize is only supported on linux nodes, node ${JSON.stringify(nodeName)} is ${JSON.stringify(os)}`;
        throw refusal(request, text, 'UnsupportedPlatform');
      }
      const problem = excess(pod.spec ?? {}, node.status?.allocatable ?? {});
      if (problem) throw refusal(request, problem, 'NodeCapacity');
    },
  };
}

function refusal(request: AdmissionRequest, message: string, reason: string) {
  const error = forbidden(request, message);
  error.status.details = { ...error.status.details, causes: [{ reason }] };
  return error;
}

const inSteps = (quantity: string | undefined, step: bigint): bigint => (nanos(quantity) + step - 1n) / step;
const milliSteps = 1_000_000n;
const wholeSteps = 1_000_000_000n;

function excess(spec: PodSpec, allocatable: ResourceList): string | undefined {
  const total = podTotal(spec, 'requests');
  const over: string[] = [];
  for (const [name, step] of [['cpu', milliSteps] as const, ['memory', wholeSteps] as const]) {
    const asked = nanos(total[name]) + nanos(spec.overhead?.[name]);
    if (asked <= nanos(allocatable[name])) continue;
    over.push(`${name}, requested: ${(asked + step - 1n) / step}, allocatable: ${inSteps(allocatable[name], step)}`);
  }
  return over.length ? `node didn't have enough allocatable resources: ${over.join('; ')}` : undefined;
}
