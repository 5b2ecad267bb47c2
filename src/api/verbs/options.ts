/** Options of requests, from the query; checked as upstream checks them. */
import { apiError, type FieldError, fieldError } from '../../kernel/status.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { FieldValidation } from '../negotiation/index.ts';
import { unknownServerError } from '../patch/index.ts';

export interface WriteOptions {
  dryRun: boolean;
  fieldManager: string;
  fieldValidation: FieldValidation;
  force?: boolean | undefined;
}

export interface ListOptions {
  labelSelector: string;
  fieldSelector: string;
  resourceVersion: string;
  resourceVersionMatch: string;
  limit: number;
  continue: string;
  watch: boolean;
  allowWatchBookmarks: boolean;
  sendInitialEvents: boolean | undefined;
  timeoutSeconds: number | undefined;
}

type OptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'ListOptions' | 'DeleteOptions';

const fieldManagerLimit = 128;
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/** Throws Invalid with upstream's wording for an options object. */
export function refuseOptions(kind: OptionsKind, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw apiError.invalid({ group: 'meta.k8s.io', resource: kind }, '', errors);
}

export function checkDryRun(values: readonly string[]): FieldError[] {
  return values.every((value) => value === 'All') ? [] : [fieldError.notSupported(['dryRun'], values, ['All'])];
}

function* checkFieldManager(manager: string): Iterable<FieldError> {
  if (Buffer.byteLength(manager) > fieldManagerLimit) yield fieldError.tooLong(['fieldManager'], fieldManagerLimit);
  let position = 0;
  for (const char of manager) {
    if (!printable.test(char)) {
      const code = char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
      yield fieldError.invalid(['fieldManager'], manager, `invalid character U+${code} (at position ${position})`);
    }
    position += Buffer.byteLength(char);
  }
}

function checkFieldValidation(value: string): FieldError[] {
  return ['', 'Ignore', 'Warn', 'Strict'].includes(value)
    ? []
    : [fieldError.notSupported(['fieldValidation'], value, ['', 'Ignore', 'Strict', 'Warn'])];
}

/** Options of create, update and patch. `apply` demands a field manager; others refuse `force`. */
export function parseWriteOptions(
  query: URLSearchParams,
  kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions',
  apply = false,
): WriteOptions {
  const dryRun = query.getAll('dryRun');
  const fieldManager = query.get('fieldManager') ?? '';
  const fieldValidation = query.get('fieldValidation') ?? '';
  const force = optionalBoolean(query, 'force');
  const errors: FieldError[] = [];
  if (kind === 'PatchOptions') {
    if (apply && fieldManager === '') errors.push(fieldError.required(['fieldManager'], 'is required for apply patch'));
    if (!apply && force !== undefined) {
      errors.push(fieldError.forbidden(['force'], 'may not be specified for non-apply patch'));
    }
  }
  errors.push(...checkFieldManager(fieldManager), ...checkDryRun(dryRun), ...checkFieldValidation(fieldValidation));
  refuseOptions(kind, errors);
  return {
    dryRun: dryRun.length > 0,
    fieldManager,
    fieldValidation: (fieldValidation || 'Warn') as FieldValidation,
    force,
  };
}

/** A query boolean: everything but 'false' and '0' is true; absent is undefined. */
export function optionalBoolean(query: URLSearchParams, name: string): boolean | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  return value !== '0' && value.toLowerCase() !== 'false';
}

/** A query integer. Throws BadRequest in strconv's words. */
export function optionalInteger(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  const problem = integerProblem(value);
  if (problem) throw apiError.badRequest(`strconv.ParseInt: parsing ${JSON.stringify(value)}: ${problem}`);
  return Number(value);
}

function integerProblem(text: string): string | undefined {
  if (!/^[+-]?\d+$/.test(text)) return 'invalid syntax';
  const value = BigInt(text.replace('+', ''));
  return BigInt.asIntN(64, value) === value ? undefined : 'value out of range';
}

