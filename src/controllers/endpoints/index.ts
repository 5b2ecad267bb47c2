/**
 * Endpoints and EndpointSlices of Services with a selector. Both controllers hear of pods and Services through one feed,
 * which knows what pod is whose: a pod that changes costs the Services that select it, not all there are.
 */
import { isDeepStrictEqual } from 'node:util';
import { endpointSlices, endpoints as endpointsRef, nodes, pods as podsRef, services } from '../../client/index.ts';
import type { Client } from '../../client/types.ts';
import { formatLabelSelector, requirementsOfLabels } from '../../schema/index.ts';
import type { EndpointSlice, Endpoints, Node, Pod, Service } from '../../schema/generated/index.ts';
import {
  carryOut,
  type Controller,
  type ControllerEnv,
  controllerOf,
  done,
  find,
  follow,
  type Following,
  keyOf,
  LastSeen,
  namespaceIsTerminating,
  queueOf,
  readingBy,
  recorderFor,
  SelectorIndex,
  splitKey,
  type SyncResult,
  type WorkQueue,
} from '../runtime/index.ts';
import { planEndpoints } from './endpoints-plan.ts';
import { leaderAnnotation } from './mirror-plan.ts';
import { markOf } from './pods.ts';
import { managedByLabel, manager, planSlices, serviceNameLabel } from './slices-plan.ts';
import { TriggerTimes } from './trigger-times.ts';

type Labels = Readonly<Record<string, string>>;

const workers = 5;
/** A node that is missing may come. */
const nodeWaitMs = 60_000;
const zoneLabel = 'topology.kubernetes.io/zone';

export { endpointSliceMirroringController } from './mirroring.ts';

/** Both controllers. */
export function endpointsControllers(env: ControllerEnv): Controller[] {
  const feeds: ((keys: readonly string[]) => void)[] = [];
  const feed = followServices(env, (keys) => {
    for (const each of feeds) each(keys);
  });
  const controllers = [sliceController(env, feed.relist), endpointsController(env, feed.relist)];
  for (const { queue } of controllers) feeds.push((keys) => queue.addAll(keys));
  return [...controllers.map(({ controller }) => controller), { name: 'service-feed', stop: async () => feed.stop() }];
}

/** Tells of Services that changed, and of those whose pods did. */
function followServices(env: ControllerEnv, changed: (keys: readonly string[]) => void): Following {
  const options = readingBy(env);
  const selectors = new SelectorIndex();
  const seen = new LastSeen<{ labels: Labels; mark: string }>();
  const followed = follow<Service>(services, options, {
    listing: () => selectors.listing(),
    changed({ metadata, spec }, deleted) {
      const key = keyOf(metadata);
      if (deleted) selectors.delete(key);
      else selectors.set(key, metadata.namespace ?? '', requirementsOfLabels(spec?.selector ?? {}));
      changed([key]);
    },
    // Of a Service that went unseen the Endpoints are left.
    relisted: () => changed(selectors.relisted()),
  });
  const followedPods = follow<Pod>(podsRef, options, {
    listing: () => seen.listing(),
    changed(pod, deleted) {
      const { namespace = '', labels = {} } = pod.metadata;
      const mark = markOf(pod);
      const before = seen.swap(keyOf(pod.metadata), deleted ? undefined : { labels, mark });
      const isMoved = before !== undefined && !isDeepStrictEqual(before.labels, labels);
      if (before?.mark === mark && !isMoved && !deleted) return;
      const concerned = selectors.selecting(namespace, labels);
      changed(isMoved ? [...selectors.selecting(namespace, before.labels), ...concerned] : concerned);
    },
    relisted() {
      seen.relisted();
      changed([...selectors.keys()]);
    },
  });
  return {
    stop() {
      followed.stop();
      followedPods.stop();
    },
    relist: () => followed.relist(),
  };
}

interface Fed {
  controller: Controller;
  queue: WorkQueue;
}

/** A Service that gets its endpoints from here; undefined when there is none, or others provide them. */
const hasSelector = (service: Service): boolean =>
  service.spec?.type !== 'ExternalName' && Object.keys(service.spec?.selector ?? {}).length > 0;

async function podsOf(client: Client, { metadata, spec }: Service): Promise<readonly Pod[]> {
  const labelSelector = formatLabelSelector({ matchLabels: spec?.selector ?? {} });
  return (await client.list<Pod>(podsRef, { namespace: metadata.namespace ?? '', labelSelector })).items;
}

