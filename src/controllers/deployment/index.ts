/** Deployments: ReplicaSets of the present and of past templates, and the way from one to the next. */
import { deployments, pods as podsRef, replicaSets } from '../../client/index.ts';
import type { Client, EventRecorder } from '../../client/types.ts';
import type { Clock } from '../../kernel/index.ts';
import { isReason } from '../../kernel/index.ts';
import { formatLabelSelector, matchesLabels, requirementsOfSelector } from '../../schema/index.ts';
import type { Deployment, Pod, ReplicaSet } from '../../schema/generated/index.ts';
import {
  claim,
  type ClaimKind,
  type Controller,
  type ControllerEnv,
  controllerOf,
  controllerRefOf,
  done,
  find,
  followOwned,
  lookIn,
  namespaceIsTerminating,
  queueOf,
  readingBy,
  recorderFor,
  splitKey,
  type SyncResult,
  takeClaims,
} from '../runtime/index.ts';
import { progressDeadlineMs } from './bounds.ts';
import { news, withNews } from './conditions.ts';
import { deploymentKind } from './draft.ts';
import { type DeploymentPlan, planDeployment } from './plan.ts';
import { isSameTemplate } from './template.ts';

const name = 'deployment-controller';
const workers = 5;
const claims: ClaimKind = { owner: { ref: deployments, ...deploymentKind }, dependents: replicaSets };

export function deploymentController(env: ControllerEnv): Controller {
  const { clientFor, clock } = env;
  const recorder = recorderFor(env, name);
  const syncer = new Syncer(clientFor(name), recorder, clock);
  const queue = queueOf(env, {
    name,
    workers,
    sync: (key) => syncer.sync(key),
    overflowed: () => followed.relist(),
  });
  // Pods are not followed: what a Deployment wants to know of them stands in the status of its ReplicaSets.
  const selectorOf = ({ spec }: Deployment) => requirementsOfSelector(spec.selector);
  const options = readingBy(env);
  const followed = followOwned(options, claims, selectorOf, (keys) => queue.addAll(keys));
  return controllerOf(name, queue, [followed], recorder);
}

class Syncer {
  readonly #client: Client;
  readonly #recorder: EventRecorder;
  readonly #clock: Clock;

  constructor(client: Client, recorder: EventRecorder, clock: Clock) {
    this.#client = client;
    this.#recorder = recorder;
    this.#clock = clock;
  }

  async sync(key: string): Promise<SyncResult> {
    const { namespace, name } = splitKey(key);
    const deployment = await find<Deployment>(this.#client, deployments, name, namespace);
    if (!deployment) return done;
    if (Object.keys(deployment.spec.selector ?? {}).length === 0) return this.#refuse(deployment);
    const owned = await this.#claim(deployment);
    const pods = deployment.spec.strategy?.type === 'Recreate' ? await this.#podsOf(deployment, owned) : [];
    const plan = planDeployment({ deployment, replicaSets: owned, pods, nowMs: this.#clock.nowMs() });
    await this.#carryOut(deployment, plan);
    return plan.lookInMs === undefined ? done : lookIn(plan.lookInMs);
  }

  async #refuse(deployment: Deployment): Promise<SyncResult> {
    const message = 'This deployment is selecting all pods. A non-empty selector is required.';
    this.#recorder.event(subject(deployment), 'Warning', 'SelectingAll', message);
    const { generation = 0 } = deployment.metadata;
    if ((deployment.status?.observedGeneration ?? 0) < generation) {
      await this.#writeStatus({ ...deployment, status: { ...deployment.status, observedGeneration: generation } });
    }
    return done;
  }

  async #claim({ metadata, spec }: Deployment): Promise<ReplicaSet[]> {
    const { namespace = '' } = metadata;
    const { items } = await this.#client.list<ReplicaSet>(replicaSets, { namespace });
    const requirements = requirementsOfSelector(spec.selector);
    const claimed = claim(metadata, items, (each) => matchesLabels(requirements, each.metadata.labels));
    return takeClaims(this.#client, claims, metadata, claimed);
  }

  async #podsOf({ metadata, spec }: Deployment, owners: readonly ReplicaSet[]): Promise<Pod[]> {
    const { namespace = '' } = metadata;
    const labelSelector = formatLabelSelector(spec.selector);
    const { items } = await this.#client.list<Pod>(podsRef, { namespace, labelSelector });
    const uids = new Set(owners.map((owner) => owner.metadata.uid));
    return items.filter((pod) => uids.has(controllerRefOf(pod.metadata)?.uid));
  }

  async #carryOut(deployment: Deployment, { updates, create, deletions, status }: DeploymentPlan): Promise<void> {
    // First of all the new one: while it cannot be made, none of the old ones goes.
    if (create) await this.#create(deployment, create);
    for (const { before, after } of updates) await this.#update(deployment, before, after);
    for (const doomed of deletions) await this.#delete(doomed);
    if (status) await this.#writeStatus(status);
  }

