/** A running pod is resized on Linux only, and only to what its node can give (KEP-1287). */
import type { Node, Pod, PodSpec } from '../../schema/generated/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../types.ts';
import type { Lookup } from './lookup.ts';
import { podTotal } from './pod-resources.ts';
import { addAmounts, compareAmounts, milliOf, type ResourceList } from './quantities.ts';
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
      const nodeName = pod.spec.nodeName;
      // The generation moves only when the spec changes.
      if (!nodeName || pod.metadata.generation === request.oldObject?.metadata.generation) return;
      const node = lookup.get<Node>('v1/Node', nodeName);
      if (!node) throw forbidden(request, `node ${JSON.stringify(nodeName)} not found`);
      const os = node.metadata.labels?.['kubernetes.io/os'] ?? 'linux';
      if (os !== 'linux') {
        const text = `pod resize is only supported on linux nodes, node ${JSON.stringify(nodeName)} is ${JSON.stringify(os)}`;
        throw refusal(request, text, 'UnsupportedPlatform');
      }
      const problem = excess(pod.spec, node.status?.allocatable ?? {});
      if (problem) throw refusal(request, problem, 'NodeCapacity');
    },
  };
}

function refusal(request: AdmissionRequest, message: string, reason: string) {
  const error = forbidden(request, message);
  error.status.details = { ...error.status.details, causes: [{ reason }] };
  return error;
}

/** The excess, in upstream's units: thousandths of a CPU, bytes. */
function excess(spec: PodSpec, allocatable: ResourceList): string | undefined {
  const total = podTotal(spec, 'requests');
  const over = (['cpu', 'memory'] as const).flatMap((name) => {
    const asked = addAmounts(total[name], spec.overhead?.[name]);
    if (compareAmounts(asked, allocatable[name]) <= 0) return [];
    const unit = name === 'cpu' ? 1n : 1000n;
    const whole = (amount: string | undefined) => (milliOf(amount) + unit - 1n) / unit;
    return `${name}, requested: ${whole(asked)}, allocatable: ${whole(allocatable[name])}`;
  });
  return over.length ? `node didn't have enough allocatable resources: ${over.join('; ')}` : undefined;
}
