// What a claim asks for (resource.k8s.io DeviceClaim), in ResourceClaims and templates. CEL is compiled where devices are chosen.
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { matches, oneOf, positive, required, requiredMatch } from '../shared/check.ts';
import { validateLabelName } from '../shared/labels.ts';
import { dnsLabel, dnsSubdomain } from '../shared/names.ts';
import type {
  DeviceClaim,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  OpaqueDeviceConfiguration,
} from '../typings/resource.ts';
import { validateDriverName } from '../core/pod/volumes.ts';

import { validateFullyQualifiedName } from './attributes.ts';

const most = 32;
const mostSubRequests = 8;
const expressionLimitBytes = 10 << 10;
const parametersLimitBytes = 10 << 10;

/** A list with an upper bound and, by `key`, without repetition. */
export function* uniqueList<T>(
  list: readonly T[] | undefined,
  max: number,
  key: (item: T) => string | undefined,
  path: FieldPath,
): Iterable<FieldError> {
  const items = list ?? [];
  if (items.length > max) yield e.tooMany(path, items.length, max);
  const seen = new Set<string>();
  for (const [i, item] of items.entries()) {
    const name = key(item);
    if (name !== undefined && seen.has(name)) yield e.duplicate([...path, i], name);
    if (name !== undefined) seen.add(name);
  }
}

export function defaultRequests(claim: DeviceClaim | undefined): void {
  for (const request of claim?.requests ?? []) {
    for (const one of [...(request.exactly ? [request.exactly] : []), ...(request.firstAvailable ?? [])]) {
      one.allocationMode ||= 'ExactCount';
      if (one.allocationMode === 'ExactCount') one.count ||= 1;
      for (const toleration of one.tolerations ?? []) toleration.operator ||= 'Equal';
    }
  }
}

export function* validateDeviceClaim(claim: DeviceClaim | undefined, path: FieldPath): Iterable<FieldError> {
  const requests = claim?.requests ?? [];
  yield* uniqueList(requests, most, (request) => request.name, [...path, 'requests']);
  for (const [i, request] of requests.entries()) yield* validateRequest(request, [...path, 'requests', i]);
  const names = new Set(
    requests.flatMap((request) => [
      request.name ?? '',
      ...(request.firstAvailable ?? []).map((sub) => `${request.name}/${sub.name}`),
    ]),
  );
  yield* uniqueList(claim?.constraints, most, () => undefined, [...path, 'constraints']);
  for (const [i, constraint] of (claim?.constraints ?? []).entries()) {
    const at = [...path, 'constraints', i];
    yield* validateRequestNames(constraint.requests, names, [...at, 'requests']);
    if (constraint.matchAttribute !== undefined) {
      yield* validateFullyQualifiedName(constraint.matchAttribute, [...at, 'matchAttribute']);
    } else if (constraint.distinctAttribute !== undefined) {
      yield* validateFullyQualifiedName(constraint.distinctAttribute, [...at, 'distinctAttribute']);
    } else {
      const detail = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set';
      yield e.required(at, detail);
    }
  }
  yield* uniqueList(claim?.config, most, () => undefined, [...path, 'config']);
  for (const [i, config] of (claim?.config ?? []).entries()) {
    yield* validateRequestNames(config.requests, names, [...path, 'config', i, 'requests']);
    yield* validateConfiguration(config.opaque, [...path, 'config', i]);
  }
}

function* validateRequestNames(
  list: readonly string[] | undefined,
  known: ReadonlySet<string>,
  path: FieldPath,
): Iterable<FieldError> {
  yield* uniqueList(list, most, (name) => name, path);
  for (const [i, name] of (list ?? []).entries()) {
    if (!known.has(name)) {
      yield e.invalid(
        [...path, i],
        name,
        "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'",
      );
    }
  }
}

export function* validateConfiguration(
  opaque: OpaqueDeviceConfiguration | undefined,
  path: FieldPath,
): Iterable<FieldError> {
  if (!opaque) {
    yield e.required([...path, 'opaque']);
    return;
  }
  yield* validateDriverName(opaque.driver, [...path, 'opaque', 'driver']);
  const at = [...path, 'opaque', 'parameters'];
  if (opaque.parameters === undefined || opaque.parameters === null) yield e.required(at);
  else if (typeof opaque.parameters !== 'object' || Array.isArray(opaque.parameters)) {
    yield e.invalid(at, '<value omitted>', 'must be a valid JSON object');
  } else if (Buffer.byteLength(JSON.stringify(opaque.parameters)) > parametersLimitBytes) {
    yield e.tooLong(at, parametersLimitBytes);
  }
}

function* validateRequest(request: DeviceRequest, path: FieldPath): Iterable<FieldError> {
  yield* requiredMatch(dnsLabel, request.name, [...path, 'name']);
  const several = request.firstAvailable ?? [];
  const detail = 'exactly one of `exactly` or `firstAvailable` is required';
  if (request.exactly && several.length > 0) yield e.invalid(path, undefined, `${detail}, but multiple fields are set`);
  else if (request.exactly) yield* validateOne(request.exactly, [...path, 'exactly']);
  else if (several.length > 0) {
    const at = [...path, 'firstAvailable'];
    yield* uniqueList(several, mostSubRequests, (sub) => sub.name, at);
    for (const [i, sub] of several.entries()) {
      yield* matches(dnsLabel, sub.name, [...at, i, 'name']);
      yield* validateOne(sub, [...at, i]);
    }
  } else yield e.required(path, detail);
}

function* validateOne(one: DeviceSubRequest, path: FieldPath): Iterable<FieldError> {
  if (!one.deviceClassName) yield e.required([...path, 'deviceClassName']);
  else yield* matches(dnsSubdomain, one.deviceClassName, [...path, 'deviceClassName']);
  yield* validateSelectors(one.selectors, [...path, 'selectors']);
  if (one.allocationMode === 'All') {
    if (one.count) yield e.invalid([...path, 'count'], one.count, "must not be specified when allocationMode is 'All'");
  } else if (one.allocationMode === 'ExactCount') {
    yield* positive(one.count ?? 0, [...path, 'count']);
  } else yield e.notSupported([...path, 'allocationMode'], one.allocationMode ?? '', ['All', 'ExactCount']);
  for (const [i, toleration] of (one.tolerations ?? []).entries()) {
    const at = [...path, 'tolerations', i];
    if (toleration.key) yield* validateLabelName(toleration.key, [...at, 'key']);
    yield* oneOf(toleration.operator, ['Equal', 'Exists'], [...at, 'operator']);
    if (toleration.effect) yield* oneOf(toleration.effect, ['NoExecute', 'NoSchedule', 'None'], [...at, 'effect']);
  }
}

export function* validateSelectors(
  selectors: readonly DeviceSelector[] | undefined,
  path: FieldPath,
): Iterable<FieldError> {
  yield* uniqueList(selectors, most, () => undefined, path);
  for (const [i, { cel }] of (selectors ?? []).entries()) {
    if (!cel) yield e.required([...path, i, 'cel']);
    else if (Buffer.byteLength(cel.expression ?? '') > expressionLimitBytes) {
      yield e.tooLong([...path, i, 'cel', 'expression'], expressionLimitBytes);
    } else yield* required(cel.expression, [...path, i, 'cel', 'expression']);
  }
}