  async #update(deployment: Deployment, before: ReplicaSet, after: ReplicaSet): Promise<void> {
    await this.#client.update<ReplicaSet>(replicaSets, after);
    const [from = 0, to = 0] = [before.spec.replicas, after.spec.replicas];
    if (from !== to) this.#tellScaled(deployment, after, from, to);
  }

  #tellScaled(deployment: Deployment, { metadata }: ReplicaSet, from: number, to: number): void {
    const message = `Scaled ${from < to ? 'up' : 'down'} replica set ${metadata.name} from ${from} to ${to}`;
    this.#recorder.event(subject(deployment), 'Normal', 'ScalingReplicaSet', message);
  }

  async #create(deployment: Deployment, made: ReplicaSet): Promise<void> {
    const { namespace = '' } = made.metadata;
    try {
      await this.#client.create<ReplicaSet>(replicaSets, made, { namespace });
    } catch (error) {
      return this.#createFailed(deployment, made, error);
    }
    const size = made.spec.replicas ?? 0;
    if (size > 0) this.#tellScaled(deployment, made, 0, size);
  }

  async #createFailed(deployment: Deployment, wanted: ReplicaSet, error: unknown): Promise<void> {
    if (namespaceIsTerminating(error)) throw error;
    if (isReason(error, 'AlreadyExists')) return this.#nameTaken(deployment, wanted, error);
    const text = error instanceof Error ? error.message : String(error);
    const message = `Failed to create new replica set "${wanted.metadata.name}": ${text}`;
    if (progressDeadlineMs(deployment) !== undefined) {
      const conditions = withNews(deployment.status?.conditions ?? [], news.createFailed(message), this.#clock.nowMs());
      await this.#writeStatus({ ...deployment, status: { ...deployment.status, conditions: [...conditions] } });
    }
    this.#recorder.event(subject(deployment), 'Warning', 'ReplicaSetCreateError', message);
    throw error;
  }

  /** Ours after all, or another template has the same hash: then the next one is made with a count. */
  async #nameTaken(deployment: Deployment, { metadata }: ReplicaSet, error: unknown): Promise<void> {
    const { name = '', namespace = '' } = metadata;
    const taken = await this.#client.get<ReplicaSet>(replicaSets, name, namespace);
    const isOurs = controllerRefOf(taken.metadata)?.uid === deployment.metadata.uid;
    if (isOurs && isSameTemplate(taken.spec.template, deployment.spec.template)) return;
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
    await this.#writeStatus({ ...deployment, status: { ...deployment.status, collisionCount } });
    throw error;
  }

  async #delete({ metadata }: ReplicaSet): Promise<void> {
    const { name = '', namespace = '', uid = '' } = metadata;
    try {
      await this.#client.delete(replicaSets, name, { namespace, preconditions: { uid } });
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }

  #writeStatus(deployment: Deployment): Promise<Deployment> {
    return this.#client.update<Deployment>(deployments, deployment, { subresource: 'status' });
  }
}

const subject = ({ metadata }: Deployment) => ({ ...deploymentKind, metadata });
