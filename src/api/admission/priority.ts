/** A pod's priority and preemption policy come from its PriorityClass; at most one class is the global default. */
import type { Pod, PriorityClass } from '../../schema/generated/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../types.ts';
import type { Lookup } from './lookup.ts';
import { forbidden, isPod, isResource, on } from './request.ts';

const kind = 'scheduling.k8s.io/v1/PriorityClass';

export function priority(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'Priority',
    handles: on('CREATE', 'UPDATE'),
    admit(request) {
      if (!isPod(request)) return;
      const pod = request.object as Pod;
      if (request.operation === 'CREATE') setPriority(lookup, request, pod);
      else keepPriority(pod, request.oldObject as Pod);
    },
    validate(request) {
      if (!isResource(request, 'scheduling.k8s.io', 'priorityclasses')) return;
      const object = request.object as PriorityClass;
      if (!object.globalDefault) return;
      const other = defaultClass(lookup)?.metadata.name;
      if (other === undefined || (request.operation === 'UPDATE' && other === object.metadata.name)) return;
      throw forbidden(request, `PriorityClass ${other} is already marked as default. Only one default can exist`);
    },
  };
}

/** Clients that do not know the fields must not be refused for leaving them out. */
function keepPriority(pod: Pod, previous: Pod): void {
  if (pod.spec.priority === undefined && previous.spec.priority !== undefined)
    pod.spec.priority = previous.spec.priority;
  if (pod.spec.preemptionPolicy === undefined && previous.spec.preemptionPolicy !== undefined)
    pod.spec.preemptionPolicy = previous.spec.preemptionPolicy;
}

function setPriority(lookup: Lookup, request: AdmissionRequest, pod: Pod): void {
  const { spec } = pod;
  const { className, value, policy } = resolve(lookup, request, spec.priorityClassName);
  if (className) spec.priorityClassName = className;
  if (spec.priority !== undefined && spec.priority !== value) {
    throw forbidden(
      request,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
    );
  }
  spec.priority = value;
  if (policy === undefined) return;
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
    throw forbidden(
      request,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
    );
  }
  spec.preemptionPolicy = policy;
}

interface Resolved {
  className: string;
  value: number;
  policy: PriorityClass['preemptionPolicy'];
}

function resolve(lookup: Lookup, request: AdmissionRequest, name: string | undefined): Resolved {
  const found = name ? lookup.get<PriorityClass>(kind, name) : defaultClass(lookup);
  if (found) {
    return { className: found.metadata.name ?? '', value: found.value ?? 0, policy: found.preemptionPolicy };
  }
  if (name) throw forbidden(request, `no PriorityClass with name ${name} was found`);
  return { className: '', value: 0, policy: 'PreemptLowerPriority' };
}

/** The lowest one, should a race have made two. */
function defaultClass(lookup: Lookup): PriorityClass | undefined {
  return lookup
    .list<PriorityClass>(kind)
    .filter((candidate) => candidate.globalDefault)
    .sort((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
}