const subjectOf = ({ metadata }: Service) => ({ apiVersion: 'v1', kind: 'Service', metadata });
const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function sliceController(env: ControllerEnv, overflowed: () => void): Fed {
  const { clientFor } = env;
  const name = 'endpointslice-controller';
  const client = clientFor(name);
  const recorder = recorderFor(env, name, 'endpoint-slice-controller');
  const triggers = new TriggerTimes();

  const sync = async (key: string): Promise<SyncResult> => {
    const at = splitKey(key);
    const service = await find<Service>(client, services, at.name, at.namespace);
    if (!service) triggers.forget(key);
    if (!service || !hasSelector(service)) return done;
    const pods = await podsOf(client, service);
    const labelSelector = formatLabelSelector({
      matchLabels: { [serviceNameLabel]: at.name, [managedByLabel]: manager },
    });
    const { items } = await client.list<EndpointSlice>(endpointSlices, { namespace: at.namespace, labelSelector });
    const slices = items.filter(({ metadata }) => !metadata.deletionTimestamp);
    const zones = await zonesOf(client, pods);
    const triggerTime = triggers.next(key, service, pods);
    const zoneOf = (node: string): string | undefined => zones.get(node);
    const { actions, missingNode } = planSlices({ service, pods, slices, zoneOf, triggerTime });
    try {
      await carryOut(client, actions);
    } catch (error) {
      if (namespaceIsTerminating(error)) return done;
      const message = `Error updating Endpoint Slices for Service ${key}: ${textOf(error)}`;
      recorder.event(subjectOf(service), 'Warning', 'FailedToUpdateEndpointSlices', message);
      throw error;
    }
    return missingNode.length ? { again: true, withinMs: nodeWaitMs } : done;
  };

  const queue = queueOf(env, { name, workers, sync, overflowed });
  const selection = { labelSelector: `${managedByLabel}=${manager}` };
  const followed = follow<EndpointSlice>(
    endpointSlices,
    { ...readingBy(env), selection },
    {
      changed({ metadata }) {
        const { namespace = '', labels = {} } = metadata;
        const service = labels[serviceNameLabel];
        if (service) queue.add(keyOf({ namespace, name: service }));
      },
      relisted: overflowed,
    },
  );
  return { controller: controllerOf(name, queue, [followed], recorder), queue };
}

/** By node. A node without a zone has an empty one; one that is not there has none. */
async function zonesOf(client: Client, pods: readonly Pod[]): Promise<Map<string, string>> {
  const zones = new Map<string, string>();
  for (const name of new Set(pods.map(({ spec }) => spec.nodeName ?? ''))) {
    const node = name ? await find<Node>(client, nodes, name) : undefined;
    if (node) zones.set(name, node.metadata.labels?.[zoneLabel] ?? '');
  }
  return zones;
}

function endpointsController(env: ControllerEnv, overflowed: () => void): Fed {
  const { clientFor } = env;
  const name = 'endpoint-controller';
  const client = clientFor(name);
  const recorder = recorderFor(env, name);
  const triggers = new TriggerTimes();

  const sync = async (key: string): Promise<SyncResult> => {
    const at = splitKey(key);
    const service = await find<Service>(client, services, at.name, at.namespace);
    const current = await find<Endpoints>(client, endpointsRef, at.name, at.namespace);
    if (!service) {
      triggers.forget(key);
      if (current) await carryOut(client, [{ do: 'delete', ref: endpointsRef, object: current }]);
    }
    if (!service || !hasSelector(service)) return done;
    const pods = await podsOf(client, service);
    const triggerTime = triggers.next(key, service, pods);
    try {
      await carryOut(client, planEndpoints({ service, pods, current, triggerTime }));
    } catch (error) {
      if (namespaceIsTerminating(error)) return done;
      const subject = { apiVersion: 'v1', kind: 'Endpoints', metadata: { ...at, ...current?.metadata } };
      const [reason, what] = current
        ? ['FailedToUpdateEndpoint', `Failed to update endpoint ${key}`]
        : ['FailedToCreateEndpoint', `Failed to create endpoint for service ${key}`];
      recorder.event(subject, 'Warning', reason, `${what}: ${textOf(error)}`);
      throw error;
    }
    return done;
  };

  const queue = queueOf(env, { name, workers, sync, overflowed });
  let isFirstList = true;
  const followed = follow<Endpoints>(endpointsRef, readingBy(env), {
    changed({ metadata }, deleted) {
      // At the start, those whose Service went meanwhile; later, Endpoints may well come before their Service.
      const isLeft = isFirstList && !metadata.annotations?.[leaderAnnotation];
      if (deleted || isLeft) queue.add(keyOf(metadata));
    },
    listed() {
      isFirstList = false;
    },
    relisted: overflowed,
  });
  return { controller: controllerOf(name, queue, [followed], recorder), queue };
}
