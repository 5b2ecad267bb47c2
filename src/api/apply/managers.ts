/** Who owns what: metadata.managedFields, read into entries that the update and apply operations change. */
import type { ManagedFieldsEntry } from '../../schema/index.ts';
import { isMap } from '../patch/index.ts';
import { emptySet, type FieldSet, isEmpty, parseFieldSet, union } from './field-set.ts';
import { compareText } from './path-element.ts';

export interface Manager {
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  /** RFC 3339. */
  readonly time: string | undefined;
  readonly fields: FieldSet;
}

/** By identifier. Functions below treat a Managers as a value: they return a new one. */
export type Managers = ReadonlyMap<string, Manager>;

export const noManagers: Managers = new Map();

/** Two entries with one identifier are the same manager. An applier is the same whatever version it applies with. */
export function identifierOf(manager: Pick<Manager, 'name' | 'operation' | 'apiVersion' | 'subresource'>): string {
  const { name, operation, apiVersion, subresource } = manager;
  return JSON.stringify({
    ...(name && { manager: name }),
    operation,
    ...(operation === 'Update' && { apiVersion }),
    ...(subresource && { subresource }),
  });
}

/** A list that asks to forget all managers: `[]`, or one entry without content. */
export function isReset(entries: readonly ManagedFieldsEntry[] | undefined): boolean {
  if (!entries) return false;
  return entries.length === 0 || (entries.length === 1 && Object.keys(entries[0]!).length === 0);
}

/**
 * Reads entries. `trusted` ones were written by us: their sets are canonical and are used as they are. Throws when an
 * entry is malformed.
 */
export function readManagers(entries: readonly ManagedFieldsEntry[] | undefined, trusted: boolean): Managers {
  if (!entries || entries.length === 0) return noManagers;
  const managers = new Map<string, Manager>();
  entries.forEach((entry, index) => {
    const manager = readManager(entry, index, trusted);
    managers.set(identifierOf(manager), manager);
  });
  return managers;
}

function readManager(entry: ManagedFieldsEntry, index: number, trusted: boolean): Manager {
  const { manager = '', operation, apiVersion = '', subresource = '', time, fieldsType, fieldsV1 } = entry;
  if (operation !== 'Apply' && operation !== 'Update') throw new Error('operation must be `Apply` or `Update`');
  if (!apiVersion) throw new Error('apiVersion must not be empty');
  if (!fieldsType) throw new Error(`missing fieldsType in managed fields entry ${index}`);
  if (fieldsType !== 'FieldsV1') {
    throw new Error(`invalid fieldsType ${JSON.stringify(fieldsType)} in managed fields entry ${index}`);
  }
  const fields = trusted && isMap(fieldsV1) ? (fieldsV1 as FieldSet) : parseFieldSet(fieldsV1 ?? emptySet);
  return { name: manager, operation, apiVersion, subresource, time, fields };
}

/** Seconds since the epoch; entries without a time come first. */
const secondsOf = (time: string | undefined): number => (time ? Math.floor(Date.parse(time) / 1000) : 0);

function compareManagers(a: Manager, b: Manager): number {
  return (
    compareText(a.operation, b.operation) ||
    (a.time === b.time ? 0 : secondsOf(a.time) - secondsOf(b.time)) ||
    compareText(a.name, b.name) ||
    compareText(a.apiVersion, b.apiVersion) ||
    compareText(a.subresource, b.subresource)
  );
}

/** The list for metadata.managedFields, in upstream's order; undefined when nobody owns anything. */
export function writeManagers(managers: Managers): ManagedFieldsEntry[] | undefined {
  if (managers.size === 0) return undefined;
  return [...managers.values()]
    .sort(compareManagers)
    .map(({ name, operation, apiVersion, subresource, time, fields }) => ({
      ...(name && { manager: name }),
      operation,
      apiVersion,
      ...(time !== undefined && { time }),
      fieldsType: 'FieldsV1',
      fieldsV1: fields,
      ...(subresource && { subresource }),
    }));
}

const maxUpdateManagers = 10;
const ancientChanges = 'ancient-changes';

/** Merges the oldest updaters into one bucket per version until no more than ten are left. Appliers do not count. */
export function capManagers(managers: Managers): Managers {
  const updaters = [...managers].filter(([, manager]) => manager.operation === 'Update');
  let count = updaters.length;
  if (count <= maxUpdateManagers) return managers;
  updaters.sort(([idA, a], [idB, b]) => secondsOf(a.time) - secondsOf(b.time) || compareText(idA, idB));
  const result = new Map(managers);
  const oldest = new Map<string, string>();
  for (const [id, manager] of updaters) {
    if (count <= maxUpdateManagers) break;
    const { apiVersion } = manager;
    const first = oldest.get(apiVersion);
    if (first === undefined) {
      oldest.set(apiVersion, id);
      continue;
    }
    mergeIntoBucket(result, first, id, manager);
    count--;
  }
  return result;
}

function mergeIntoBucket(managers: Map<string, Manager>, first: string, id: string, manager: Manager): void {
  const { apiVersion, time } = manager;
  const bucketName = { name: ancientChanges, operation: 'Update', apiVersion, subresource: '' } as const;
  const bucketId = identifierOf(bucketName);
  const bucket = managers.get(bucketId) ?? managers.get(first)!;
  if (!managers.has(bucketId)) managers.delete(first);
  const merged = id === bucketId ? managers.get(first)! : manager;
  managers.delete(id === bucketId ? first : id);
  managers.set(bucketId, { ...bucketName, time, fields: union(bucket.fields, merged.fields) });
}

/** `managers` with other fields for one of them; without fields it goes. */
export function withFields(managers: Map<string, Manager>, id: string, manager: Manager, fields: FieldSet): void {
  if (isEmpty(fields)) managers.delete(id);
  else if (fields !== manager.fields) managers.set(id, { ...manager, fields });
}
