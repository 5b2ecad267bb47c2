/** LimitRange: default requests and limits of containers, and bounds on containers, pods and claims. */
import type {
  Container,
  LimitRange,
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
  PodSpec,
} from '../../schema/generated/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../types.ts';
import { aggregate } from '../authz/index.ts';
import type { Lookup } from './lookup.ts';
import { podTotal } from './pod-resources.ts';
import { milliOf, type ResourceList } from './quantities.ts';
import { forbidden, isPod, isResource, on } from './request.ts';

export function limitRanger(lookup: Lookup): AdmissionPlugin {
  const ranges = (request: AdmissionRequest) => lookup.list<LimitRange>('v1/LimitRange', request.namespace);
  return {
    name: 'LimitRanger',
    handles: on('CREATE', 'UPDATE'),
    admit(request) {
      if (!concernsPod(request) || isGoing(request)) return;
      for (const range of ranges(request)) setDefaults(request.object as Pod, range);
    },
    validate(request) {
      const pod = concernsPod(request);
      if ((!pod && !isResource(request, '', 'persistentvolumeclaims')) || isGoing(request)) return;
      for (const range of ranges(request)) {
        const limits = range.spec?.limits ?? [];
        const problems = pod
          ? limits.flatMap((limit) => podProblems((request.object as Pod).spec, limit))
          : limits.flatMap((limit) => claimProblems(request.object as PersistentVolumeClaim, limit));
        if (problems.length) throw forbidden(request, aggregate(problems));
      }
    },
  };
}

/** Containers of a pod change at creation and by resizing only. */
const concernsPod = (request: AdmissionRequest): boolean =>
  request.operation === 'CREATE'
    ? isPod(request)
    : request.subresource === 'resize' && request.definition.group === '' && request.definition.resource === 'pods';

const isGoing = ({ oldObject }: AdmissionRequest): boolean => oldObject?.metadata.deletionTimestamp !== undefined;

// --- defaults -----------------------------------------------------------------------------------------------------

function setDefaults(pod: Pod, range: LimitRange): void {
  const requests: ResourceList = {};
  const limits: ResourceList = {};
  for (const item of range.spec?.limits ?? []) {
    if (item.type !== 'Container') continue;
    Object.assign(requests, item.defaultRequest);
    Object.assign(limits, item.default);
  }
  const set = [
    ...(pod.spec.containers ?? []).flatMap((c) => defaultContainer(c, requests, limits, 'container')),
    ...(pod.spec.initContainers ?? []).flatMap((c) => defaultContainer(c, requests, limits, 'init container')),
  ];
  if (set.length === 0) return;
  const text = `LimitRanger plugin set: ${set.join('; ')}`;
  pod.metadata.annotations = { ...pod.metadata.annotations, 'kubernetes.io/limit-ranger': text };
}

function defaultContainer(container: Container, requests: ResourceList, limits: ResourceList, what: string): string[] {
  const setLimits = fill(container, 'limits', limits);
  const setRequests = fill(container, 'requests', requests);
  const notes: string[] = [];
  if (setRequests.length) notes.push(`${setRequests.join(', ')} request for ${what} ${container.name}`);
  if (setLimits.length) notes.push(`${setLimits.join(', ')} limit for ${what} ${container.name}`);
  return notes;
}

/** Names of the resources that were set. */
function fill(container: Container, side: 'requests' | 'limits', defaults: ResourceList): string[] {
  const present = container.resources?.[side] ?? {};
  const missing = Object.keys(defaults).filter((name) => present[name] === undefined);
  if (missing.length === 0) return missing;
  container.resources = { ...container.resources, [side]: { ...defaults, ...present } };
  return missing.sort();
}

// --- bounds -------------------------------------------------------------------------------------------------------

function podProblems(spec: PodSpec, limit: LimitRangeItem): string[] {
  if (limit.type === 'Pod') return problems(limit, podTotal(spec, 'requests'), podTotal(spec, 'limits'));
  if (limit.type !== 'Container') return [];
  return [...(spec.containers ?? []), ...(spec.initContainers ?? [])].flatMap(({ resources }) =>
    problems(limit, resources?.requests ?? {}, resources?.limits ?? {}),
  );
}

function problems(limit: LimitRangeItem, requests: ResourceList, limits: ResourceList): string[] {
  const type = limit.type ?? '';
  return [
    ...each(limit.min, (name, bound) => belowMinimum(type, name, bound, requests[name], limits[name])),
    ...each(limit.max, (name, bound) => aboveMaximum(type, name, bound, requests[name], limits[name])),
    ...each(limit.maxLimitRequestRatio, (name, bound) => aboveRatio(type, name, bound, requests[name], limits[name])),
  ];
}

function claimProblems(claim: PersistentVolumeClaim, limit: LimitRangeItem): string[] {
  if (limit.type !== 'PersistentVolumeClaim') return [];
  const requests = claim.spec.resources?.requests ?? {};
  return [
    ...each(limit.min, (name, bound) => belowMinimum('PersistentVolumeClaim', name, bound, requests[name], undefined)),
    ...each(limit.max, (name, bound) => {
      const head = `maximum ${name} usage per PersistentVolumeClaim is ${bound}`;
      const request = requests[name];
      if (request === undefined) return `${head}.  No request is specified`;
      return milliOf(request) > milliOf(bound) ? `${head}, but request is ${request}` : undefined;
    }),
  ];
}

function each(bounds: ResourceList | undefined, check: (name: string, bound: string) => string | undefined): string[] {
  return Object.entries(bounds ?? {}).flatMap(([name, bound]) => check(name, bound) ?? []);
}

type Amount = string | undefined;

function belowMinimum(type: string, name: string, bound: string, request: Amount, limit: Amount): string | undefined {
  const head = `minimum ${name} usage per ${type} is ${bound}`;
  if (request === undefined) return `${head}.  No request is specified`;
  if (milliOf(request) < milliOf(bound)) return `${head}, but request is ${request}`;
  return limit !== undefined && milliOf(limit) < milliOf(bound) ? `${head}, but limit is ${limit}` : undefined;
}

function aboveMaximum(type: string, name: string, bound: string, request: Amount, limit: Amount): string | undefined {
  const head = `maximum ${name} usage per ${type} is ${bound}`;
  if (limit === undefined) return `${head}.  No limit is specified`;
  if (milliOf(limit) > milliOf(bound)) return `${head}, but limit is ${limit}`;
  return request !== undefined && milliOf(request) > milliOf(bound) ? `${head}, but request is ${request}` : undefined;
}

function aboveRatio(type: string, name: string, bound: string, request: Amount, limit: Amount): string | undefined {
  const head = `${name} max limit to request ratio per ${type} is ${bound}`;
  if (request === undefined || milliOf(request) === 0n) return `${head}, but no request is specified or request is 0`;
  if (limit === undefined || milliOf(limit) === 0n) return `${head}, but no limit is specified or limit is 0`;
  const ratio = Number(milliOf(limit)) / Number(milliOf(request));
  return ratio * 1000 > Number(milliOf(bound)) ? `${head}, but provided ratio is ${ratio.toFixed(6)}` : undefined;
}
