/** Tells a ClusterState what happens in the API. */
import {
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  podDisruptionBudgets,
  pods,
  replicaSets,
  replicationControllers,
  services,
  statefulSets,
  storageClasses,
} from '../client/index.ts';
import type { Client, ResourceRef } from '../client/types.ts';
import type { Clock, Logger } from '../kernel/index.ts';
import type {
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
  ReplicationController,
  Service,
  StatefulSet,
  StorageClass,
} from '../schema/generated/index.ts';
import type { KubeObject } from '../schema/object.ts';
import type { ClusterState } from './cluster-state.ts';
import { reflect, type Reflection } from './reflect.ts';

export interface Watches {
  /** Resolves when all that decisions depend on has been seen. */
  ready: Promise<void>;
  relistPods(): void;
  stop(): void;
}

type Env = { client: Client; clock: Clock; log: Logger };

/** `changed` is called after each change. */
export function watchCluster(env: Env, state: ClusterState, changed: () => void): Watches {
  const follow = <T extends KubeObject>(
    ref: ResourceRef,
    change: (object: T) => void,
    remove: (object: T) => void,
  ): Reflection => followed(env, ref, change, remove, changed);
  const { volumes, selectors } = state;
  const volumeChanged = (): void => state.happened({ type: 'volume' });

  const podReflection = reflect<Pod>(pods, env, {
    changed: (pod) => {
      state.podChanged(pod);
      changed();
    },
    removed: ({ metadata }) => {
      state.podRemoved(metadata.uid ?? '');
      changed();
    },
    listing: () => state.queue.beginList(),
    listed: (uids) => state.podsListed(uids),
  });
  const all = [
    podReflection,
    follow<Node>(
      nodes,
      (node) => state.nodeChanged(node),
      ({ metadata }) => state.nodeRemoved(metadata.name ?? ''),
    ),
    follow<Namespace>(
      namespaces,
      (namespace) => state.namespaceChanged(namespace),
      ({ metadata }) => state.namespaceRemoved(metadata.name ?? ''),
    ),
    follow<PodDisruptionBudget>(
      podDisruptionBudgets,
      (budget) => state.budgetChanged(budget),
      ({ metadata }) => state.budgetRemoved(metadata.uid ?? ''),
    ),
    follow<PersistentVolumeClaim>(
      persistentVolumeClaims,
      (claim) => {
        volumes.setClaim(claim);
        volumeChanged();
      },
      ({ metadata }) => volumes.claims.delete(`${metadata.namespace}/${metadata.name}`),
    ),
    follow<PersistentVolume>(
      persistentVolumes,
      (volume) => {
        volumes.setVolume(volume);
        volumeChanged();
      },
      ({ metadata }) => volumes.volumes.delete(metadata.name ?? ''),
    ),
    follow<StorageClass>(
      storageClasses,
      (storageClass) => {
        volumes.setClass(storageClass);
        volumeChanged();
      },
      ({ metadata }) => volumes.waiting.delete(metadata.name ?? ''),
    ),
    follow<Service>(
      services,
      (service) => selectors.setService(service),
      (service) => selectors.removeService(service),
    ),
    ...(
      [
        ['ReplicaSet', replicaSets],
        ['ReplicationController', replicationControllers],
        ['StatefulSet', statefulSets],
      ] as const
    ).map(([kind, ref]) =>
      follow<ReplicaSet | ReplicationController | StatefulSet>(
        ref,
        (owner) => selectors.setOwner(kind, owner),
        (owner) => selectors.removeOwner(kind, owner),
      ),
    ),
  ];
  return {
    ready: Promise.all(all.map(({ ready }) => ready)).then(() => {}),
    relistPods: () => podReflection.relist(),
    stop() {
      for (const reflection of all) reflection.stop();
    },
  };
}

/** Remembers which objects there are, by name only, to tell what has gone while nobody watched. */
function followed<T extends KubeObject>(
  env: Env,
  ref: ResourceRef,
  change: (object: T) => void,
  remove: (object: T) => void,
  changed: () => void,
): Reflection {
  const known = new Map<string, T['metadata']>();
  const forget = (metadata: T['metadata']): void => {
    known.delete(keyOf(metadata));
    remove({ metadata } as T);
    changed();
  };
  return reflect<T>(ref, env, {
    changed(object) {
      const { uid = '', name = '', namespace = '' } = object.metadata;
      const metadata = { uid, name, namespace };
      const key = keyOf(metadata);
      const before = known.get(key);
      // Another one of the same name: that the first one went was not seen.
      if (before && before.uid !== uid) forget(before);
      known.set(key, metadata);
      change(object);
      changed();
    },
    removed: ({ metadata }) => forget(metadata),
    listed(uids) {
      for (const metadata of [...known.values()]) if (!uids.has(metadata.uid ?? '')) forget(metadata);
    },
  });
}

const keyOf = ({ namespace = '', name = '' }: KubeObject['metadata']): string => `${namespace}/${name}`;
