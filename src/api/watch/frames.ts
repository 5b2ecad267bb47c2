/** Bytes of watch events: encoded and framed once for all watchers that want the same form. */
import type { Entry, StoreEvent } from '../../store/types.ts';
import type { Core } from '../core.ts';
import {
  concat,
  entrySource,
  objectSource,
  type Projection,
  protobufFrame,
  restampedSource,
  type Source,
  statusSource,
  utf8,
} from '../negotiation/index.ts';
import type { Resource } from '../routing/index.ts';
import type { Predicate } from '../selectors/index.ts';

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

const jsonHeads: ReadonlyMap<string, Uint8Array> = new Map(
  ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'].map((type) => [type, utf8(`{"type":"${type}","object":`)]),
);
const jsonTail = utf8('}\n');

function frame(projection: Projection, type: string, source: Source, first: boolean): Uint8Array {
  const object = first ? projection.one(source) : projection.next(source);
  return projection.media === 'protobuf'
    ? protobufFrame(type, object)
    : concat([jsonHeads.get(type)!, object, jsonTail]);
}

/** What an event is to somebody who sees only what `predicate` selects; undefined = nothing. */
export function classify(predicate: Predicate, event: StoreEvent): EventType | undefined {
  if (event.type === 'create') return predicate.matches(event.current) ? 'ADDED' : undefined;
  const before = predicate.matches(event.previous!);
  if (event.type === 'delete') return before ? 'DELETED' : undefined;
  const after = predicate.matches(event.current);
  if (after) return before ? 'MODIFIED' : 'ADDED';
  return before ? 'DELETED' : undefined;
}

/** The object of an event: one that leaves a selection shows its last selected state at the event's revision. */
function sourceOf(core: Core, resource: Resource, event: StoreEvent, type: EventType): Source {
  if (type === 'DELETED' && event.type === 'update') {
    return restampedSource(core, resource, event.previous!, event.revision);
  }
  return entrySource(core, resource, event.current);
}

/** A store event with the frames that have been made of it. */
export class SharedEvent {
  readonly event: StoreEvent;
  readonly #core: Core;
  readonly #frames = new Map<string, Uint8Array>();

  constructor(core: Core, event: StoreEvent) {
    this.#core = core;
    this.event = event;
  }

  /** Keeps the versions readable until `release`. */
  retain(): void {
    this.#core.store.retain(this.event.current);
    if (this.event.previous) this.#core.store.retain(this.event.previous);
  }

  release(): void {
    this.#core.store.release(this.event.current);
    if (this.event.previous) this.#core.store.release(this.event.previous);
  }

  frame(resource: Resource, projection: Projection, type: EventType, first: boolean): Uint8Array {
    const key = `${resource.gvk.apiVersion};${projection.key};${type};${first}`;
    let bytes = this.#frames.get(key);
    if (!bytes) {
      bytes = frame(projection, type, sourceOf(this.#core, resource, this.event, type), first);
      this.#frames.set(key, bytes);
    }
    return bytes;
  }
}

/** ADDED for an object that was there before the watch began. */
export const initialFrame = (
  core: Core,
  resource: Resource,
  projection: Projection,
  entry: Entry,
  first: boolean,
): Uint8Array => frame(projection, 'ADDED', entrySource(core, resource, entry), first);

/** An empty object that carries a revision. */
export function bookmarkFrame(
  core: Core,
  resource: Resource,
  projection: Projection,
  revision: number,
  initialEventsEnd: boolean,
): Uint8Array {
  const metadata = {
    resourceVersion: String(revision),
    ...(initialEventsEnd && { annotations: { 'k8s.io/initial-events-end': 'true' } }),
  };
  const source = objectSource(core, resource.definition.message, resource.gvk, { metadata });
  return frame(projection, 'BOOKMARK', source, false);
}

export const errorFrame = (core: Core, projection: Projection, status: object): Uint8Array =>
  frame(projection, 'ERROR', statusSource(core, status), true);
