/** Empties namespaces that are being deleted, pods first, then lets them go (KEP-5080). */
import { namespaces } from '../../client/index.ts';
import type { Client, ResourceRef } from '../../client/types.ts';
import type { ResourceDefinition } from '../../resources/define.ts';
import { isReason } from '../../kernel/index.ts';
import type { Namespace, Pod } from '../../schema/generated/index.ts';
import type { KubeObject } from '../../schema/object.ts';
import {
  type Controller,
  type ControllerEnv,
  controllerOf,
  done,
  find,
  follow,
  queueOf,
  readingBy,
  type SyncResult,
} from '../runtime/index.ts';
import { deletionConditions, type Remainder } from './conditions.ts';

const name = 'namespace-controller';
const finalizer = 'kubernetes';
const workers = 10;
/** Time that other controllers are given to take their finalizers off. */
const finalizerSeconds = 15;
const closelyMs = 60_000;
const closeLookMs = 1_000;

/** The resources among `definitions` whose objects go with their namespace. */
export function namespacedResources(definitions: readonly ResourceDefinition[]): NamespacedResource[] {
  return definitions.filter(({ scope, verbs, view }) => scope === 'Namespaced' && verbs.includes('delete') && !view);
}

/** A resource whose objects go with their namespace. */
export interface NamespacedResource extends ResourceRef {
  verbs: readonly string[];
}

export interface NamespaceOptions {
  /** All namespaced resources that can be deleted, custom ones included. Asked anew for every namespace. */
  resources(): readonly NamespacedResource[];
}

const isPods = ({ group, resource }: ResourceRef): boolean => group === '' && resource === 'pods';

export function namespaceController(env: ControllerEnv, { resources }: NamespaceOptions): Controller {
  const { clientFor, clock } = env;
  const client = clientFor(name);

  const sync = async (key: string): Promise<SyncResult> => {
    const found = await find<Namespace>(client, namespaces, key);
    if (!found?.metadata.deletionTimestamp) return done;
    const namespace = await markTerminating(client, found);
    if (!namespace.spec?.finalizers?.length) return done;
    const outcome = await removeContent(client, key, resources());
    const current = await reportConditions(client, namespace, outcome, clock.nowMs());
    if (outcome.errors.length) throw new Error(outcome.errors.join('; '));
    if (outcome.remainders.length === 0) {
      await release(client, current);
      return done;
    }
    return { again: true, withinMs: waitMs(namespace, outcome, clock.nowMs()) };
  };

  const overflowed = (): void => followed.relist();
  const queue = queueOf(env, { name, workers, sync, overflowed });
  const followed = follow<Namespace>(namespaces, readingBy(env), {
    changed: ({ metadata }, deleted) => {
      if (!deleted && metadata.deletionTimestamp) queue.add(metadata.name ?? '');
    },
  });
  return controllerOf(name, queue, [followed]);
}

async function markTerminating(client: Client, namespace: Namespace): Promise<Namespace> {
  if (namespace.status?.phase === 'Terminating') return namespace;
  const next: Namespace = { ...namespace, status: { ...namespace.status, phase: 'Terminating' } };
  return client.update<Namespace>(namespaces, next, { subresource: 'status' });
}

interface Outcome {
  remainders: Remainder[];
  errors: string[];
  /** Longest grace period of a pod that still runs. */
  graceSeconds: number;
}

/** Deletes what there is; nothing but pods while any pod is left. */
async function removeContent(
  client: Client,
  namespace: string,
  resources: readonly NamespacedResource[],
): Promise<Outcome> {
  const outcome: Outcome = { remainders: [], errors: [], graceSeconds: 0 };
  const pods = resources.filter(isPods);
  const others = resources.filter((resource) => !isPods(resource));
  for (const group of [pods, others]) {
    for (const resource of group) await removeAll(client, namespace, resource, outcome);
    if (outcome.remainders.length || outcome.errors.length) break;
  }
  return outcome;
}

async function removeAll(
  client: Client,
  namespace: string,
  resource: NamespacedResource,
  outcome: Outcome,
): Promise<void> {
  const { verbs, group, version, resource: plural } = resource;
  const ref: ResourceRef = { group, version, resource: plural };
  const list = async () => (await client.list<KubeObject>(ref, { namespace })).items;
  try {
    const present = await list();
    if (present.length === 0) return;
    if (isPods(ref)) outcome.graceSeconds = longestGrace(present as readonly Pod[]);
    if (verbs.includes('deletecollection')) {
      await client.deleteCollection(ref, { namespace }, { propagationPolicy: 'Background' });
    } else {
      for (const { metadata } of present) await deleteOne(client, ref, metadata.name ?? '', namespace);
    }
    const left = await list();
    if (left.length) outcome.remainders.push({ ref, count: left.length, finalizers: countFinalizers(left) });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    outcome.errors.push(isPods(ref) ? `failed to delete pods for namespace: ${namespace}, err: ${message}` : message);
  }
}

async function deleteOne(client: Client, ref: ResourceRef, name: string, namespace: string): Promise<void> {
  try {
    await client.delete(ref, name, { namespace, propagationPolicy: 'Background' });
  } catch (error) {
    if (!isReason(error, 'NotFound') && !isReason(error, 'MethodNotAllowed')) throw error;
  }
}

const longestGrace = (pods: readonly Pod[]): number =>
  Math.max(
    0,
    ...pods
      .filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed')
      .map(({ spec }) => spec?.terminationGracePeriodSeconds ?? 0),
  );

function countFinalizers(objects: readonly KubeObject[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { metadata } of objects) {
    for (const each of metadata.finalizers ?? []) counts.set(each, (counts.get(each) ?? 0) + 1);
  }
  return counts;
}

async function reportConditions(
  client: Client,
  namespace: Namespace,
  { remainders, errors }: Outcome,
  nowMs: number,
): Promise<Namespace> {
  const previous = namespace.status?.conditions ?? [];
  const conditions = deletionConditions(previous, remainders, errors, nowMs);
  if (conditions === previous) return namespace;
  const next = { ...namespace, status: { ...namespace.status, conditions } };
  return client.update<Namespace>(namespaces, next, { subresource: 'status' });
}

async function release(client: Client, namespace: Namespace): Promise<void> {
  const present = namespace.spec?.finalizers ?? [];
  const finalizers = present.filter((each) => each !== finalizer);
  // Others hold it: nothing more to do here.
  if (finalizers.length === present.length) return;
  const next = { ...namespace, spec: { ...namespace.spec, finalizers } };
  try {
    await client.update<Namespace>(namespaces, next, { subresource: 'finalize' });
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}

/** Looking is cheap, so the first minute is spent closely; later as long as grace periods and finalizers may take. */
function waitMs(namespace: Namespace, { graceSeconds, remainders }: Outcome, nowMs: number): number {
  const elapsedMs = nowMs - Date.parse(namespace.metadata.deletionTimestamp ?? '');
  if (elapsedMs < closelyMs) return closeLookMs;
  const graceLeft = elapsedMs < graceSeconds * 1000 ? graceSeconds : 0;
  const waits = remainders.some(({ finalizers }) => finalizers.size > 0) ? finalizerSeconds : 0;
  return (Math.max(graceLeft, waits) / 2 + 1) * 1000;
}
