/** POST pods/eviction: a DELETE that a PodDisruptionBudget may hold back. */
import { formatTime } from '../../kernel/clock.ts';
import { apiError, isReason, type StatusError } from '../../kernel/status.ts';
import { matchesLabels, requirementsOfSelector } from '../../schema/index.ts';
import type { Eviction, Pod, PodDisruptionBudget } from '../../schema/generated/index.ts';
import type { Client, DeleteOptions } from '../../client/types.ts';
import type { Core } from '../core.ts';
import type { ActionHandler, UserInfo } from '../types.ts';
import { changePod } from './pod-change.ts';

const pods = { group: '', version: 'v1', resource: 'pods' };
const budgets = { group: 'policy', version: 'v1', resource: 'poddisruptionbudgets' };
const success = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };
const attemptLimit = 20;
const disruptedPodsLimit = 2000;
const violates = "Cannot evict pod as it would violate the pod's disruption budget.";

interface Target {
  core: Core;
  client: Client;
  user: UserInfo;
  namespace: string;
  name: string;
}

export function podEviction(core: Core): ActionHandler {
  return {
    async act(parent, body, { dryRun, client, user }) {
      const eviction = body as Eviction;
      if (eviction.metadata?.name !== parent.name) {
        throw apiError.badRequest('name in URL does not match name in Eviction object');
      }
      const target = { ...parent, core, client, user };
      const options = deleteOptions(eviction, dryRun);
      if (await evictUnguarded(target, options)) return success;
      await evictGuarded(target, options);
      return success;
    },
  };
}

function deleteOptions(eviction: Eviction, dryRun: boolean): DeleteOptions {
  const { gracePeriodSeconds, preconditions, propagationPolicy, dryRun: own } = eviction.deleteOptions ?? {};
  return {
    ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds: Number(gracePeriodSeconds) }),
    ...(preconditions && { preconditions }),
    ...(propagationPolicy && { propagationPolicy: propagationPolicy as 'Orphan' | 'Background' | 'Foreground' }),
    dryRun: dryRun || (own?.length ?? 0) > 0,
  };
}

/** Pods that no longer serve, or never did, go without asking. False = a budget has to be asked. */
async function evictUnguarded(target: Target, options: DeleteOptions): Promise<boolean> {
  const fixed = options.preconditions?.resourceVersion !== undefined;
  for (let attempt = 1; ; attempt++) {
    const pod = await target.client.get<Pod>(pods, target.name, target.namespace);
    if (!needsNoBudget(pod)) return false;
    const ended = isTerminal(pod) || pod.metadata.deletionTimestamp !== undefined;
    try {
      await deletePod(target, ended || fixed ? options : pinned(options, pod));
      return true;
    } catch (error) {
      if (fixed || attempt === attemptLimit || !isReason(error, 'Conflict')) throw error;
    }
  }
}

const isTerminal = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
const needsNoBudget = (pod: Pod): boolean =>
  isTerminal(pod) || pod.status?.phase === 'Pending' || pod.metadata.deletionTimestamp !== undefined;
const isReady = (pod: Pod): boolean =>
  (pod.status?.conditions ?? []).some((condition) => condition.type === 'Ready' && condition.status === 'True');

const pinned = (options: DeleteOptions, pod: Pod): DeleteOptions => ({
  ...options,
  preconditions: { ...options.preconditions, resourceVersion: pod.metadata.resourceVersion! },
});

async function evictGuarded(target: Target, options: DeleteOptions): Promise<void> {
  const pod = await target.client.get<Pod>(pods, target.name, target.namespace);
  const matching = await budgetsOf(target, pod);
  if (matching.length > 1) {
    const text = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
    throw apiError.internal(text);
  }
  const budget = matching[0];
  if (!budget) return deletePod(target, options);
  const spare = !isReady(pod) && allowsUnhealthy(budget);
  if (!spare) await takeDisruption(target, budget, options.dryRun === true);
  try {
    await deletePod(target, spare ? pinned(options, pod) : options);
  } catch (error) {
    if (spare && isReason(error, 'Conflict')) throw stillProcessed(budget);
    throw error;
  }
}

async function budgetsOf({ client, namespace }: Target, pod: Pod): Promise<readonly PodDisruptionBudget[]> {
  const { items } = await client.list<PodDisruptionBudget>(budgets, { namespace });
  return items.filter((budget) => {
    try {
      return matchesLabels(requirementsOfSelector(budget.spec?.selector), pod.metadata.labels);
    } catch {
      return false;
    }
  });
}

