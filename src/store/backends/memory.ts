import type { Backend, BackendChange, BackendRecord } from '../types.ts';

/** Objects that outlive the store, but not the process. Open it again to see what a restart would see. */
export function memoryBackend(): Backend {
  const records = new Map<string, BackendRecord>();
  let ceiling = 0;
  return {
    ownsRevisions: true,
    async load(each) {
      let revision = ceiling;
      for (const key of [...records.keys()].sort()) {
        const record = records.get(key)!;
        revision = Math.max(revision, record.revision);
        each(record);
      }
      return { revision };
    },
    async commit(changes, options) {
      for (const change of changes) apply(records, change);
      ceiling = options.ceiling ?? ceiling;
      return undefined;
    },
    compact: async () => {},
    snapshot: () => Promise.reject(new Error('the memory backend has nothing to copy')),
    close: async () => {},
  };
}

function apply(records: Map<string, BackendRecord>, { key, value, revision }: BackendChange): void {
  if (value) records.set(key, { key, value: value.slice(), revision });
  else records.delete(key);
}
