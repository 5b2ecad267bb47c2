/**
 * ReplicaSets and ReplicationControllers: as many pods as they ask for.
 *
 * There are no expectations as upstream has them. They make up for informers that lag behind the controller's own
 * writes; here each step lists the pods anew, from the API or, in process, from the one cache, and both have what was
 * written before. A step that made or deleted pods ends there: their events ask for the next one, which writes the status.
 */
import { pods as podsRef, replicaSets, replicationControllers } from '../../client/index.ts';
import type { Client } from '../../client/types.ts';
import type { Clock } from '../../kernel/index.ts';
import { isReason } from '../../kernel/index.ts';
import {
  type LabelRequirements,
  matchesLabels,
  requirementsOfLabels,
  requirementsOfSelector,
} from '../../schema/index.ts';
import type { Pod, ReplicaSet, ReplicationController } from '../../schema/generated/index.ts';
import { isActive, nextAvailableInMs } from '../pod-state.ts';
import {
  claim,
  type ClaimKind,
  type Controller,
  type ControllerEnv,
  controllerOf,
  controllerRefOf,
  controllerRefTo,
  done,
  find,
  followOwned,
  lookIn,
  queueOf,
  readerName,
  readingBy,
  recorderFor,
  splitKey,
  type SyncResult,
  takeClaims,
} from '../runtime/index.ts';
import { podsToDelete } from './deletion-order.ts';
import { type Failure, missingPods, podFromTemplate, type Replicated, statusOf } from './plan.ts';
import { createPods, deletePods, type PodWriter } from './pod-writes.ts';

const workers = 5;

interface ReplicaKind<T extends Replicated> {
  /** Of the controller, its account and its events. */
  name: string;
  owner: ClaimKind['owner'];
  selectorOf(object: T): LabelRequirements;
  countsTerminating: boolean;
}

export const replicaSetController = (env: ControllerEnv): Controller =>
  replicaController<ReplicaSet>(env, {
    name: 'replicaset-controller',
    owner: { ref: replicaSets, apiVersion: 'apps/v1', kind: 'ReplicaSet' },
    selectorOf: ({ spec }) => requirementsOfSelector(spec.selector),
    countsTerminating: true,
  });

export const replicationController = (env: ControllerEnv): Controller =>
  replicaController<ReplicationController>(env, {
    name: 'replication-controller',
    owner: { ref: replicationControllers, apiVersion: 'v1', kind: 'ReplicationController' },
    selectorOf: ({ spec }) => requirementsOfLabels(spec.selector ?? {}),
    countsTerminating: false,
  });

function replicaController<T extends Replicated>(env: ControllerEnv, kind: ReplicaKind<T>): Controller {
  const { clientFor, clock } = env;
  const { name, owner } = kind;
  const reader = clientFor(readerName);
  const client = clientFor(name);
  const recorder = recorderFor(env, name);
  const syncer = new Syncer<T>({ kind, reader, client, clock, writer: { client, recorder } });

  const queue = queueOf(env, {
    name,
    workers,
    sync: (key) => syncer.sync(key),
    overflowed: () => followed.relist(),
  });
  const options = readingBy(env);
  const claims = { owner, dependents: podsRef };
  const followed = followOwned<T>(options, claims, kind.selectorOf, (keys) => queue.addAll(keys));
  return controllerOf(name, queue, [followed], recorder);
}

interface SyncerParts<T extends Replicated> {
  kind: ReplicaKind<T>;
  reader: Client;
  client: Client;
  clock: Clock;
  writer: PodWriter;
}

class Syncer<T extends Replicated> {
  readonly #parts: SyncerParts<T>;

  constructor(parts: SyncerParts<T>) {
    this.#parts = parts;
  }

