/**
 * A resource is data: everything in which kinds differ stands in one ResourceDefinition. Generic verbs, codecs,
 * discovery, OpenAPI, tables and indexes read it; no handler knows a kind by name.
 */
import type { FieldError } from '../kernel/status.ts';
import type { Client, ResourceRef } from '../client/types.ts';
import type { MessageName } from '../schema/codec.ts';
import type { KubeObject } from '../schema/object.ts';

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

export const allVerbs: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

/** One printed column (meta/v1 TableColumnDefinition). Priority 1 shows with `-o wide` only. */
export interface Column<T> {
  name: string;
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  format?: string;
  description?: string;
  priority?: number;
  /** `nowMs` for ages. */
  value(object: T, nowMs: number): string | number | boolean | null | undefined;
}

/** What a hook may know and use. Hooks are pure but for `client`. */
export interface HookContext {
  nowMs: number;
  dryRun: boolean;
  /** User who asked, for fields such as CSR spec.username. */
  user: UserInfo;
  /** Full rights, in process: for allocation (IPAddress) and look-ups of referenced objects. */
  client: Client;
  /** Ports that Services may get on nodes, both ends included; 30000–32767 when absent. */
  nodePorts?: { first: number; last: number };
}

export interface UserInfo {
  name: string;
  uid?: string;
  groups: readonly string[];
  extra?: Readonly<Record<string, readonly string[]>>;
}

/**
 * An object-shaped view of the parent that is read and updated in place: status, resize, ephemeralcontainers, finalize,
 * approval. `merge` takes what this subresource may change from `next` and everything else from `previous`.
 */
export interface ObjectSubresource<T extends KubeObject = KubeObject> {
  type: 'object';
  verbs: readonly Verb[];
  merge(next: T, previous: T, context: HookContext): T;
  validateUpdate?(next: T, previous: T): Iterable<FieldError>;
}

/** autoscaling/v1 Scale. */
export interface ScaleSubresource<T extends KubeObject = KubeObject> {
  type: 'scale';
  verbs: readonly Verb[];
  replicas(object: T): number;
  setReplicas(object: T, replicas: number): T;
  statusReplicas(object: T): number;
  selector(object: T): string;
}

/** Create-only bodies that act on the parent: token, binding, eviction. Filled by a port that `cli` wires. */
export interface ActionSubresource {
  type: 'action';
  verbs: readonly ['create'];
  /** Body and answer kind. */
  gvk: { apiVersion: string; kind: string };
  message: MessageName;
}

/** Streams and proxies: log, exec, attach, portforward, proxy. Filled by a port that `cli` wires. */
export interface ConnectSubresource {
  type: 'connect';
  verbs: readonly Verb[];
  /** Kind shown in discovery: PodExecOptions, Pod (for log) … */
  kind: string;
}

export type Subresource<T extends KubeObject = KubeObject> =
  | ObjectSubresource<T>
  | ScaleSubresource<T>
  | ActionSubresource
  | ConnectSubresource;

export interface ResourceDefinition<T extends KubeObject = KubeObject> extends ResourceRef {
  kind: string;
  /** Defaults to `${kind}List`. */
  listKind?: string;
  /** Defaults to the kind in lower case. */
  singular?: string;
  shortNames?: readonly string[];
  categories?: readonly string[];
  scope: 'Namespaced' | 'Cluster';
  /** The row of the field tables. */
  message: MessageName;
  verbs: readonly Verb[];
  storageVersionHash?: string;
  /**
   * Not stored under its own name: another definition's store, converted (events.k8s.io over core events,
   * autoscaling/v1 over v2).
   */
  view?: { of: ResourceRef; toStorage(object: T): KubeObject; fromStorage(object: KubeObject): T };
  /** Create-only review: evaluated, never stored. Filled by a port that `cli` wires. */
  review?: boolean;
  /** Key segment below the prefix in the store, as upstream's. Absent for views and reviews. */
  storagePath?: string;
  /** Indexed field paths, besides namespace and owner UID. */
  indexes?: readonly string[];
  expendable?: boolean;

