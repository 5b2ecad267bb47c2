/**
 * managedFields between a resource and its /scale: on the Scale, whoever owns the parent's replicas owns spec.replicas.
 * All kinds that scale keep them there.
 */
import type { ManagedFieldsEntry } from '../../schema/index.ts';
import { difference, type FieldSet, has, isEmpty } from './field-set.ts';
import { identifierOf, type Manager, readManagers, writeManagers } from './managers.ts';

const scaleVersion = 'autoscaling/v1';
const replicas: FieldSet = { 'f:spec': { 'f:replicas': {} } };
const ownsReplicas = ({ fields }: Manager): boolean => has(fields, ['f:spec', 'f:replicas']);

/** The Scale's entries. `parentVersion`: of the parent as it is served; other versions' entries are left out. */
export function toScaleEntries(
  parent: readonly ManagedFieldsEntry[] | undefined,
  parentVersion: string,
): ManagedFieldsEntry[] | undefined {
  const managers = [...readManagers(parent, true).values()]
    .filter((manager) => manager.apiVersion === parentVersion && ownsReplicas(manager))
    .map((manager) => ({ ...manager, apiVersion: scaleVersion, fields: replicas }));
  return writeManagers(new Map(managers.map((manager) => [identifierOf(manager), manager])));
}

/**
 * The parent's entries after a write to its Scale: owners that lost the replicas there lose them here, new ones join
 * (without a time, as upstream).
 */
export function fromScaleEntries(
  parent: readonly ManagedFieldsEntry[] | undefined,
  parentVersion: string,
  scale: readonly ManagedFieldsEntry[] | undefined,
): ManagedFieldsEntry[] | undefined {
  const owners = new Map<string, Manager>();
  for (const manager of readManagers(scale, true).values()) {
    const owner = { ...manager, apiVersion: parentVersion, fields: replicas };
    if (ownsReplicas(manager)) owners.set(identifierOf(owner), owner);
  }
  const result = new Map<string, Manager>();
  for (const [id, manager] of readManagers(parent, true)) {
    if (manager.apiVersion !== parentVersion) continue;
    const isKept = !ownsReplicas(manager) || owners.delete(id);
    const fields = isKept ? manager.fields : difference(manager.fields, replicas);
    if (!isEmpty(fields)) result.set(id, { ...manager, fields });
  }
  for (const [id, owner] of owners) result.set(id, { ...owner, time: undefined });
  return writeManagers(result);
}
