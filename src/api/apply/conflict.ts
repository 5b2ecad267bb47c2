/** What an applier is told when others own the fields that it sets. */
import { type StatusCause, StatusError } from '../../kernel/index.ts';
import { type FieldSet, forEachPath, has } from './field-set.ts';
import type { Manager } from './managers.ts';
import { compareText, type PathElement, printPath } from './path-element.ts';

export interface Conflict {
  /** Identifier of the manager: conflicts are grouped and sorted by it. */
  id: string;
  manager: Manager;
  path: readonly PathElement[];
}

export function conflictsOf(id: string, manager: Manager, fields: FieldSet): Conflict[] {
  const conflicts: Conflict[] = [];
  forEachPath(fields, (path) => conflicts.push({ id, manager, path: [...path] }));
  return conflicts;
}

/** Conflicts on fields that are not in `allowed`. */
export const conflictsOutside = (conflicts: readonly Conflict[], allowed: FieldSet): Conflict[] =>
  conflicts.filter(({ path }) => !has(allowed, path));

function describe({ name, subresource, operation, apiVersion }: Manager): string {
  const who = JSON.stringify(name) + (subresource ? ` with subresource ${JSON.stringify(subresource)}` : '');
  return operation === 'Update' ? `${who} using ${apiVersion}` : who;
}

/** 409 with one FieldManagerConflict cause a field. */
export function conflictError(conflicts: readonly Conflict[]): StatusError {
  const sorted = [...conflicts].sort((a, b) => compareText(a.id, b.id));
  const causes: StatusCause[] = sorted.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${describe(manager)}`,
    field: printPath(path),
  }));
  return new StatusError('Conflict', messageOf(sorted), { causes });
}

function messageOf(conflicts: readonly Conflict[]): string {
  if (conflicts.length === 1) {
    const { manager, path } = conflicts[0]!;
    return `Apply failed with 1 conflict: conflict with ${describe(manager)}: ${printPath(path)}`;
  }
  const lines: string[] = [];
  let last: string | undefined;
  for (const { id, manager, path } of conflicts) {
    if (id !== last) lines.push(`conflicts with ${describe(manager)}:`);
    lines.push(`- ${printPath(path)}`);
    last = id;
  }
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}
