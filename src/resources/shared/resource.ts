import type { KubeObject, ObjectMeta } from '../../schema/object.ts';
import { type Identity, identity } from '../catalog.ts';
import {
  type Column,
  type ConnectSubresource,
  defineResource,
  type HookContext,
  type ObjectSubresource,
  type ResourceDefinition,
  type Verb,
} from '../define.ts';
import type { FieldError } from '../../kernel/status.ts';
import { since } from './cells.ts';

/** What a kind adds to its row of the catalog: columns and behaviour. */
export type Behaviour<T extends KubeObject> = Omit<ResourceDefinition<T>, keyof Identity>;

/** Joins a row of the catalog (`apps/v1/deployments`) with the kind's behaviour. */
export function resource<T extends KubeObject>(key: string, behaviour: Behaviour<T>): ResourceDefinition {
  return defineResource<T>({ ...identity(key), ...behaviour });
}

export const nameColumn: Column<KubeObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  value: (object) => object.metadata.name,
};

export const ageColumn: Column<KubeObject> = {
  name: 'Age',
  type: 'string',
  value: (object, nowMs) => since(object.metadata.creationTimestamp, nowMs),
};

/** Columns of a kind without a printer. */
export const defaultColumns: readonly Column<KubeObject>[] = [
  nameColumn,
  { name: 'Created At', type: 'date', value: (object) => object.metadata.creationTimestamp },
];

const objectVerbs: readonly Verb[] = ['get', 'patch', 'update'];
const proxyVerbs: readonly Verb[] = ['create', 'delete', 'get', 'patch', 'update'];

interface WithStatus extends KubeObject {
  status?: unknown;
}

interface StatusOptions<T extends KubeObject> {
  /** Only managedFields may change in metadata (upstream's ResetObjectMetaForStatus). */
  keepMetadata?: boolean;
  /** Last touch on the merged object. */
  finish?(merged: T, previous: T, context: HookContext): void;
  validateUpdate?(next: T, previous: T): Iterable<FieldError>;
}

/** The usual status subresource: metadata and status from the request, everything else from what is stored. */
export function statusSubresource<T extends WithStatus>(options: StatusOptions<T> = {}): ObjectSubresource<T> {
  return {
    type: 'object',
    verbs: objectVerbs,
    merge(next, previous, context) {
      const metadata = options.keepMetadata ? keptMetadata(next.metadata, previous.metadata) : next.metadata;
      const merged = { ...previous, metadata, status: next.status } as T;
      options.finish?.(merged, previous, context);
      return merged;
    },
    ...(options.validateUpdate && { validateUpdate: options.validateUpdate }),
  };
}

/** Metadata of `previous`, but for what the generic verbs track in `next`. */
export function keptMetadata(next: ObjectMeta, previous: ObjectMeta): ObjectMeta {
  const kept: ObjectMeta = { ...previous };
  if (next.resourceVersion !== undefined) kept.resourceVersion = next.resourceVersion;
  if (next.managedFields) kept.managedFields = next.managedFields;
  else delete kept.managedFields;
  return kept;
}

export const connect = (kind: string, verbs: readonly Verb[]): ConnectSubresource => ({ type: 'connect', kind, verbs });

export const proxy = (kind: string): ConnectSubresource => connect(kind, proxyVerbs);

export { objectVerbs };
