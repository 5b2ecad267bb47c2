/** A pod's overhead, node selector and tolerations come from its RuntimeClass (KEP-688). */
import { isDeepStrictEqual } from 'node:util';
import type { Pod, RuntimeClass, Toleration } from '../../schema/generated/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../types.ts';
import type { Lookup } from './lookup.ts';
import { sameAmounts } from './quantities.ts';
import { forbidden, isPod, on } from './request.ts';

const mismatch = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";

export function runtimeClass(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'RuntimeClass',
    handles: on('CREATE'),
    admit(request) {
      if (!isPod(request)) return;
      const pod = request.object as Pod;
      const found = find(lookup, request, pod);
      if (!found) return;
      setOverhead(request, pod, found);
      setScheduling(request, pod, found);
    },
    validate(request) {
      if (!isPod(request)) return;
      const pod = request.object as Pod;
      const fixed = find(lookup, request, pod)?.overhead;
      if (fixed) {
        if (!sameAmounts(fixed.podFixed, pod.spec.overhead)) throw forbidden(request, mismatch);
      } else if (pod.spec.overhead) {
        throw forbidden(request, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
      }
    },
  };
}

function find(lookup: Lookup, request: AdmissionRequest, pod: Pod): RuntimeClass | undefined {
  const name = pod.spec.runtimeClassName;
  if (name === undefined) return undefined;
  const found = lookup.get<RuntimeClass>('node.k8s.io/v1/RuntimeClass', name);
  if (!found) throw forbidden(request, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
  return found;
}

function setOverhead(request: AdmissionRequest, pod: Pod, { overhead }: RuntimeClass): void {
  if (!overhead) return;
  const given = pod.spec.overhead ?? {};
  if (Object.keys(given).length && !sameAmounts(overhead.podFixed, given)) throw forbidden(request, mismatch);
  if (overhead.podFixed) pod.spec.overhead = { ...overhead.podFixed };
}

function setScheduling(request: AdmissionRequest, pod: Pod, { scheduling }: RuntimeClass): void {
  if (!scheduling) return;
  const selector = pod.spec.nodeSelector ?? {};
  for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
    const given = selector[key];
    if (given === undefined || given === value) continue;
    const theirs = `runtimeClass.scheduling.nodeSelector[${key}] = ${value}`;
    throw forbidden(request, `conflict: ${theirs}; pod.spec.nodeSelector[${key}] = ${given}`);
  }
  if (scheduling.nodeSelector) pod.spec.nodeSelector = { ...selector, ...scheduling.nodeSelector };
  if (scheduling.tolerations?.length)
    pod.spec.tolerations = mergeTolerations(pod.spec.tolerations ?? [], scheduling.tolerations);
}

/** Both lists without those that another one makes redundant. */
export function mergeTolerations(first: readonly Toleration[], second: readonly Toleration[]): Toleration[] {
  const all = [...first, ...second];
  const merged: Toleration[] = [];
  for (const [i, toleration] of all.entries()) {
    if (merged.some((kept) => tolerates(kept, toleration))) continue;
    const later = all.slice(i + 1);
    if (later.some((other) => !isDeepStrictEqual(toleration, other) && tolerates(other, toleration))) continue;
    merged.push({ ...toleration });
  }
  return merged;
}

/** True when `wide` tolerates all that `narrow` does. */
function tolerates(wide: Toleration, narrow: Toleration): boolean {
  if (isDeepStrictEqual(wide, narrow)) return true;
  const anyKey = !wide.key && wide.operator === 'Exists';
  if ((narrow.key ?? '') !== (wide.key ?? '') && !anyKey) return false;
  if (wide.effect && wide.effect !== narrow.effect) return false;
  if (wide.effect === 'NoExecute' && wide.tolerationSeconds !== undefined) {
    if (narrow.tolerationSeconds === undefined || narrow.tolerationSeconds > wide.tolerationSeconds) return false;
  }
  if (wide.operator === 'Exists') return true;
  const equalOperator = wide.operator === 'Equal' || !wide.operator;
  return equalOperator && narrow.operator === 'Equal' && (narrow.value ?? '') === (wide.value ?? '');
}
