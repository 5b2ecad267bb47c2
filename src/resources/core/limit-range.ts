import { randomUUID } from 'node:crypto';
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { compareQuantities, nanos } from '../shared/quantity.ts';
import { defaultColumns, resource } from '../shared/resource.ts';
import type { LimitRange, LimitRangeItem } from '../typings/core.ts';
import { roundList } from './pod/defaults.ts';
import { matches } from '../shared/check.ts';
import { qualifiedName } from '../shared/names.ts';
import { allowsOvercommit, validateContainerResourceName, validateResourceName } from './resource-names.ts';

/** core/v1 LimitRange. */
export const limitRange = resource<LimitRange>('/v1/limitranges', {
  columns: defaultColumns,
  allowCreateOnUpdate: true,
  default(o) {
    for (const item of o.spec?.limits ?? []) defaultItem(item);
  },
  prepareForCreate(o) {
    o.metadata.name ||= randomUUID();
  },
  validate,
});

const lists = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

/** For containers: default limit = max, default request = default limit, else min. */
function defaultItem(item: LimitRangeItem): void {
  for (const list of lists) if (item[list]) roundList(item[list]);
  if (item.type !== 'Container') return;
  const limits = { ...item.max, ...item.default };
  const requests = { ...item.min, ...limits, ...item.defaultRequest };
  if (Object.keys(limits).length > 0) item.default = limits;
  if (Object.keys(requests).length > 0) item.defaultRequest = requests;
}

function* validate(o: LimitRange): Iterable<FieldError> {
  const types = new Set<string>();
  for (const [i, item] of (o.spec?.limits ?? []).entries()) {
    const at: FieldPath = ['spec', 'limits', i];
    const type = item.type ?? '';
    yield* validateType(type, [...at, 'type']);
    if (types.has(type)) yield e.duplicate([...at, 'type'], type);
    types.add(type);
    yield* validateShape(item, type, at);
    const names = new Set(lists.flatMap((list) => Object.keys(item[list] ?? {})));
    for (const name of names) {
      for (const list of lists.filter((one) => item[one]?.[name] !== undefined)) {
        const path = [...at, list, { key: name }];
        yield* type === 'Pod' || type === 'Container'
          ? validateContainerResourceName(name, path)
          : validateResourceName(name, path);
      }
      yield* validateAmounts(item, name, at);
    }
  }
}

function* validateType(type: string, path: FieldPath): Iterable<FieldError> {
  const known = ['Pod', 'Container', 'PersistentVolumeClaim'].includes(type);
  const faults = [...matches(qualifiedName, type, path)];
  if (faults.length > 0) yield* faults;
  else if (!known && !type.includes('/')) {
    yield e.invalid(path, type, 'must be a standard limit type or fully qualified');
  }
}

function* validateShape(item: LimitRangeItem, type: string, at: FieldPath): Iterable<FieldError> {
  if (type === 'Pod') {
    for (const list of ['default', 'defaultRequest'] as const) {
      if (Object.keys(item[list] ?? {}).length > 0) {
        yield e.forbidden([...at, list], "may not be specified when `type` is 'Pod'");
      }
    }
  }
  if (type === 'PersistentVolumeClaim' && !item.min?.['storage'] && !item.max?.['storage']) {
    yield e.required(
      [...at, 'limits'],
      'either minimum or maximum storage value is required, but neither was provided',
    );
  }
}

function* validateAmounts(item: LimitRangeItem, name: string, at: FieldPath): Iterable<FieldError> {
  const min = item.min?.[name];
  const max = item.max?.[name];
  const fallback = item.default?.[name];
  const request = item.defaultRequest?.[name];
  const more = (a: string | undefined, b: string | undefined): boolean =>
    a !== undefined && b !== undefined && compareQuantities(a, b) > 0;
  if (more(min, max)) {
    yield e.invalid([...at, 'min', { key: name }], min, `min value ${min} is greater than max value ${max}`);
  }
  const requestAt = [...at, 'defaultRequest', { key: name }];
  if (more(min, request)) {
    yield e.invalid(requestAt, request, `min value ${min} is greater than default request value ${request}`);
  }
  if (more(request, max)) {
    yield e.invalid(requestAt, request, `default request value ${request} is greater than max value ${max}`);
  }
  if (more(request, fallback)) {
    yield e.invalid(
      requestAt,
      request,
      `default request value ${request} is greater than default limit value ${fallback}`,
    );
  }
  const defaultAt = [...at, 'default', { key: name }];
  if (more(min, fallback)) {
    yield e.invalid(defaultAt, min, `min value ${min} is greater than default value ${fallback}`);
  }
  if (more(fallback, max)) {
    yield e.invalid(defaultAt, max, `default value ${fallback} is greater than max value ${max}`);
  }
  yield* validateRatio(item, name, at);
  if (!allowsOvercommit(name) && fallback !== request) {
    const detail = `default value ${fallback ?? '0'} must equal to defaultRequest value ${request ?? '0'} in ${name}`;
    if (fallback !== undefined || request !== undefined) yield e.invalid(requestAt, request, detail);
  }
}

function* validateRatio(item: LimitRangeItem, name: string, at: FieldPath): Iterable<FieldError> {
  const ratio = item.maxLimitRequestRatio?.[name];
  if (ratio === undefined) return;
  const path = [...at, 'maxLimitRequestRatio', { key: name }];
  if (compareQuantities(ratio, '1') < 0) yield e.invalid(path, ratio, `ratio ${ratio} is less than 1`);
  const [min, max] = [nanos(item.min?.[name]), nanos(item.max?.[name])];
  if (min > 0n && max > 0n && nanos(ratio) * min > max * 1_000_000_000n) {
    yield e.invalid(path, ratio, `ratio ${ratio} is greater than max/min = ${Number(max) / Number(min)}`);
  }
}
