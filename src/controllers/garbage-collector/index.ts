/**
 * The garbage collector: objects whose owners are all gone go too; owners that are deleted in the foreground wait for
 * their dependents; orphans lose their owner (API concept "Garbage Collection"). It holds no graph: who depends on an
 * owner is asked when the owner goes.
 */
import type { Client, EventSubject } from '../../client/types.ts';
import { nextTurn } from '../../kernel/index.ts';
import type { ObjectMeta, OwnerReference } from '../../schema/object.ts';
import { type Controller, type ControllerEnv, controllerOf, done, queueOf, recorderFor } from '../runtime/index.ts';
import {
  blocks,
  foregroundFinalizer,
  identityOf,
  type OwnerState,
  orphanFinalizer,
  placeOf,
  planOwned,
  stateOf,
  type Task,
  tasksOf,
  unblocked,
  waitsFor,
  withoutOwners,
} from './plan.ts';
import type { Change, Dependent, Identity, Ownership } from './types.ts';
import { changeOwners, deleteLive, findLive, removeFinalizer } from './writes.ts';

export { storeOwnership } from './store-ownership.ts';
export type { Change, Dependent, Identity, OwnerKind, Ownership } from './types.ts';

const name = 'generic-garbage-collector';
const component = 'garbage-collector-controller';
const workers = 4;
/** Dependents of one owner that are written at the same time. */
const atOnce = 20;

export interface GarbageCollectorOptions {
  ownership: Ownership;
}

export function garbageCollector(env: ControllerEnv, options: GarbageCollectorOptions): Controller {
  const { clientFor } = env;
  const { ownership } = options;
  const client = clientFor(name);
  const recorder = recorderFor(env, name, component);
  const collector = new Collector(client, ownership, (at, reference) =>
    recorder.event(subjectOf(at), 'Warning', 'OwnerRefInvalidNamespace', misplaced(reference)),
  );
  const queue = queueOf(env, {
    name,
    workers,
    async sync(key) {
      await collector.carryOut(JSON.parse(key) as Task);
      return done;
    },
    overflowed: () => followed.relist(),
  });
  const followed = ownership.follow((change) => {
    for (const task of collector.tasksOf(change)) queue.add(JSON.stringify(task));
  });
  const controller = controllerOf(name, queue, [followed], recorder);
  return {
    name,
    stop() {
      collector.stop();
      return controller.stop();
    },
  };
}

const subjectOf = ({ ref, name, uid }: Identity): EventSubject => ({
  apiVersion: ref.group ? `${ref.group}/${ref.version}` : ref.version,
  metadata: { name, uid },
});

/** A cluster-scoped object refers to an owner that can only be in a namespace. */
const misplaced = ({ apiVersion, kind, name, uid }: OwnerReference): string =>
  `ownerRef [${apiVersion}/${kind}, namespace: , name: ${name}, uid: ${uid}] does not exist in namespace ""`;

class Collector {
  readonly #client: Client;
  readonly #ownership: Ownership;
  readonly #misplaced: (at: Identity, reference: OwnerReference) => void;
  /** Owners whose dependents are being deleted: at the end it is seen whether the owner may go. */
  readonly #emptying = new Set<string>();
  #stopped = false;

  constructor(client: Client, ownership: Ownership, misplaced: (at: Identity, reference: OwnerReference) => void) {
    this.#client = client;
    this.#ownership = ownership;
    this.#misplaced = misplaced;
  }

  stop(): void {
    this.#stopped = true;
  }

  tasksOf(change: Change): Task[] {
    const { kindOf, peek } = this.#ownership;
    return tasksOf(change, kindOf, (reference, namespace) => {
      const place = placeOf(reference, namespace, kindOf);
      return typeof place === 'string' ? place : stateOf(reference, peek(place.ref, place.namespace, place.name));
    });
  }

  async carryOut(task: Task): Promise<void> {
    if (task.do === 'look') return this.#look(task.at);
    if (task.do === 'finish') return this.#emptying.has(task.at.uid) ? undefined : this.#finish(task.at);
    await this.#eachDependent(task.owner, (dependent) => this.#judge(dependent));
  }

  async #look(at: Identity): Promise<void> {
    const live = await findLive(this.#client, at);
    if (!live) return;
    const waits = waitsFor(live);
    if (waits === 'orphaning') await this.#orphan(at);
    else if (waits === 'dependents') await this.#deleteDependents(at);
    else if (!live.deletionTimestamp) await this.#judgeLive(at, live);
  }

  async #orphan(at: Identity): Promise<void> {
    await this.#eachDependent(at.uid, async ({ ref, metadata }) => {
      await changeOwners(this.#client, identityOf(ref, metadata), (owners) => withoutOwners(owners, [at.uid]));
    });
    if (!this.#stopped) await removeFinalizer(this.#client, at, orphanFinalizer);
  }

  async #deleteDependents(at: Identity): Promise<void> {
    this.#emptying.add(at.uid);
    try {
      await this.#eachDependent(at.uid, (dependent) => this.#judge(dependent));
    } finally {
      this.#emptying.delete(at.uid);
    }
    if (!this.#stopped) await this.#finish(at);
  }

  /** Lets an owner go that waits for dependents and has none left that it must wait for. */
  async #finish(at: Identity): Promise<void> {
    const live = await findLive(this.#client, at);
    if (waitsFor(live) !== 'dependents') return;
    for (const dependent of this.#ownership.dependentsOf(at.uid)) {
      if (blocks(dependent, at, this.#ownership.kindOf)) return;
    }
    await removeFinalizer(this.#client, at, foregroundFinalizer);
  }

  async #judge({ ref, metadata }: Dependent): Promise<void> {
    if (metadata.deletionTimestamp) return;
    const at = identityOf(ref, metadata);
    const live = await findLive(this.#client, at);
    if (live && !live.deletionTimestamp) await this.#judgeLive(at, live);
  }

  async #judgeLive(at: Identity, live: ObjectMeta): Promise<void> {
    const owners = await Promise.all(
      (live.ownerReferences ?? []).map(async (reference) => ({
        uid: reference.uid,
        state: await this.#ownerState(at, reference),
      })),
    );
    const step = planOwned(live, owners, () => this.#ownership.dependentsOf(at.uid));
    if (step.do === 'release') {
      await changeOwners(this.#client, at, (references) => withoutOwners(references, step.owners));
    }
    if (step.do !== 'delete') return;
    const latest = step.unblock ? await changeOwners(this.#client, at, unblocked) : live;
    if (latest) await deleteLive(this.#client, at, latest, step.policy);
  }

  async #ownerState(at: Identity, reference: OwnerReference): Promise<OwnerState> {
    const place = placeOf(reference, at.namespace, this.#ownership.kindOf);
    if (place === 'misplaced') this.#misplaced(at, reference);
    return typeof place === 'string' ? place : stateOf(reference, await findLive(this.#client, place));
  }

  /** A few at a time, and all of them, even if some fail. */
  async #eachDependent(uid: string, act: (dependent: Dependent) => Promise<void>): Promise<void> {
    const failures: unknown[] = [];
    let running: Promise<void>[] = [];
    const settle = async (): Promise<void> => {
      await Promise.all(running);
      running = [];
      // Those that need nothing done would otherwise hold the loop.
      await nextTurn();
    };
    for (const dependent of this.#ownership.dependentsOf(uid)) {
      if (this.#stopped) break;
      running.push(act(dependent).catch((error: unknown) => void failures.push(error)));
      if (running.length >= atOnce) await settle();
    }
    await settle();
    if (failures.length) throw failures[0];
  }
}
