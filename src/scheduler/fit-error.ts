import type { PluginName, Rejection } from './plugins.ts';

/** That, and why, a pod fits no node. */
export interface FitError {
  nodes: number;
  /** What kept it from all nodes alike. */
  beforehand?: string;
  /** By node. */
  rejections: ReadonlyMap<string, Rejection>;
  /** Why it was not tried on the nodes that `rejections` does not have. */
  elsewhere?: string;
  /** Whose work it was. */
  plugins: ReadonlySet<PluginName>;
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s).`, as clients know it. */
export function describeFit({ nodes, beforehand, rejections, elsewhere }: FitError): string {
  const head = `0/${nodes} nodes are available:`;
  if (beforehand) return `${head} ${beforehand}.`;
  const counts = new Map<string, number>();
  const count = (reason: string, times: number): unknown => counts.set(reason, (counts.get(reason) ?? 0) + times);
  for (const { reasons } of rejections.values()) for (const reason of reasons) count(reason, 1);
  if (elsewhere && rejections.size < nodes) count(elsewhere, nodes - rejections.size);
  const parts = [...counts].map(([reason, times]) => `${times} ${reason}`).sort();
  return parts.length > 0 ? `${head} ${parts.join(', ')}.` : head;
}
