import { dataPaths, type Profile } from '../config/index.ts';

/** Set in the environment of the process that `relaunch` makes, so that it happens once. */
const marker = 'NANOSHIFT_LAUNCHED';

/**
 * Replaces this process by itself (same pid) with the profile's heap limit, a way to collect garbage when idle, the
 * compile cache, and the allocator settings that keep resident memory down: all of them are read once, at the start of a
 * process. Returns only in the new process.
 */
export function relaunch(profile: Profile, dataDir: string): void {
  if (process.env[marker]) return;
  const flags = [
    `--max-old-space-size=${profile.budget.heapMib}`,
    '--max-semi-space-size=4',
    '--expose-gc',
    '--disable-warning=ExperimentalWarning',
  ];
  const environment: Record<string, string> = {
    ...(process.env as Record<string, string>),
    [marker]: '1',
    NODE_COMPILE_CACHE: dataPaths(dataDir).compileCache,
    MALLOC_ARENA_MAX: '1',
    MALLOC_TRIM_THRESHOLD_: '131072',
    MALLOC_MMAP_THRESHOLD_: '65536',
    UWS_HTTP_MAX_HEADERS_SIZE: '65536',
    // Commits are synced on this pool, which name look-ups and key generation share.
    UV_THREADPOOL_SIZE: '8',
  };
  process.execve?.(process.execPath, [process.execPath, ...flags, ...process.argv.slice(1)], environment);
}
