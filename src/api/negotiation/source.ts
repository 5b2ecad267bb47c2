/** One object on its way out, in whatever form the projection asks for; nothing is made before it is needed. */
import type { MessageName } from '../../schema/codec.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { Entry } from '../../store/types.ts';
import type { Core } from '../core.ts';
import { decodeObject, encodeObject, type Gvk } from '../objects.ts';
import type { Resource } from '../routing/index.ts';
import { goJson } from './go-json.ts';
import { utf8 } from './wire.ts';

/** Bytes that a Source gives may be views: use or copy them before the next await or the next call. */
export interface Source {
  readonly message: MessageName;
  readonly gvk: Gvk;
  /** The bare message. */
  record(): Uint8Array;
  /** A message that begins with the metadata; of the stored object, so without what a view keeps in annotations. */
  metadata(): Uint8Array;
  /** Compact JSON; without kind and apiVersion when `bare`. */
  json(bare?: boolean): Uint8Array;
  object(): KubeObject;
  /** The stored object behind a view, where there is one: columns are printed from it. */
  stored?(): KubeObject;
}

/** An object of any message: Status, Scale, dry-run results, converted views. */
export function objectSource(core: Core, message: MessageName, gvk: Gvk, object: object): Source {
  const record = (): Uint8Array => encodeObject(core.codec, message, object);
  return {
    message,
    gvk,
    record,
    metadata: record,
    json: (bare) => core.codec.toJson(message, record(), bare ? undefined : gvk),
    object: () => decodeObject(core.codec, message, record(), gvk),
  };
}

/** A Status needs no codec as JSON. */
export function statusSource(core: Core, status: object): Source {
  const gvk = { kind: 'Status', apiVersion: 'v1' };
  const record = (): Uint8Array => encodeObject(core.codec, 'meta/v1.Status', status);
  return {
    message: 'meta/v1.Status',
    gvk,
    record,
    metadata: record,
    json: () => utf8(goJson({ ...gvk, ...status })),
    object: () => status as KubeObject,
  };
}

/** A stored version, served as `resource`. Bytes go out as they are unless the resource is a view. */
export function entrySource(core: Core, resource: Resource, entry: Entry): Source {
  const { view, message } = resource.definition;
  const metadata = (): Uint8Array => core.store.bytes(entry);
  if (view) {
    const stored = core.store.object(entry);
    return { ...objectSource(core, message, resource.gvk, view.fromStorage(stored)), metadata, stored: () => stored };
  }
  return {
    message,
    gvk: resource.gvk,
    record: metadata,
    metadata,
    json: (bare) => core.store.json(entry, bare ? undefined : resource.gvk),
    object: () => core.store.object(entry),
  };
}

/** A stored version that shows another revision: the DELETED of an object that left a selection. */
export function restampedSource(core: Core, resource: Resource, entry: Entry, revision: number): Source {
  const { view, message } = resource.definition;
  const stamped = (): Uint8Array => core.codec.stampRevision(core.store.bytes(entry), revision);
  if (view) {
    const object = decodeObject(core.codec, entry.kind.message, stamped(), entry.kind.gvk);
    return {
      ...objectSource(core, message, resource.gvk, view.fromStorage(object)),
      metadata: stamped,
      stored: () => object,
    };
  }
  return {
    message,
    gvk: resource.gvk,
    record: stamped,
    metadata: stamped,
    json: (bare) => core.codec.toJson(message, stamped(), bare ? undefined : resource.gvk),
    object: () => decodeObject(core.codec, message, stamped(), resource.gvk),
  };
}
