/** Every bound of the program. Comes from the board's hardware profile; each is enforced where it is named. */
export interface Budget {
  /** V8 old space, MiB. */
  heapMib: number;
  /** Linear memory that holds the cache, bytes. Reserved at start, never grown. At most 2 GiB. */
  cacheBytes: number;
  /** Part of the cache that the watch window may hold, bytes, and how far back it reaches. */
  watchWindowBytes: number;
  watchWindowMs: number;
  /** Requests served at once; above: 429. */
  inFlightReads: number;
  inFlightWrites: number;
  /** Open watches; above: 429. */
  watches: number;
  /** Bytes and events that may wait for one slow watcher before it is cut off. */
  watcherQueueBytes: number;
  watcherQueueEvents: number;
  requestBodyBytes: number;
  /** Writes waiting in the commit queue; above: 429. */
  pendingWrites: number;
  /** Decoded objects kept by the LRU. */
  decodedObjects: number;
  /** SQLite page cache, bytes. */
  sqliteCacheBytes: number;
  /** Soft writes reach the disk at the latest after this long … */
  softFlushMs: number;
  /** … and no faster than this allows, bytes a day. */
  flashBytesPerDay: number;
  parallelPodStarts: number;
  maxPods: number;
  /** Images pulled at once; more wait. */
  parallelImagePulls: number;
  /** Probes carried out at once; more wait. */
  parallelProbes: number;
  /** Open exec, attach, port-forward and log streams; above: 429. */
  streams: number;
  /** DNS queries under way; above: refused. */
  dnsQueries: number;
  /** Events that may wait to be written, a component; above: the oldest are dropped. */
  pendingEvents: number;
}

/** For machines that no profile recognises. */
export const defaultBudget: Budget = {
  heapMib: 128,
  cacheBytes: 128 << 20,
  watchWindowBytes: 16 << 20,
  watchWindowMs: 5 * 60_000,
  inFlightReads: 200,
  inFlightWrites: 100,
  watches: 2_000,
  watcherQueueBytes: 1 << 20,
  watcherQueueEvents: 1_000,
  requestBodyBytes: 3 << 20,
  pendingWrites: 1_000,
  decodedObjects: 2_000,
  sqliteCacheBytes: 2 << 20,
  softFlushMs: 10 * 60_000,
  flashBytesPerDay: 64 << 20,
  parallelPodStarts: 4,
  maxPods: 110,
  parallelImagePulls: 2,
  parallelProbes: 8,
  streams: 100,
  dnsQueries: 256,
  pendingEvents: 1_000,
};
