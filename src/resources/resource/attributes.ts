// Names and values of device attributes (resource.k8s.io).
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { matches } from '../shared/check.ts';
import { regexMessage, type StringRule } from '../shared/names.ts';
import type { Device } from '../typings/resource.ts';
import { validateDriverName } from '../core/pod/volumes.ts';

const longestId = 32;
const longestText = 64;
const exactlyOne = 'exactly one value must be specified';
const valueFields = ['int', 'bool', 'string', 'version', 'ints', 'bools', 'strings', 'versions'] as const;

const identifier: StringRule = (value) =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(value)
    ? []
    : [
        regexMessage(
          "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
          '[A-Za-z_][A-Za-z0-9_]*',
          'my_name',
          'MY_NAME',
          'MyName',
        ),
      ];

const semver =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$/;

/** `domain/id`, or an `id` in the domain of the driver. */
export function* validateQualifiedName(name: string, path: FieldPath): Iterable<FieldError> {
  const [first = '', second, ...rest] = name.split('/');
  if (rest.length > 0) return;
  if (second === undefined) {
    yield* validateIdentifier(first, path);
    return;
  }
  if (!first) yield e.invalid(path, '', 'the domain must not be empty');
  else yield* validateDriverName(first, path);
  if (!second) yield e.invalid(path, '', 'the name must not be empty');
  else yield* validateIdentifier(second, path);
}

export function* validateFullyQualifiedName(name: string, path: FieldPath): Iterable<FieldError> {
  yield* validateQualifiedName(name, path);
  if (!name.includes('/')) {
    yield e.invalid(path, name, 'a fully qualified name must be a domain and a name separated by a slash');
  }
}

function* validateIdentifier(id: string, path: FieldPath): Iterable<FieldError> {
  if (id.length > longestId) yield e.tooLong(path, longestId);
  yield* matches(identifier, id, path);
}

export function* validateAttributes(attributes: Device['attributes'], path: FieldPath): Iterable<FieldError> {
  for (const [key, attribute] of Object.entries(attributes ?? {})) {
    const at = [...path, { key }];
    yield* validateQualifiedName(key, path);
    for (const [field, text] of texts(attribute))
      yield* validateText(text, field.startsWith('version'), [...at, field]);
    const set = valueFields.filter((name) => attribute[name] !== undefined);
    if (set.length === 0) yield e.invalid(at, '', exactlyOne);
    else if (set.length > 1) yield e.invalid(at, attribute, exactlyOne);
    for (const field of ['bools', 'ints', 'strings', 'versions'] as const) {
      if (attribute[field]?.length === 0) yield e.invalid([...at, field], [], 'must not be empty if specified');
    }
  }
}

type Attribute = NonNullable<Device['attributes']>[string];

function* texts(attribute: Attribute): Iterable<[field: string, text: string]> {
  for (const field of ['string', 'version'] as const) {
    const value = attribute[field];
    if (value !== undefined) yield [field, value];
  }
  for (const field of ['strings', 'versions'] as const)
    for (const value of attribute[field] ?? []) yield [field, value];
}

function* validateText(text: string, isVersion: boolean, path: FieldPath): Iterable<FieldError> {
  if (isVersion && !semver.test(text)) {
    yield e.invalid(path, text, 'must be a string compatible with semver.org spec 2.0.0');
  }
  if (text.length > longestText) yield e.tooLong(path, longestText);
}
