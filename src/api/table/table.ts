/** meta.k8s.io Table: rows printed by the server. */
import { apiError } from '../../kernel/status.ts';
import type { Column } from '../../resources/define.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { Resource } from '../routing/index.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** Reads `includeObject`. Throws BadRequest for other values. */
export function parseIncludeObject(query: URLSearchParams): IncludeObject {
  const value = query.get('includeObject') ?? '';
  if (value === '' || value === 'Metadata') return 'Metadata';
  if (value === 'None' || value === 'Object') return value;
  throw apiError.badRequest(
    `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(value)}: must be 'Metadata', 'Object', 'None', or empty`,
  );
}

const objectMetaName =
  'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names';

/** Columns of the definition; `Name` comes first and has the format that kubectl looks for. */
export function columnDefinitions(columns: readonly Column<KubeObject>[]): object[] {
  return columns.map((column) => ({
    name: column.name,
    type: column.type,
    format: column.format ?? '',
    description: column.description ?? (column.name === 'Name' ? objectMetaName : ''),
    priority: column.priority ?? 0,
  }));
}

const cellOf = (value: string | number | boolean | null | undefined): string | number | boolean | null =>
  value === undefined ? null : value;

/** One row. `object` is in storage form; `embedded` is what `includeObject` asked for. */
export function tableRow(resource: Resource, object: KubeObject, nowMs: number, embedded: unknown): object {
  const conditions = resource.base.rowConditions?.(object);
  return {
    cells: resource.base.columns.map((column) => cellOf(column.value(object, nowMs))),
    ...(conditions && conditions.length > 0 && { conditions }),
    object: embedded ?? null,
  };
}
