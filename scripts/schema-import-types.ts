import type { Row } from './schema-import.ts';

const goScalars: Readonly<Record<string, string>> = {
  string: 'string',
  bool: 'bool',
  int: 'int64',
  int32: 'int32',
  int64: 'int64',
  uint32: 'uint32',
  uint64: 'uint64',
  float64: 'double',
  '[]byte': 'bytes',
  'interface{}': 'json',
};

const namedScalars: Readonly<Record<string, string>> = {
  'resource.Quantity': 'quantity',
  'intstr.IntOrString': 'intOrString',
  'types.UID': 'string:types.UID',
  'types.NodeName': 'string:types.NodeName',
  'runtime.RawExtension': 'rawExtension',
  'kruntime.RawExtension': 'rawExtension',
  'meta/v1.Time': 'time',
  'meta/v1.MicroTime': 'microTime',
  'meta/v1.Duration': 'duration',
  'meta/v1.FieldsV1': 'fieldsV1',
};

const apiextensionsSpecial: Readonly<Record<string, string>> = {
  JSON: 'json',
  JSONSchemaPropsOrArray: 'schemaOrArray',
  JSONSchemaPropsOrBool: 'schemaOrBool',
  JSONSchemaPropsOrStringArray: 'schemaOrStringArray',
};

/** Slices that upstream wraps into a message of their own (`+protobuf.nullable=true`): field 1 repeats the items. */
const wrappedSlices =
  /^(authentication|authorization|certificates)\/v1(beta1)?\.ExtraValue$|^meta\/v1\.Verbs$|\.Optional(Names|Scopes)$/;

/** Spells Go types as the tables do: aliases resolved, typedefs reduced to scalars, lists `[]`, maps `{}`. */
export class TypeResolver {
  readonly referenced = new Set<string>();
  readonly #structs: ReadonlySet<string>;
  readonly #typedefs = new Map<string, { underlying: string; isEnum: boolean }>();

  constructor(facts: { structs: ReadonlyMap<string, unknown>; typeRows: readonly Row[]; typedefs: readonly Row[] }) {
    const declared = facts.typeRows.filter((row) => row['kind'] === 'struct');
    this.#structs = new Set([...facts.structs.keys(), ...declared.map((row) => `${row['package']}.${row['type']}`)]);
    for (const row of facts.typeRows) {
      if (row['kind'] === 'struct' || row['kind'] === 'any' || row['kind']!.startsWith('?')) continue;
      this.#addTypedef(row['package']!, row['type']!, row['kind']!, row['markers']!.includes('+enum'));
    }
    for (const row of facts.typedefs) {
      this.#addTypedef(row['package']!, row['name']!, row['underlying']!, row['enum'] === 'enum');
    }
  }

  #addTypedef(pkg: string, name: string, underlying: string, isEnum: boolean): void {
    this.#typedefs.set(`${pkg}.${name}`, { underlying, isEnum });
    if (pkg === 'apiextensions/v1') this.#typedefs.set(`apiextensions/v1beta1.${name}`, { underlying, isEnum });
  }

  isEnum(name: string): boolean {
    return this.#typedefs.get(name)?.isEnum ?? false;
  }

  resolve(pkg: string, goType: string): string {
    const type = goType.replace(/^\*/, '');
    const scalar = goScalars[type] ?? namedScalars[type];
    if (scalar) return scalar;
    if (type.startsWith('[]')) return `[]${this.resolve(pkg, type.slice(2))}`;
    const map = /^map\[([^\]]+)\](.*)$/.exec(type);
    if (map) {
      const value = this.resolve(pkg, map[2]!);
      return map[1] === 'string' ? `{}${value}` : `{${this.#qualify(pkg, map[1]!)}}${value}`;
    }
    return this.#named(pkg, this.#qualify(pkg, type));
  }

  #named(pkg: string, name: string): string {
    const scalar = namedScalars[name];
    if (scalar) return scalar;
    const [owner, local] = splitName(name);
    if (owner.startsWith('apiextensions/') && apiextensionsSpecial[local]) {
      const kind = apiextensionsSpecial[local];
      return kind === 'json' ? kind : `${kind}:${owner}.JSONSchemaProps`;
    }
    if (wrappedSlices.test(name)) return `[${name}]string`;
    const typedef = this.#typedefs.get(name);
    if (typedef) {
      const resolved = this.resolve(owner, typedef.underlying);
      if (resolved.startsWith('[]')) return `[=${name}]${this.#requalify(owner, pkg, resolved.slice(2))}`;
      if (resolved.startsWith('{'))
        return `{=${name}}${this.#requalify(owner, pkg, resolved.replace(/^\{[^}]*\}/, ''))}`;
      if (/^[A-Z]|[/]/.test(resolved)) return this.#requalify(owner, pkg, resolved);
      return `${resolved.split(':')[0]}:${name}`;
    }
    if (!this.#structs.has(name)) throw new Error(`unknown type ${name} in ${pkg}`);
    this.referenced.add(name);
    return owner === pkg ? local : name;
  }

  #requalify(from: string, to: string, type: string): string {
    if (type.startsWith(`${to}.`)) return type.slice(to.length + 1);
    return from !== to && /^[A-Z]/.test(type) ? `${from}.${type}` : type;
  }

  #qualify(pkg: string, type: string): string {
    const dot = type.indexOf('.');
    if (dot < 0) return `${pkg}.${type}`;
    const name = type.slice(dot + 1);
    const alias = type.slice(0, dot);
    const found = this.#candidates(pkg, alias).find(
      (p) => this.#structs.has(`${p}.${name}`) || this.#typedefs.has(`${p}.${name}`) || namedScalars[`${p}.${name}`],
    );
    if (!found) throw new Error(`unknown type ${type} in ${pkg}`);
    return `${found}.${name}`;
  }

  #candidates(pkg: string, alias: string): string[] {
    const group = pkg.slice(0, pkg.lastIndexOf('/'));
    switch (alias) {
      case 'v1':
        return [...(pkg === `${group}/v1` ? [] : [`${group}/v1`]), 'meta/v1', 'core/v1', 'authentication/v1'];
      case 'apiv1':
        return ['core/v1'];
      case 'authnv1':
        return ['authentication/v1'];
      default:
        return [alias.replace(/(v\d\w*)$/, '/$1')];
    }
  }
}

const splitName = (name: string): [string, string] => {
  const dot = name.lastIndexOf('.');
  return [name.slice(0, dot), name.slice(dot + 1)];
};
