import type { TypeResolver } from './schema-import-types.ts';
import type { Row } from './schema-import.ts';

type Structs = ReadonlyMap<string, readonly Row[]>;

/**
 * Constant defaults by `package.Struct.field`, as JSON: those of `+default` markers, and the rows of defaults.tsv that
 * set one value whenever the field is absent or zero. Rows that depend on other fields are behaviour, written in
 * src/resources.
 */
export function constantDefaults(structs: Structs, rows: readonly Row[], types: TypeResolver): Map<string, string> {
  const finder = new FieldFinder(structs, types);
  const defaults = new Map<string, string>();
  for (const [name, fields] of structs) {
    for (const field of fields) {
      if (!field['default'] || field['default'].startsWith('ref(')) continue;
      defaults.set(`${name}.${field['jsonName']}`, asJson(field['default'], finder.typeOf(field)));
    }
  }
  for (const row of rows.filter(isConstant)) {
    for (const { name, fallback } of finder.targets(row)) defaults.set(name, fallback);
  }
  for (const [name, fallback] of defaults) if (isNoOp(finder.field(name), fallback)) defaults.delete(name);
  return defaults;
}

const constantSources = new Set(['defaults.go', '+default', 'types/validation']);
const unconditional = /^(nil|empty|0|nil\/empty|\w+ set, nil|\w+ non-nil|)( \((also|min) .*\))?$/;

/** Rows whose meaning needs what stood there before other defaults: left to the resource. */
const beforeOthers = new Set(['batch/v1 Job spec.parallelism']);

function isConstant(row: Row): boolean {
  if (beforeOthers.has(`${row['kind']} ${row['fieldPath']}`)) return false;
  return (
    constantSources.has(row['source']!) && unconditional.test(row['condition']!) && !row['fieldPath']!.startsWith('(')
  );
}

/** `420 (0644)` and `false (gate X GA 1.36)` are one value with a remark. */
const withoutRemark = (text: string): string => text.replace(/ \((0[0-7]+|gate .* GA [0-9.]+)\)$/, '');

/** Structs that share the rows of another. */
const twins: Readonly<Record<string, readonly string[]>> = {
  'admissionregistration/v1.ServiceReference': [
    'apiextensions/v1.ServiceReference',
    'apiextensions/v1beta1.ServiceReference',
    'apiregistration/v1.ServiceReference',
  ],
  'core/v1.Container': ['core/v1.EphemeralContainerCommon'],
};
const structAliases: Readonly<Record<string, string>> = {
  'PriorityLevelConfiguration exempt': 'ExemptPriorityLevelConfiguration',
  'PriorityLevelConfiguration limited': 'LimitedPriorityLevelConfiguration',
};

/** A path from a struct. Structs on the way may be shared with the `allowed` only. */
interface Route {
  path: string;
  allowed(user: string): boolean;
}

class FieldFinder {
  readonly #structs: Structs;
  readonly #types: TypeResolver;
  readonly #usedBy = new Map<string, Set<string>>();

  constructor(structs: Structs, types: TypeResolver) {
    this.#structs = structs;
    this.#types = types;
    for (const [name, fields] of structs) {
      for (const field of fields) {
        const inner = this.#messageOf(field);
        if (inner) this.#usedBy.set(inner, (this.#usedBy.get(inner) ?? new Set()).add(name));
      }
    }
  }

  field(name: string): Row {
    const dot = name.lastIndexOf('.');
    return this.#structs.get(name.slice(0, dot))!.find((field) => field['jsonName'] === name.slice(dot + 1))!;
  }

  typeOf(field: Row): string {
    return this.#types.resolve(field['package']!, field['goType']!);
  }

  /** A row may name several structs, and several fields with their values. */
  targets(row: Row): { name: string; fallback: string }[] {
    const [groupVersion, ...rest] = row['kind']!.split(' ');
    const [group, version] = groupVersion!.split('/');
    const pkg = `${group!.split('.')[0]}/${version}`;
    const kinds = structAliases[rest.join(' ')] ?? rest.join(' ');
    const paths = row['fieldPath']!.split(/ \/ |, ?/);
    const values = paths.length === 1 ? [row['default']!] : row['default']!.split(/ \/ |, /);
    const kindList = kinds.split(/ \/ |, ?/);
    const everywhere = row['condition']!.includes('(also');
    const allowed = (user: string): boolean => everywhere || kindList.some((kind) => user === `${pkg}.${kind}`);
    return kindList.flatMap((kind) =>
      paths.flatMap((path, i) => this.#target(pkg, kind, { path, allowed }, withoutRemark(values[i] ?? ''))),
    );
  }

  #target(pkg: string, kind: string, to: Route, value: string): { name: string; fallback: string }[] {
    const owners = [`${pkg}.${kind}`, ...(twins[`${pkg}.${kind}`] ?? [])];
    return owners.flatMap((owner) => {
      const name = this.#walk(owner, to.path.replaceAll('[*]', '').split('.'), to.allowed);
      const fallback = name && jsonOrUndefined(value, this.typeOf(this.field(name)));
      return name && fallback ? [{ name, fallback }] : [];
    });
  }

  /** Undefined when the path leaves the tables, or enters a struct that others use without this default. */
  #walk(struct: string, steps: readonly string[], allowed: (user: string) => boolean): string | undefined {
    const [step, ...rest] = steps;
    const field = this.#structs.get(struct)?.find((row) => row['jsonName'] === step);
    if (!field) return undefined;
    if (rest.length === 0) return `${struct}.${step}`;
    const inner = this.#messageOf(field);
    const users = inner ? [...this.#usedBy.get(inner)!] : [];
    if (!inner || !users.every((user) => user === struct || allowed(user))) return undefined;
    return this.#walk(inner, rest, allowed);
  }

  #messageOf(field: Row): string | undefined {
    if (field['goType']!.endsWith('TypeMeta') || field['jsonName'] === '-') return undefined;
    const text = this.typeOf(field).replace(/^(\[[^\]]*\]|\{[^}]*\})+/, '');
    const name = text.includes('/') || !/^[A-Z]/.test(text) ? text : `${field['package']}.${text}`;
    return this.#structs.has(name) ? name : undefined;
  }
}

/** Undefined when the text is prose. */
function jsonOrUndefined(text: string, type: string): string | undefined {
  const object = /^\{(\w+): (\w+)\}$/.exec(text);
  if (object) return JSON.stringify({ [object[1]!]: object[2] });
  const list = /^\[(\w+)\]$/.exec(text);
  if (list) return JSON.stringify([list[1]]);
  return /^("[^"]*"|\{\}|[^\s=(]+)$/.test(text) ? asJson(text, type) : undefined;
}

function asJson(text: string, type: string): string {
  if (/^(string|quantity)/.test(type)) return text.startsWith('"') ? text : JSON.stringify(text);
  if (/^(bool|u?int|double|intOrString)/.test(type))
    return /^(true|false|-?[0-9]+)$/.test(text) ? text : JSON.stringify(text);
  return text;
}

/** A zero where zero is what absence means anyway. */
const isNoOp = (field: Row, fallback: string): boolean =>
  !field['pointer'] && ['""', '0', 'false', '{}'].includes(fallback);
