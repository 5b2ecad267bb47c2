/**
 * How every component speaks to the API. The in-process implementation enters below TLS and authentication; the HTTP
 * implementation (later) speaks to any Kubernetes API server. Nothing here may need the cache.
 */
import type { KubeObject } from '../schema/object.ts';

/** Names one resource type: `{group: 'apps', version: 'v1', resource: 'deployments'}`. */
export interface ResourceRef {
  group: string;
  version: string;
  resource: string;
}

export type PatchType =
  | 'application/json-patch+json'
  | 'application/merge-patch+json'
  | 'application/strategic-merge-patch+json'
  | 'application/apply-patch+yaml';

export interface WriteOptions {
  dryRun?: boolean;
  fieldManager?: string;
  /** Apply only: take fields over from other managers. */
  force?: boolean;
  subresource?: string;
}

export interface DeleteOptions {
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  preconditions?: { uid?: string; resourceVersion?: string };
  dryRun?: boolean;
}

export interface ListOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  /** '' or absent: newest. '0': any. n: not older than n. */
  resourceVersion?: string;
}

export interface ListResult<T> {
  /** Frozen, shared objects: never change one, copy it. */
  items: readonly T[];
  resourceVersion: string;
  continue?: string;
}

export type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; resourceVersion: string; initialEventsEnd?: boolean };

export interface WatchOptions extends ListOptions {
  /** Begin with an ADDED for each existing object and a BOOKMARK with `initialEventsEnd`. */
  sendInitialEvents?: boolean;
}

export interface WatchHandler<T> {
  /** Called synchronously, in revision order. Must not throw. */
  event(event: WatchEvent<T>): void;
  /** The watch has ended (fell behind, revision forgotten, server stopping); list and watch again. */
  closed(error?: unknown): void;
}

export interface Watch {
  stop(): void;
}

export interface Client {
  /** Throws StatusError NotFound. */
  get<T extends KubeObject>(ref: ResourceRef, name: string, namespace?: string): Promise<T>;
  list<T extends KubeObject>(ref: ResourceRef, options?: ListOptions): Promise<ListResult<T>>;
  watch<T extends KubeObject>(ref: ResourceRef, options: WatchOptions, handler: WatchHandler<T>): Watch;
  /** `object` may be a subresource body (TokenRequest, Binding, Eviction …) when `options.subresource` is set; then `name` is needed. */
  create<T extends KubeObject, R = T>(
    ref: ResourceRef,
    object: T,
    options?: WriteOptions & { namespace?: string; name?: string },
  ): Promise<R>;
  update<T extends KubeObject>(ref: ResourceRef, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject>(
    ref: ResourceRef,
    name: string,
    type: PatchType,
    body: unknown,
    options?: WriteOptions & { namespace?: string },
  ): Promise<T>;
  delete(ref: ResourceRef, name: string, options?: DeleteOptions & { namespace?: string }): Promise<void>;
  deleteCollection(ref: ResourceRef, selection: ListOptions, options?: DeleteOptions): Promise<void>;
}

/** Tells users what happened to an object, as an Event. Fire and forget: never throws, never waits, bounded. */
export interface EventRecorder {
  event(object: EventSubject, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

/** An object of the API, or a part of one by `fieldPath` (`spec.containers{web}`). */
export interface EventSubject {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: {
    name?: string | undefined;
    namespace?: string | undefined;
    uid?: string | undefined;
    resourceVersion?: string | undefined;
  };
  fieldPath?: string;
}
