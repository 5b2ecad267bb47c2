import { apiError, StatusError } from '../../kernel/status.ts';
import { CompactedError, type Entry, type SnapshotList } from '../../store/types.ts';
import type { Call, Core } from '../core.ts';
import type { ListMeta } from '../negotiation/index.ts';
import { compileSelection, type Predicate } from '../selectors/index.ts';
import { type ContinueToken, decodeContinue, encodeContinue } from './continue-token.ts';
import { type ListOptions, revisionProblem } from './options.ts';
import { breathe } from './slices.ts';
import { snapshotOf } from './snapshot.ts';

/** One page. Entries stay readable until it is disposed. */
export interface EntryList extends Disposable {
  entries: readonly Entry[];
  meta: ListMeta;
}

const waitForRevisionMs = 3000;

const listExpired = 'The resourceVersion for the provided list is too old.';
const inconsistentContinue =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
  'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
  'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or ' +
  'deleted between the time the first chunk was returned and now may show up in the list.';

/** Compiles the selectors of a list or watch, the name in the path included. */
export function predicateOf(core: Core, call: Call, options: ListOptions): Predicate {
  const { definition, stored } = call.resource;
  const indexes = definition.view ? [] : stored!.indexes;
  const predicate = compileSelection(core.store, definition, indexes, options);
  if (call.name === '') return predicate;
  if (options.fieldSelector !== '' && predicate.name !== call.name) {
    throw apiError.badRequest("fieldSelector metadata.name doesn't match requested name");
  }
  if (options.fieldSelector !== '') return predicate;
  return compileSelection(core.store, definition, indexes, { ...options, fieldSelector: `metadata.name=${call.name}` });
}

/** Finds the entries of one page. Throws Expired, Timeout (a revision from the future) or BadRequest. */
export async function listEntries(core: Core, call: Call, options: ListOptions): Promise<EntryList> {
  const predicate = predicateOf(core, call, options);
  const token = options.continue === '' ? undefined : decodeContinue(options.continue);
  const at = await revisionOf(core, options, token);
  const snapshot = snapshotAt(core, call, predicate, at, token);
  try {
    const page = await pageOf(core, call, snapshot, predicate, options, token);
    return { ...page, [Symbol.dispose]: () => snapshot[Symbol.dispose]() };
  } catch (error) {
    snapshot[Symbol.dispose]();
    throw error;
  }
}

/** The past revision to list at; undefined = the newest. */
async function revisionOf(
  core: Core,
  options: ListOptions,
  token: ContinueToken | undefined,
): Promise<number | undefined> {
  if (token) {
    if (options.resourceVersion !== '' && options.resourceVersion !== '0') {
      throw apiError.badRequest('specifying resource version is not allowed when using continue');
    }
    return token.revision > 0 ? token.revision : undefined;
  }
  const problem = revisionProblem(options.resourceVersion);
  if (problem) {
    const value = JSON.stringify(options.resourceVersion);
    throw apiError.badRequest(`invalid resource version: resourceVersion: Invalid value: ${value}: ${problem}`);
  }
  const wanted = Number(options.resourceVersion);
  if (wanted === 0) return undefined;
  await reachRevision(core, wanted);
  const exact = options.resourceVersionMatch === 'Exact' || (options.resourceVersionMatch === '' && options.limit > 0);
  return exact ? wanted : undefined;
}

/** Waits for a revision that another writer may be about to publish. */
export async function reachRevision(core: Core, wanted: number): Promise<void> {
  if (core.store.revision >= wanted || (await core.store.reached(wanted, waitForRevisionMs))) return;
  throw apiError.tooLargeResourceVersion(wanted, core.store.revision);
}

function snapshotAt(
  core: Core,
  call: Call,
  predicate: Predicate,
  at: number | undefined,
  token: ContinueToken | undefined,
): SnapshotList {
  try {
    return snapshotOf(core, call, predicate, at);
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    if (!token) throw apiError.expired(listExpired);
    throw new StatusError('Expired', inconsistentContinue, undefined, {
      continue: encodeContinue({ revision: -1, start: token.start }),
    });
  }
}

/** "Any revision" is served from the cache, whole. */
const limitOf = ({ limit, resourceVersion, continue: token }: ListOptions): number =>
  limit === 0 || (resourceVersion === '0' && token === '') ? Number.POSITIVE_INFINITY : limit;

async function pageOf(
  core: Core,
  call: Call,
  snapshot: SnapshotList,
  predicate: Predicate,
  options: ListOptions,
  token: ContinueToken | undefined,
): Promise<{ entries: readonly Entry[]; meta: ListMeta }> {
  const from = token ? firstAfter(snapshot.entries, token.start, call.namespace !== '') : 0;
  const limit = limitOf(options);
  const resourceVersion = String(snapshot.revision);
  if (predicate.all && limit >= snapshot.entries.length - from) {
    return { entries: from === 0 ? snapshot.entries : snapshot.entries.slice(from), meta: { resourceVersion } };
  }
  const entries: Entry[] = [];
  let index = from;
  const slice = breathe(core.clock);
  for (; index < snapshot.entries.length && entries.length < limit; index++) {
    const entry = snapshot.entries[index]!;
    if (predicate.matches(entry)) entries.push(entry);
    if (slice.due()) await slice.rest();
  }
  const last = entries.at(-1);
  if (!last || index >= snapshot.entries.length) return { entries, meta: { resourceVersion } };
  const key = call.namespace !== '' || !call.resource.namespaced ? last.name : `${last.namespace}/${last.name}`;
  return {
    entries,
    meta: {
      resourceVersion,
      continue: encodeContinue({ revision: snapshot.revision, start: `${key}\0` }),
      remainingItemCount: predicate.all ? snapshot.entries.length - index : undefined,
    },
  };
}

/** Position of the first entry whose key is not below `start`. */
function firstAfter(entries: readonly Entry[], start: string, oneNamespace: boolean): number {
  const slash = start.indexOf('/');
  const namespace = oneNamespace || slash < 0 ? undefined : start.slice(0, slash);
  const name = namespace === undefined ? start : start.slice(slash + 1);
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const entry = entries[middle]!;
    const before =
      namespace === undefined || entry.namespace === namespace ? entry.name < name : entry.namespace < namespace;
    if (before) low = middle + 1;
    else high = middle;
  }
  return low;
}
