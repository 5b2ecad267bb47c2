import { namespaces } from '../../client/index.ts';
import type { ResourceRef } from '../../client/types.ts';
import { isReason } from '../../kernel/index.ts';
import type { Namespace } from '../../schema/generated/index.ts';
import type { KubeObject } from '../../schema/object.ts';
import { type Action, carryOut, find, namespaceIsTerminating } from './actions.ts';
import { type Controller, type ControllerEnv, controllerOf, queueOf, readerName, readingBy } from './controller.ts';
import { type Following, follow } from './follow.ts';
import { done, type SyncResult } from './work-queue.ts';

/** An object of the same name that namespaces have. */
export interface PerNamespace<T extends KubeObject> {
  /** Of the controller, and of its account. */
  name: string;
  ref: ResourceRef;
  objectName: string;
  /** What one namespace wants next. Absent: there is no such namespace, or no object yet. */
  plan(namespace: Namespace | undefined, object: T | undefined): Action[];
}

const workers = 5;

/** The namespace is gone or going, or someone else was faster: what there is to do now, the watches tell. */
const isSettled = (error: unknown): boolean =>
  isReason(error, 'NotFound') || isReason(error, 'AlreadyExists') || namespaceIsTerminating(error);

/** Follows all namespaces and the object in each; carries out the plan of a namespace when either changes. */
export function perNamespaceController<T extends KubeObject>(
  env: ControllerEnv,
  { name, ref, objectName, plan }: PerNamespace<T>,
): Controller {
  const reader = env.clientFor(readerName);
  const writer = env.clientFor(name);

  const sync = async (key: string): Promise<SyncResult> => {
    const namespace = await find<Namespace>(reader, namespaces, key);
    const object = namespace && (await find<T>(reader, ref, objectName, key));
    try {
      await carryOut(writer, plan(namespace, object));
    } catch (error) {
      if (!isSettled(error)) throw error;
    }
    return done;
  };

  const relist = (): void => followedNamespaces.relist();
  const queue = queueOf(env, { name, workers, sync, overflowed: relist });
  const options = readingBy(env);
  const followedNamespaces: Following = follow<Namespace>(namespaces, options, {
    changed: ({ metadata }, deleted) => {
      if (!deleted) queue.add(metadata.name ?? '');
    },
  });
  const selection = { fieldSelector: `metadata.name=${objectName}` };
  const followedObjects = follow<T>(
    ref,
    { ...options, selection },
    {
      changed: ({ metadata }) => queue.add(metadata.namespace ?? ''),
      relisted: relist,
    },
  );
  return controllerOf(name, queue, [followedNamespaces, followedObjects]);
}
