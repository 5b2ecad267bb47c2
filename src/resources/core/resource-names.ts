// Names and amounts of compute resources in pods, quotas and limit ranges (pkg/apis/core/helper).
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { matches, quantityNonNegative } from '../shared/check.ts';
import { dnsLabel, qualifiedName } from '../shared/names.ts';
import { compareQuantities, isWholeQuantity, nanos } from '../shared/quantity.ts';
import type { ResourceRequirements } from '../typings/core.ts';
import { isHugePages, isPodLevelResource } from './pod/resources.ts';

const containerResources = new Set(['cpu', 'memory', 'ephemeral-storage']);
const quotaResources = new Set(
  (
    'cpu memory ephemeral-storage requests.cpu requests.memory requests.storage requests.ephemeral-storage limits.cpu ' +
    'limits.memory limits.ephemeral-storage pods resourcequotas services replicationcontrollers secrets ' +
    'persistentvolumeclaims configmaps services.nodeports services.loadbalancers'
  ).split(' '),
);
const standardResources = new Set([...quotaResources, 'requests.storage', 'storage']);
const integerResources = new Set([
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]);

const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/');

/** `example.com/gpu`, not in kubernetes.io and not prefixed as a quota's. */
export const isExtendedResource = (name: string): boolean =>
  !isNative(name) && !name.startsWith('requests.') && qualifiedName(`requests.${name}`).length === 0;

/** Requests may be lower than limits. */
export const allowsOvercommit = (name: string): boolean => isNative(name) && !isHugePages(name);

const isStandard = (name: string): boolean =>
  standardResources.has(name) || isHugePages(name) || /^(requests|limits)\.hugepages-/.test(name);

export function* validateResourceName(name: string, path: FieldPath): Iterable<FieldError> {
  const messages = qualifiedName(name);
  for (const message of messages) yield e.invalid(path, name, message);
  if (messages.length === 0 && !name.includes('/') && !isStandard(name)) {
    yield e.invalid(path, name, 'must be a standard resource type or fully qualified');
  }
}

export function* validateContainerResourceName(name: string, path: FieldPath): Iterable<FieldError> {
  yield* validateResourceName(name, path);
  if (!name.includes('/')) {
    if (!containerResources.has(name) && !isHugePages(name)) {
      yield e.invalid(path, name, 'must be a standard resource for containers');
    }
  } else if (!isNative(name) && !isExtendedResource(name)) {
    yield e.invalid(path, name, "doesn't follow extended resource name standard");
  }
}

function* validatePodResourceName(name: string, path: FieldPath): Iterable<FieldError> {
  const errors = [...validateResourceName(name, path)];
  yield* errors;
  if (errors.length === 0 && !isPodLevelResource(name)) yield e.notSupported(path, name, ['cpu', 'memory']);
}

export function* validateQuotaResourceName(name: string, path: FieldPath): Iterable<FieldError> {
  yield* validateResourceName(name, path);
  if (!name.includes('/') && !quotaResources.has(name) && !/^(requests\.|limits\.)?hugepages-/.test(name)) {
    yield e.invalid(path, name, 'must be a standard resource for quota');
  }
}

/** Not negative; counts and extended resources are whole numbers. */
export function* validateResourceQuantity(name: string, value: string, path: FieldPath): Iterable<FieldError> {
  yield* quantityNonNegative(value, path);
  if ((integerResources.has(name) || isExtendedResource(name)) && !isWholeQuantity(value)) {
    yield e.invalid(path, value, 'must be an integer');
  }
}

export function* validateResources(
  resources: ResourceRequirements | undefined,
  path: FieldPath,
  claimNames: ReadonlySet<string>,
  podLevel = false,
): Iterable<FieldError> {
  if (!resources) return;
  const nameRule = podLevel ? validatePodResourceName : validateContainerResourceName;
  const { limits = {}, requests = {} } = resources;
  for (const [list, field] of [
    [limits, 'limits'],
    [requests, 'requests'],
  ] as const) {
    for (const [name, value] of Object.entries(list)) {
      const at = [...path, field, { key: name }];
      yield* nameRule(name, at);
      yield* validateResourceQuantity(name, value, at);
      if (isHugePages(name) && !isDivisible(name, value)) {
        yield e.invalid(at, value, `${value} is not positive integer multiple of ${name}`);
      }
    }
  }
  yield* validateRequestsAgainstLimits(requests, limits, path);
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  if (names.some(isHugePages) && !names.some((name) => name === 'cpu' || name === 'memory')) {
    yield e.forbidden(path, 'HugePages require cpu or memory');
  }
  yield* validateClaims(resources, path, claimNames);
}

function* validateRequestsAgainstLimits(
  requests: Record<string, string>,
  limits: Record<string, string>,
  path: FieldPath,
): Iterable<FieldError> {
  for (const [name, request] of Object.entries(requests)) {
    const limit = limits[name];
    if (limit === undefined) {
      if (!allowsOvercommit(name)) {
        yield e.required([...path, 'limits'], 'Limit must be set for non overcommitable resources');
      }
      continue;
    }
    const order = compareQuantities(request, limit);
    if (order !== 0 && !allowsOvercommit(name)) {
      yield e.invalid([...path, 'requests'], request, `must be equal to ${name} limit of ${limit}`);
    } else if (order > 0) {
      yield e.invalid([...path, 'requests'], request, `must be less than or equal to ${name} limit of ${limit}`);
    }
  }
}

function isDivisible(name: string, value: string): boolean {
  const size = nanos(name.slice('hugepages-'.length));
  return size > 0n && nanos(value) % size === 0n;
}

function* validateClaims(
  resources: ResourceRequirements,
  path: FieldPath,
  claimNames: ReadonlySet<string>,
): Iterable<FieldError> {
  const seen = new Set<string>();
  for (const [i, claim] of (resources.claims ?? []).entries()) {
    const at = [...path, 'claims', i];
    const name = claim.name ?? '';
    if (!name) {
      yield e.required(at);
      continue;
    }
    const key = claim.request ? `${name}/${claim.request}` : name;
    if (claim.request) yield* matches(dnsLabel, claim.request, [...at, 'request']);
    const overlaps =
      seen.has(name) || seen.has(key) || (!claim.request && [...seen].some((k) => k.startsWith(`${name}/`)));
    if (overlaps) yield e.duplicate(at, seen.has(name) || !claim.request ? name : key);
    seen.add(key);
    if (!claimNames.has(name)) {
      const known = [...claimNames].sort().join(', ');
      const error = e.notFound(at, name);
      yield {
        ...error,
        message: `${error.message}: must be one of the names in pod.spec.resourceClaims${known ? `: ${known}` : ' which is empty'}`,
      };
    }
  }
}