  columns: readonly Column<T>[];
  /** Row conditions of a Table (Pod: Completed). */
  rowConditions?(object: T): readonly { type: string; status: string; reason?: string; message?: string }[];
  /** Field selectors besides metadata.name and metadata.namespace. */
  selectableFields?: Readonly<Record<string, (object: T) => string>>;

  allowCreateOnUpdate?: boolean;
  /** PUT without resourceVersion is refused. */
  requiresResourceVersion?: boolean;
  returnsDeletedObject?: boolean;
  /** Default of DeleteOptions.propagationPolicy; Background when absent. None: objects that are never collected. */
  defaultPropagation?: 'Orphan' | 'Background' | 'None';
  /**
   * metadata.generation is kept by the generic verbs: 1 at creation, +1 when anything outside metadata and status
   * changes, or when this function says so (Deployment counts annotations too; PriorityClass never counts up).
   */
  generation?: boolean | ((next: T, previous: T) => boolean);
  /** Fields an apply on the main resource does not own (status) are in `statusFields`; default ['status'] if there is a status subresource. */
  statusFields?: readonly string[];

  /** A new object keeps the status that the client gave it (Node: kubelets register with one). */
  keepsStatusOnCreate?: boolean;

  /** Conditional defaults, after the table's constant ones. Changes the object in place. */
  default?(object: T): void;
  /** Strategy: what clients may not set, and what the server fills in. In place. Status has been cleared already. */
  prepareForCreate?(object: T, context: HookContext): void;
  /** Strategy before validation of an update. `next` may be changed in place; status has been copied from `previous`. */
  prepareForUpdate?(next: T, previous: T, context: HookContext): void;
  /** Checks beyond the generic ones of ObjectMeta. */
  validate?(object: T): Iterable<FieldError>;
  /** Checks of a new object only; `validate(object)` has run. */
  validateCreate?(object: T): Iterable<FieldError>;
  /** Checks of a change; `validate(next)` has run. */
  validateUpdate?(next: T, previous: T): Iterable<FieldError>;
  /** Warning of a DELETE that leaves the fate of dependents to the default. */
  deleteWarning?: string;
  /** Finalizers need no domain: kinds that upstream checks with apimachinery's rules alone. */
  anyFinalizer?: boolean;
  /** Says on every request that the kind goes away: `v1 Endpoints is deprecated in v1.33+; use …`. */
  deprecation?: string;
  /** Name rule: default DNS subdomain. Returns messages. */
  validateName?(name: string): readonly string[];
  /** Texts for Warning headers. */
  warnings?(object: T, previous: T | undefined): Iterable<string>;
  /** Seconds of grace for a DELETE; undefined = the object goes at once. Pod only. */
  gracePeriodSeconds?(object: T, requested: number | undefined): number | undefined;
  /**
   * Side effects that need the API (ClusterIP, NodePort). Runs after validation; `undo` when the write fails, `commit`
   * (release of what the old version held) when it has succeeded.
   */
  allocate?(
    next: T,
    previous: T | undefined,
    context: HookContext,
  ): Promise<{ undo(): Promise<void>; commit?(): Promise<void> } | undefined>;
  /** The object is asked to go but has to wait for finalizers (Namespace: status.phase). In place. */
  markDeleting?(object: T): void;
  /** After a deletion is committed (release of IPs). */
  afterDelete?(object: T, context: HookContext): Promise<void>;
  /** A write that only moves heartbeats is soft. */
  isSoft?(next: T, previous: T | undefined): boolean;

  subresources?: Readonly<Record<string, Subresource<T>>>;
}

/** Declares a resource with its kind's type checked; the result is the common form. */
export function defineResource<T extends KubeObject>(definition: ResourceDefinition<T>): ResourceDefinition {
  return definition as unknown as ResourceDefinition;
}
