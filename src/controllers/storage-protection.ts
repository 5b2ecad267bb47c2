/**
 * Volumes, claims and volume attributes classes that are in use do not go: a finalizer holds them until nothing refers
 * to them (Storage Object in Use Protection, KEP-498; VolumeAttributesClass, KEP-3751).
 */
import {
  persistentVolumeClaims as claims,
  volumeAttributesClasses as classes,
  pods,
  persistentVolumes as volumes,
} from '../client/index.ts';
import type { Client, ResourceRef } from '../client/types.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod, VolumeAttributesClass } from '../schema/generated/index.ts';
import type { KubeObject } from '../schema/object.ts';
import {
  type Action,
  carryOut,
  type Controller,
  type ControllerEnv,
  controllerOf,
  done,
  find,
  follow,
  type Following,
  queueOf,
  readingBy,
} from './runtime/index.ts';

const workers = 2;

/** How one kind is protected. */
interface Protection<T extends KubeObject> {
  /** Name of the controller, and of its account. */
  name: string;
  ref: ResourceRef;
  finalizer: string;
  isUsed(object: T, client: Client): Promise<boolean>;
  /** Kinds whose changes may end a use; every waiting object is then looked at again. */
  users: readonly ResourceRef[];
}

/** Plans the finalizer of one object: put on while it lives, taken off when it is being deleted and nobody uses it. */
export function planProtection(object: KubeObject, ref: ResourceRef, finalizer: string, isUsed: boolean): Action[] {
  const finalizers = object.metadata.finalizers ?? [];
  const has = finalizers.includes(finalizer);
  if (!object.metadata.deletionTimestamp) return has ? [] : [withFinalizers(object, ref, [...finalizers, finalizer])];
  if (!has || isUsed) return [];
  return [
    withFinalizers(
      object,
      ref,
      finalizers.filter((each) => each !== finalizer),
    ),
  ];
}

function withFinalizers(object: KubeObject, ref: ResourceRef, finalizers: string[]): Action {
  return { do: 'update', ref, object: { ...object, metadata: { ...object.metadata, finalizers } } };
}

/** A Pod uses a claim from when it has a node: before that no kubelet starts it with a claim that is being deleted. */
function podUsesClaim(pod: Pod, claim: string): boolean {
  if (!pod.spec?.nodeName) return false;
  return (pod.spec.volumes ?? []).some(
    ({ name, persistentVolumeClaim, ephemeral }) =>
      persistentVolumeClaim?.claimName === claim ||
      (ephemeral !== undefined && `${pod.metadata.name}-${name}` === claim),
  );
}

/** True when a claim names the class in what it wants, has, or is being changed to. */
function claimUsesClass({ spec, status }: PersistentVolumeClaim, name: string): boolean {
  return (
    spec?.volumeAttributesClassName === name ||
    status?.currentVolumeAttributesClassName === name ||
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName === name
  );
}

const claimProtection: Protection<PersistentVolumeClaim> = {
  name: 'pvc-protection-controller',
  ref: claims,
  finalizer: 'kubernetes.io/pvc-protection',
  users: [pods],
  async isUsed({ metadata: { name = '', namespace = '' } }, client) {
    const { items } = await client.list<Pod>(pods, { namespace });
    return items.some((pod) => podUsesClaim(pod, name));
  },
};

const volumeProtection: Protection<PersistentVolume> = {
  name: 'pv-protection-controller',
  ref: volumes,
  finalizer: 'kubernetes.io/pv-protection',
  users: [],
  isUsed: async ({ status }) => status?.phase === 'Bound',
};

const classProtection: Protection<VolumeAttributesClass> = {
  name: 'volumeattributesclass-protection-controller',
  ref: classes,
  finalizer: 'kubernetes.io/vac-protection',
  users: [claims, volumes],
  async isUsed({ metadata: { name = '' } }, client) {
    const claimed = await client.list<PersistentVolumeClaim>(claims);
    if (claimed.items.some((claim) => claimUsesClass(claim, name))) return true;
    const { items } = await client.list<PersistentVolume>(volumes);
    return items.some(({ spec }) => spec?.volumeAttributesClassName === name);
  },
};

/** The three controllers that keep storage objects while they are in use. */
export const storageProtectionControllers = (env: (name: string) => ControllerEnv): Controller[] => [
  protectionController(claimProtection, env('pvc-protection')),
  protectionController(volumeProtection, env('pv-protection')),
  protectionController(classProtection, env('vac-protection')),
];

function protectionController<T extends KubeObject>(protection: Protection<T>, env: ControllerEnv): Controller {
  const { name, ref, finalizer } = protection;
  const client = env.clientFor(name);
  /** Keys of objects that wait for their users to go. */
  const waiting = new Set<string>();

  const queue = queueOf(env, {
    name,
    workers,
    async sync(key) {
      const [namespace, objectName] = splitKey(key);
      const object = await find<T>(client, ref, objectName, namespace);
      if (!object) {
        waiting.delete(key);
        return done;
      }
      const isUsed = object.metadata.deletionTimestamp !== undefined && (await protection.isUsed(object, client));
      if (isUsed) waiting.add(key);
      else waiting.delete(key);
      await carryOut(client, planProtection(object, ref, finalizer, isUsed));
      return done;
    },
    overflowed: () => protectedObjects.relist(),
  });
  const lookAgain = (): void => queue.addAll(waiting);
  const options = readingBy(env);
  const protectedObjects: Following = follow<T>(ref, options, {
    changed({ metadata }, deleted) {
      const key = `${metadata.namespace ?? ''}/${metadata.name}`;
      if (deleted) waiting.delete(key);
      else queue.add(key);
    },
  });
  const users = protection.users.map((user) => follow(user, options, { changed: lookAgain, relisted: lookAgain }));
  return controllerOf(name, queue, [protectedObjects, ...users]);
}

function splitKey(key: string): [namespace: string | undefined, name: string] {
  const slash = key.indexOf('/');
  return [key.slice(0, slash) || undefined, key.slice(slash + 1)];
}