function allowsUnhealthy(budget: PodDisruptionBudget): boolean {
  const { currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
  return (
    budget.spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow' ||
    (currentHealthy >= desiredHealthy && desiredHealthy > 0)
  );
}

/** Takes one of the budget's disruptions, or refuses with what stands in the way. */
async function takeDisruption(target: Target, first: PodDisruptionBudget, dryRun: boolean): Promise<void> {
  let budget = first;
  for (let attempt = 1; ; attempt++) {
    checkBudget(budget);
    if (dryRun) return;
    const status = budget.status!;
    const disruptionsAllowed = (status.disruptionsAllowed ?? 0) - 1;
    const disruptedPods = { ...status.disruptedPods, [target.name]: formatTime(target.core.clock.nowMs()) };
    const next = { ...budget, status: { ...status, disruptionsAllowed, disruptedPods } };
    try {
      await target.client.update(budgets, next, { subresource: 'status' });
      return;
    } catch (error) {
      if (attempt === attemptLimit || !isReason(error, 'Conflict')) throw error;
      budget = await target.client.get<PodDisruptionBudget>(budgets, budget.metadata.name!, target.namespace);
    }
  }
}

function checkBudget(budget: PodDisruptionBudget): void {
  const name = budget.metadata.name!;
  const status: Partial<NonNullable<PodDisruptionBudget['status']>> = budget.status ?? {};
  if (Number(status.observedGeneration ?? 0) < (budget.metadata.generation ?? 0)) throw stillProcessed(budget);
  const allowed = status.disruptionsAllowed ?? 0;
  const of = { group: 'policy', resource: 'poddisruptionbudget' };
  if (allowed < 0) throw apiError.forbidden(of, name, 'pdb disruptions allowed is negative');
  if (Object.keys(status.disruptedPods ?? {}).length > disruptedPodsLimit) {
    const text = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller';
    throw apiError.forbidden(of, name, text);
  }
  if (allowed === 0) throw refusal(0, exhausted(budget));
}

function exhausted(budget: PodDisruptionBudget): string {
  const name = budget.metadata.name;
  const { conditions = [], currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
  const blocked = conditions.find((c) => c.type === 'DisruptionAllowed' && c.status === 'False' && c.message);
  const not = `The disruption budget ${name} does not allow evicting pods currently`;
  if (blocked?.reason === 'SyncFailed') return `${not} because it failed sync: ${blocked.message}`;
  if (currentHealthy <= desiredHealthy) {
    return `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  }
  return blocked ? `${not} (${blocked.reason}): ${blocked.message}` : not;
}

const stillProcessed = (budget: PodDisruptionBudget): StatusError =>
  refusal(10, `The disruption budget ${budget.metadata.name} is still being processed by the server.`);

function refusal(retryAfterSeconds: number, message: string): StatusError {
  const error = apiError.tooManyRequests(violates, retryAfterSeconds);
  error.status.details = {
    ...(retryAfterSeconds > 0 && { retryAfterSeconds }),
    causes: [{ reason: 'DisruptionBudget', message }],
  };
  return error;
}

/** Says in the pod's status why it goes, then deletes it. */
async function deletePod(target: Target, options: DeleteOptions): Promise<void> {
  const { core, client, namespace, name, user } = target;
  if (options.dryRun) return client.delete(pods, name, { ...options, namespace });
  const change = (pod: Pod): void => {
    checkPreconditions(pod, options);
    markDisrupted(pod, core.clock.nowMs());
  };
  const entry = await changePod(core, { namespace, name, user, dryRun: false, change });
  const preconditions = options.preconditions?.resourceVersion
    ? { ...options.preconditions, resourceVersion: String(entry!.revision) }
    : options.preconditions;
  await client.delete(pods, name, { ...options, ...(preconditions && { preconditions }), namespace });
}

function checkPreconditions({ metadata }: Pod, { preconditions = {} }: DeleteOptions): void {
  const { uid, resourceVersion } = preconditions;
  const kind = { group: '', resource: 'Pod' };
  if (uid && uid !== metadata.uid) {
    const text = `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`;
    throw apiError.conflict(kind, metadata.name!, text);
  }
  if (resourceVersion && resourceVersion !== metadata.resourceVersion) {
    const text = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`;
    throw apiError.conflict(kind, metadata.name!, text);
  }
}

function markDisrupted(pod: Pod, nowMs: number): void {
  pod.status ??= {};
  const conditions = pod.status.conditions ?? [];
  pod.status.conditions = [
    ...conditions.filter((condition) => condition.type !== 'DisruptionTarget'),
    {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
      lastTransitionTime: formatTime(nowMs),
    },
  ];
}
