import type { Client } from '../client/types.ts';

/** A client that has at most `limit` writes under way; others wait for their turn. For who writes much at once. */
export function inTurn(client: Client, limit: number): Client {
  const waiting: (() => void)[] = [];
  let running = 0;
  const turn = async <T>(write: () => Promise<T>): Promise<T> => {
    if (running < limit) running++;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await write();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
  return {
    get: (ref, name, namespace) => client.get(ref, name, namespace),
    list: (ref, options) => client.list(ref, options),
    watch: (ref, options, handler) => client.watch(ref, options, handler),
    create: (ref, object, options) => turn(() => client.create(ref, object, options)),
    update: (ref, object, options) => turn(() => client.update(ref, object, options)),
    patch: (ref, name, type, body, options) => turn(() => client.patch(ref, name, type, body, options)),
    delete: (ref, name, options) => turn(() => client.delete(ref, name, options)),
    deleteCollection: (ref, selection, options) => turn(() => client.deleteCollection(ref, selection, options)),
  };
}
