import type { Client } from '../client/types.ts';
import { Slots } from '../kernel/index.ts';

/** A client that has at most `limit` writes under way; others wait for their turn. For who writes much at once. */
export function inTurn(client: Client, limit: number): Client {
  const slots = new Slots(limit);
  return {
    get: (ref, name, namespace) => client.get(ref, name, namespace),
    list: (ref, options) => client.list(ref, options),
    watch: (ref, options, handler) => client.watch(ref, options, handler),
    create: (ref, object, options) => slots.run(() => client.create(ref, object, options)),
    update: (ref, object, options) => slots.run(() => client.update(ref, object, options)),
    patch: (ref, name, type, body, options) => slots.run(() => client.patch(ref, name, type, body, options)),
    delete: (ref, name, options) => slots.run(() => client.delete(ref, name, options)),
    deleteCollection: (ref, selection, options) => slots.run(() => client.deleteCollection(ref, selection, options)),
  };
}
