/** A list's or watch's selectors, compiled against one resource. */
import { apiError } from '../../kernel/status.ts';
import type { ResourceDefinition } from '../../resources/define.ts';
import {
  type FieldRequirement,
  type KubeObject,
  type LabelRequirement,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
} from '../../schema/index.ts';
import type { Entry, Store } from '../../store/types.ts';
import { isJsonRecord, labelKey, readLabels } from './labels.ts';

export interface Predicate {
  /** No condition at all. */
  readonly all: boolean;
  /** Exact metadata.name and metadata.namespace, when the fields ask for one. */
  readonly name: string | undefined;
  readonly namespace: string | undefined;
  /** A field with an index that narrows the search. */
  readonly index: { field: string; value: string } | undefined;
  matches(entry: Entry): boolean;
}

export interface Selection {
  labelSelector: string;
  fieldSelector: string;
}

type FieldReader = (object: KubeObject) => string;

const metadataFields: ReadonlySet<string> = new Set(['metadata.name', 'metadata.namespace']);

/** The value of `metadata.name` when the selector asks for exactly one. */
export function exactName(requirements: readonly FieldRequirement[]): string | undefined {
  return requirements.find((r) => r.field === 'metadata.name' && r.operator === '=')?.value;
}

/** Compiles selectors. Throws BadRequest with upstream's text for bad syntax and for fields the kind does not select by. */
export function compileSelection(
  store: Store,
  definition: ResourceDefinition,
  indexes: readonly string[],
  selection: Selection,
): Predicate {
  const labels = parse(parseLabelSelector, selection.labelSelector);
  const fields = parse(parseFieldSelector, selection.fieldSelector);
  const readers = fields.map((requirement) => readerOf(definition, requirement));
  const labelTest = compileLabels(store, labels);
  const fieldTest = compileFields(store, definition, fields, readers);
  const exact = (name: string): string | undefined => fields.find((r) => r.field === name && r.operator === '=')?.value;
  const indexed = fields.find((r) => r.operator === '=' && indexes.includes(r.field));
  return {
    all: labels.length === 0 && fields.length === 0,
    name: exactName(fields),
    namespace: exact('metadata.namespace'),
    index: indexed && { field: indexed.field, value: indexed.value },
    matches: (entry) => fieldTest(entry) && labelTest(entry),
  };
}

function parse<R>(parser: (text: string) => R[], text: string): R[] {
  if (text === '') return [];
  try {
    return parser(text);
  } catch (error) {
    throw apiError.badRequest((error as Error).message);
  }
}

function readerOf(definition: ResourceDefinition, requirement: FieldRequirement): FieldReader | undefined {
  const { field } = requirement;
  if (metadataFields.has(field)) return undefined;
  const readers = definition.selectableFields;
  if (readers && Object.hasOwn(readers, field)) return readers[field];
  throw apiError.badRequest(
    definition.selectableFields
      ? `field label not supported: ${field}`
      : `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`,
  );
}

function compileLabels(store: Store, requirements: readonly LabelRequirement[]): (entry: Entry) => boolean {
  if (requirements.length === 0) return () => true;
  const keys = [...new Set(requirements.map((requirement) => requirement.key))].map(labelKey);
  return (entry) => {
    const bytes = store.bytes(entry);
    const labels = isJsonRecord(bytes) ? store.object(entry).metadata.labels : readLabels(bytes, keys);
    return matchesLabels(requirements, labels);
  };
}

function compileFields(
  store: Store,
  definition: ResourceDefinition,
  requirements: readonly FieldRequirement[],
  readers: readonly (FieldReader | undefined)[],
): (entry: Entry) => boolean {
  if (requirements.length === 0) return () => true;
  return (entry) => {
    let object: KubeObject | undefined;
    return requirements.every((requirement, index) => {
      const reader = readers[index];
      let actual: string;
      if (reader) {
        object ??= served(definition, store.object(entry));
        actual = reader(object);
      } else {
        actual = requirement.field === 'metadata.name' ? entry.name : entry.namespace;
      }
      return (actual === requirement.value) === (requirement.operator === '=');
    });
  };
}

const served = (definition: ResourceDefinition, object: KubeObject): KubeObject =>
  definition.view ? definition.view.fromStorage(object) : object;
