import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import type { Clock } from '../../kernel/index.ts';
import { RuntimeError } from './errors.ts';

const lookAgainMs = 20;

/**
 * Does `work` while no other process does work under the same name. The lock is an abstract Unix socket: the kernel
 * frees it with the process that holds it, so a killed one leaves nothing behind.
 */
export async function exclusively<T>(name: string, clock: Clock, limitMs: number, work: () => Promise<T>): Promise<T> {
  const path = `\0nanoshift/${createHash('sha256').update(name).digest('hex').slice(0, 16)}`;
  const deadlineMs = clock.monotonicMs() + limitMs;
  let held = await listen(path);
  while (!held) {
    if (clock.monotonicMs() >= deadlineMs) {
      throw new RuntimeError(
        `another nanoshift has been starting or ending the containerd of ${name} for ${limitMs / 1000} s`,
      );
    }
    await clock.sleep(lookAgainMs);
    held = await listen(path);
  }
  try {
    return await work();
  } finally {
    await new Promise((resolve) => held.close(resolve));
  }
}

function listen(path: string): Promise<Server | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Server | undefined>();
  const server = createServer((socket) => socket.destroy());
  server.once('error', (error: NodeJS.ErrnoException) =>
    error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
  );
  server.listen(path, () => resolve(server));
  return promise;
}
