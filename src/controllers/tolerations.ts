/** How long a pod stays on a node with taints of the effect NoExecute. */
import type { Taint, Toleration } from '../schema/generated/index.ts';

export type Stay = 'forever' | { ms: number };

/** A pod stays as long as the shortest of its tolerations that match; a taint that none matches ends its stay. */
export function stayOn(taints: readonly Taint[], tolerations: readonly Toleration[]): Stay {
  const used = taints.map((taint) => tolerations.filter((each) => tolerates(each, taint)));
  if (used.some((matching) => matching.length === 0)) return { ms: 0 };
  const seconds = used
    .flatMap((matching) => matching.slice(0, 1))
    .map(({ tolerationSeconds }) => tolerationSeconds)
    .filter((each) => each !== undefined);
  return seconds.length ? { ms: Math.max(0, Math.min(...seconds)) * 1000 } : 'forever';
}

function tolerates({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
  if ((effect && effect !== taint.effect) || (key && key !== taint.key)) return false;
  if (operator === 'Exists') return true;
  return (operator ?? 'Equal') === 'Equal' && (value ?? '') === (taint.value ?? '');
}
