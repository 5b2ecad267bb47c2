/** Whether a value fits its type, in the words of structured-merge-diff. */
import { goPrint, goSyntax, goType, isMap, type JsonMap } from '../patch/index.ts';
import { listElement, TypedError } from './compare.ts';
import { fieldType, type ListType, type MergeType, type ScalarType } from './merge-type.ts';
import { type PathElement, printElement } from './path-element.ts';

/** Checks `value` against its type; messages as structured-merge-diff words them. Duplicate list items are refused. */
export function validate(type: MergeType, value: unknown): void {
  const problems = problemsOf(type, value, '');
  if (problems.length === 0) return;
  throw new TypedError(problems.length === 1 ? problems[0]! : `errors:\n${problems.map((p) => `  ${p}`).join('\n')}`);
}

const at = (path: string, message: string): string => (path ? `${path}: ${message}` : message);

function problemsOf(type: MergeType, value: unknown, path: string): string[] {
  if (value === null || value === undefined) return [];
  switch (type.kind) {
    case 'scalar':
      return scalarProblems(type, value, path);
    case 'list':
      return Array.isArray(value) ? listProblems(type, value, path) : [at(path, `expected list, got ${print(value)}`)];
    case 'any':
      return [];
    default:
      return isMap(value) ? mapProblems(type, value, path) : [at(path, `expected map, got ${print(value)}`)];
  }
}

function scalarProblems({ scalar }: ScalarType, value: unknown, path: string): string[] {
  switch (scalar) {
    case 'numeric':
      return typeof value === 'number' || typeof value === 'bigint'
        ? []
        : [at(path, `expected numeric (int or float), got ${goType(value)}`)];
    case 'string':
      return typeof value === 'string'
        ? []
        : [at(path, `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`)];
    case 'boolean':
      return typeof value === 'boolean' ? [] : [at(path, `expected boolean, got ${print(value)}`)];
    case 'untyped':
      return typeof value !== 'object' ? [] : [at(path, `expected any scalar, got ${print(value)}`)];
  }
}

function listProblems(type: ListType, items: readonly unknown[], path: string): string[] {
  const problems: string[] = [];
  const seen = new Set<PathElement>();
  for (const [index, item] of items.entries()) {
    let element = `i:${index}`;
    if (type.relation !== 'atomic') {
      try {
        element = listElement(type, item);
      } catch (error) {
        if (!(error instanceof TypedError)) throw error;
        return [...problems, at(path, `element ${index}: ${error.message}`)];
      }
      if (seen.has(element)) problems.push(at(path, `duplicate entries for key ${printElement(element)}`));
      seen.add(element);
    }
    problems.push(...problemsOf(type.item, item, path + printElement(element)));
  }
  return problems;
}

function mapProblems(type: MergeType, map: JsonMap, path: string): string[] {
  const problems: string[] = [];
  for (const name of Object.keys(map)) {
    const field = fieldType(type, name);
    if (!field) return [...problems, at(`${path}.${name}`, 'field not declared in schema')];
    problems.push(...problemsOf(field, map[name], `${path}.${name}`));
  }
  return problems;
}

const print = (value: unknown): string => `&{${goPrint(value)}}`;
