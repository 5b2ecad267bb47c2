/** Between the form in which an object is stored and the one in which a resource serves it. */
import { type KubeObject, stringifyObject } from '../schema/index.ts';
import type { Core } from './core.ts';
import { utf8 } from './negotiation/wire.ts';
import { decodeObject, type Gvk } from './objects.ts';
import type { Resource } from './routing/index.ts';

/** The served form; the object itself unless the resource is a view. */
export function toServed(core: Core, resource: Resource, stored: KubeObject): KubeObject {
  const { view, message } = resource.definition;
  return view ? canonical(core, message, resource.gvk, view.fromStorage(stored)) : stored;
}

/** The stored form; the object itself unless the resource is a view. */
export function toStored(core: Core, resource: Resource, served: KubeObject): KubeObject {
  const { view } = resource.definition;
  const stored = resource.stored!;
  return view ? canonical(core, stored.message, stored.gvk, view.toStorage(served)) : served;
}

/** As the codec prints it: conversions may leave empty members that their version does not show. */
function canonical(core: Core, message: string, gvk: Gvk, object: KubeObject): KubeObject {
  const { bytes } = core.codec.fromJson(message, utf8(stringifyObject(object)), { defaults: false });
  return decodeObject(core.codec, message, bytes, gvk);
}
