import type { MessageName } from './codec.ts';
import { schema } from './schema.ts';

const groupPackages: Readonly<Record<string, string>> = {
  '': 'core',
  'internal.apiserver.k8s.io': 'apiserverinternal',
  'metrics.k8s.io': 'metrics',
};

/** Package of a group and version in the field tables: `rbac/v1`, `core/v1`, `openshift/route/v1`. */
export function packageOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  const version = apiVersion.slice(slash + 1);
  const first = group.split('.', 1)[0]!;
  if (group.endsWith('.openshift.io')) return `openshift/${first}/${version}`;
  return `${groupPackages[group] ?? first}/${version}`;
}

/**
 * The message of a kind: its own package's, else meta/v1's for the kinds that every group has (Status, DeleteOptions,
 * WatchEvent, ListOptions …). Undefined for kinds that are not built in.
 */
export function messageOf(gvk: { apiVersion: string; kind: string }): MessageName | undefined {
  const own = `${packageOf(gvk.apiVersion)}.${gvk.kind}`;
  if (schema.has(own)) return own;
  const common = `meta/v1.${gvk.kind}`;
  return schema.has(common) ? common : undefined;
}
