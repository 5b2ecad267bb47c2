import { apiError } from '../../kernel/status.ts';
import type { Entry } from '../../store/types.ts';
import type { Call, Core } from '../core.ts';
import { reachRevision } from './list.ts';
import { parseRevision } from './options.ts';

/** GET of one object: published state, not older than `resourceVersion` asks. */
export function getEntry(core: Core, call: Call, resourceVersion: string): Entry | Promise<Entry> {
  const wanted = parseRevision(resourceVersion);
  if (wanted > core.store.revision) return reachRevision(core, wanted).then(() => find(core, call));
  return find(core, call);
}

function find(core: Core, call: Call): Entry {
  const entry = core.store.get(call.resource.stored!, call.namespace, call.name);
  if (!entry) throw apiError.notFound(call.resource.qualified, call.name);
  return entry;
}