/** Options of list and watch. Throws BadRequest or Invalid. */
export function parseListOptions(query: URLSearchParams, watchPath = false): ListOptions {
  const options: ListOptions = {
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
    limit: Math.max(0, optionalInteger(query, 'limit') ?? 0),
    continue: query.get('continue') ?? '',
    watch: watchPath || (optionalBoolean(query, 'watch') ?? false),
    allowWatchBookmarks: optionalBoolean(query, 'allowWatchBookmarks') ?? false,
    sendInitialEvents: optionalBoolean(query, 'sendInitialEvents'),
    timeoutSeconds: optionalInteger(query, 'timeoutSeconds'),
  };
  return checkListOptions(options);
}

/** Defaults and checks that hold for the in-process Client too. */
export function checkListOptions(options: ListOptions): ListOptions {
  const legacyStart = options.resourceVersion === '' || options.resourceVersion === '0';
  const checked =
    options.watch && legacyStart && options.sendInitialEvents === undefined && options.resourceVersionMatch === ''
      ? { ...options, sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }
      : options;
  refuseOptions('ListOptions', [...(checked.watch ? watchErrors(checked) : listErrors(checked))]);
  return checked;
}

const matchPath = ['resourceVersionMatch'];

function* listErrors(options: ListOptions): Iterable<FieldError> {
  const match = options.resourceVersionMatch;
  if (match !== '') {
    if (options.resourceVersion === '') {
      yield fieldError.forbidden(matchPath, 'resourceVersionMatch is forbidden unless resourceVersion is provided');
    }
    if (options.continue !== '') {
      yield fieldError.forbidden(matchPath, 'resourceVersionMatch is forbidden when continue is provided');
    }
    if (match !== 'Exact' && match !== 'NotOlderThan') {
      yield fieldError.notSupported(matchPath, match, ['Exact', 'NotOlderThan', '']);
    }
    if (match === 'Exact' && options.resourceVersion === '0') {
      yield fieldError.forbidden(matchPath, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
    }
  }
  if (options.sendInitialEvents !== undefined) {
    yield fieldError.forbidden(['sendInitialEvents'], 'sendInitialEvents is forbidden for list');
  }
}

function* watchErrors(options: ListOptions): Iterable<FieldError> {
  const match = options.resourceVersionMatch;
  if (options.sendInitialEvents !== undefined && match !== 'NotOlderThan') {
    yield fieldError.forbidden(matchPath, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  }
  if (match === '') return;
  if (options.sendInitialEvents === undefined) {
    yield fieldError.forbidden(
      matchPath,
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    );
  }
  if (match !== 'NotOlderThan') yield fieldError.notSupported(matchPath, match, ['NotOlderThan']);
  if (options.continue !== '') {
    yield fieldError.forbidden(matchPath, 'resourceVersionMatch is forbidden when continue is provided');
  }
}

/** What strconv says of text that is no resource version; undefined = it is one. */
export function revisionProblem(text: string): string | undefined {
  if (text === '' || (/^\d+$/.test(text) && Number.isSafeInteger(Number(text)))) return undefined;
  const reason = /^\d+$/.test(text) ? 'value out of range' : 'invalid syntax';
  return `strconv.ParseUint: parsing ${JSON.stringify(text)}: ${reason}`;
}

/** A resource version as a number. '' and '0' are 0. Upstream refuses others with a plain 500. */
export function parseRevision(text: string): number {
  const problem = revisionProblem(text);
  if (!problem) return Number(text);
  throw unknownServerError(`resourceVersion: Invalid value: ${JSON.stringify(text)}: ${problem}`);
}

/** The revision that an update was made on; 0 = any. */
export function revisionOf(object: KubeObject): number {
  const text = object.metadata.resourceVersion ?? '';
  const problem = revisionProblem(text);
  if (problem) throw unknownServerError(problem);
  return Number(text);
}

/** The manager's name when the request gives none: the User-Agent up to '/', printable, at most 128 bytes. */
export function managerName(options: { fieldManager: string }, userAgent: string): string {
  if (options.fieldManager !== '') return options.fieldManager;
  let name = '';
  for (const char of userAgent.split('/', 1)[0]!) {
    if (!printable.test(char)) continue;
    if (Buffer.byteLength(name) + Buffer.byteLength(char) > fieldManagerLimit) break;
    name += char;
  }
  return name;
}
