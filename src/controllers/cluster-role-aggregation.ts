/** A ClusterRole with an aggregation rule has the rules of all roles that its selectors match. */
import { isDeepStrictEqual } from 'node:util';
import { clusterRoles } from '../client/index.ts';
import { matchesLabels, requirementsOfSelector } from '../schema/index.ts';
import type { ClusterRole, PolicyRule } from '../schema/generated/index.ts';
import {
  type Action,
  carryOut,
  type Controller,
  type ControllerEnv,
  controllerOf,
  done,
  follow,
  queueOf,
  readingBy,
  type SyncResult,
} from './runtime/index.ts';

const name = 'clusterrole-aggregation-controller';
const workers = 1;

const byName = (a: ClusterRole, b: ClusterRole): number => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);

/** Plans the rules of `role`, taken from `all` roles. */
function planAggregation(role: ClusterRole, all: readonly ClusterRole[]): Action[] {
  const selectors = role.aggregationRule?.clusterRoleSelectors;
  if (!selectors) return [];
  const rules: PolicyRule[] = [];
  const sorted = [...all].sort(byName);
  for (const selector of selectors) {
    const requirements = requirementsOfSelector(selector);
    for (const other of sorted) {
      if (other.metadata.name === role.metadata.name || !matchesLabels(requirements, other.metadata.labels)) continue;
      for (const rule of other.rules ?? [])
        if (!rules.some((known) => isDeepStrictEqual(known, rule))) rules.push(rule);
    }
  }
  const object: ClusterRole = { ...role, rules };
  return isDeepStrictEqual(rules, role.rules ?? []) ? [] : [{ do: 'update', ref: clusterRoles, object }];
}

export function clusterRoleAggregationController(env: ControllerEnv): Controller {
  const client = env.clientFor(name);
  /** Names of the roles that aggregate. Few: three of upstream's, and what an administrator adds. */
  const aggregating = new Set<string>();

  const sync = async (key: string): Promise<SyncResult> => {
    const { items } = await client.list<ClusterRole>(clusterRoles);
    const role = items.find(({ metadata }) => metadata.name === key);
    if (role) await carryOut(client, planAggregation(role, items));
    return done;
  };

  const overflowed = (): void => roles.relist();
  const queue = queueOf(env, { name, workers, sync, overflowed });
  const addAll = (): void => queue.addAll(aggregating);
  const roles = follow<ClusterRole>(clusterRoles, readingBy(env), {
    changed({ metadata, aggregationRule }, deleted) {
      if (aggregationRule && !deleted) aggregating.add(metadata.name ?? '');
      else aggregating.delete(metadata.name ?? '');
      addAll();
    },
    relisted: addAll,
  });
  return controllerOf(name, queue, [roles]);
}