  async sync(key: string): Promise<SyncResult> {
    const { kind, reader, client, clock } = this.#parts;
    const { namespace, name } = splitKey(key);
    const found = await find<T>(client, kind.owner.ref, name, namespace);
    if (!found) return done;
    const owner: T = { ...found, apiVersion: kind.owner.apiVersion, kind: kind.owner.kind };
    const { items } = await reader.list<Pod>(podsRef, { namespace });
    const pods = await this.#claim(owner, items);
    const { changed, failure, error } = await this.#scale(owner, pods.filter(isActive), items);
    if (changed && !error) return done;
    const nowMs = clock.nowMs();
    await this.#report(owner, pods, failure, nowMs);
    if (error) throw error;
    const waitMs = nextAvailableInMs(pods.filter(isActive), owner.spec.minReadySeconds ?? 0, nowMs);
    return waitMs === undefined ? done : lookIn(waitMs);
  }

  /** The pods that it controls; pods that have ended are left to whom they belong. */
  async #claim(owner: T, pods: readonly Pod[]): Promise<Pod[]> {
    const { kind, client } = this.#parts;
    const requirements = kind.selectorOf(owner);
    const selects = ({ metadata }: Pod): boolean => matchesLabels(requirements, metadata.labels);
    const { owned, adopt, release } = claim(owner.metadata, pods, selects);
    const claims = { owned, adopt: adopt.filter(isActive), release: release.filter(isActive) };
    return takeClaims(client, { owner: kind.owner, dependents: podsRef }, owner.metadata, claims);
  }

  async #scale(
    owner: T,
    active: readonly Pod[],
    all: readonly Pod[],
  ): Promise<{ changed: boolean; failure?: Failure; error?: unknown }> {
    const { kind, writer, clock } = this.#parts;
    const missing = missingPods(owner, active);
    if (missing === 0) return { changed: false };
    if (missing > 0) {
      const pod = podFromTemplate(owner, controllerRefTo(kind.owner, owner.metadata));
      const { count, error } = await createPods(writer, owner, pod, missing);
      return { changed: count > 0, ...failureOf('FailedCreate', error) };
    }
    const related = -missing < active.length ? await this.#related(owner, all) : [];
    const doomed = podsToDelete(active, related, -missing, clock.nowMs());
    const { count, error } = await deletePods(writer, owner, doomed);
    return { changed: count > 0, ...failureOf('FailedDelete', error) };
  }

  /** Pods of all owners that one Deployment has: it is their spread over the nodes that matters. */
  async #related(owner: T, pods: readonly Pod[]): Promise<Pod[]> {
    const { kind, client } = this.#parts;
    const controller = controllerRefOf(owner.metadata);
    if (!controller) return [];
    const { namespace = '' } = owner.metadata;
    const { items } = await client.list<T>(kind.owner.ref, { namespace });
    const siblings = items.filter(({ metadata }) => controllerRefOf(metadata)?.uid === controller.uid);
    const selectors = siblings.map((sibling) => kind.selectorOf(sibling));
    return pods.filter(({ metadata }) => selectors.some((each) => matchesLabels(each, metadata.labels)));
  }

  async #report(owner: T, pods: readonly Pod[], failure: Failure | undefined, nowMs: number): Promise<void> {
    const { kind, client } = this.#parts;
    const { countsTerminating } = kind;
    const generation = owner.metadata.generation ?? 0;
    const write = async (onto: T): Promise<void> => {
      const status = statusOf(onto, { pods, generation, failure, nowMs, countsTerminating });
      if (status !== onto.status)
        await client.update<T>(kind.owner.ref, { ...onto, status }, { subresource: 'status' });
    };
    try {
      await write(owner);
    } catch (error) {
      if (!isReason(error, 'Conflict')) throw error;
      const { name = '', namespace = '' } = owner.metadata;
      const fresh = await find<T>(client, kind.owner.ref, name, namespace);
      if (fresh && fresh.metadata.uid === owner.metadata.uid) await write(fresh);
    }
  }
}

const failureOf = (reason: Failure['reason'], error: unknown): { failure?: Failure; error?: unknown } =>
  error === undefined
    ? {}
    : { error, failure: { reason, message: error instanceof Error ? error.message : String(error) } };
