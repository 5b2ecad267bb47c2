/** Requests and look-ups for tests of admission. */
import { ManualClock } from '../../kernel/index.ts';
import type { ResourceDefinition } from '../../resources/define.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { AdmissionPlugin, AdmissionRequest, Decision, Operation } from '../types.ts';
import { type AdmissionDeps, admissionChain } from './index.ts';
import type { Lookup } from './lookup.ts';

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}

/** Objects by `apiVersion/Kind`; frozen, as the store's are. */
export function lookupOf(...objects: readonly (KubeObject & { kind: string; apiVersion: string })[]): Lookup {
  const frozen = objects.map(deepFreeze);
  const all = <T extends KubeObject>(kind: string, namespace?: string): T[] =>
    frozen.filter(
      (object) =>
        `${object.apiVersion}/${object.kind}` === kind &&
        (namespace === undefined || object.metadata.namespace === namespace),
    ) as unknown as T[];
  return {
    get: (kind, name, namespace) =>
      all(kind).find(
        ({ metadata }) => metadata.name === name && (metadata.namespace ?? '') === (namespace ?? ''),
      ) as never,
    list: all,
  };
}

export interface Given {
  operation?: Operation;
  subresource?: string;
  namespace?: string;
  name?: string;
  object?: KubeObject;
  oldObject?: KubeObject;
  groups?: readonly string[];
}

/** A request for `group/resource` (`/pods` for the core group). */
export function requestOf(target: string, kind: string, given: Given): AdmissionRequest {
  const [group = '', resource = ''] = target.split('/');
  const { object, oldObject, operation = oldObject ? 'UPDATE' : 'CREATE' } = given;
  const metadata = object?.metadata ?? oldObject?.metadata;
  return {
    operation,
    definition: { group, version: 'v1', resource, kind } as ResourceDefinition,
    subresource: given.subresource ?? '',
    namespace: given.namespace ?? metadata?.namespace ?? '',
    name: given.name ?? metadata?.name ?? '',
    ...(object && { object }),
    ...(oldObject && { oldObject: deepFreeze(oldObject) }),
    options: undefined,
    dryRun: false,
    user: { name: 'jane', groups: given.groups ?? ['devs'] },
    warn: () => {},
  };
}

export const podRequest = (given: Given): AdmissionRequest => requestOf('/pods', 'Pod', given);

/** One plugin of the chain over these objects. */
export function plugin(name: string, deps: Partial<AdmissionDeps>): AdmissionPlugin {
  const refuse: Decision = { allowed: false, reason: '' };
  const chain = admissionChain({
    lookup: lookupOf(),
    authorizer: { authorize: () => refuse },
    clock: new ManualClock(),
    generateName: (base) => `${base}abcde`,
    ...deps,
  });
  const found = chain.find((each) => each.name === name);
  if (!found) throw new Error(`no plugin ${name}`);
  return found;
}

/** Runs both phases of one plugin. */
export async function run(tested: AdmissionPlugin, request: AdmissionRequest): Promise<void> {
  if (!tested.handles(request.operation)) return;
  await tested.admit?.(request);
  await tested.validate?.(request);
}
