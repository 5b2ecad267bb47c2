import { type RunningEtcd, skipWithoutEtcd, startEtcd } from './etcd.ts';
import { type RunningServer, type ServerOptions, startServer } from './server.ts';

export interface Setup {
  store: 'sqlite' | 'etcd' | 'memory';
  front: 'uws' | 'node';
  skip: string | false;
}

/** What clients must not be able to tell apart: every backend once, both fronts. */
export const setups: readonly (Setup & { title: string })[] = [
  { store: 'sqlite', front: 'uws', skip: false } as const,
  { store: 'etcd', front: 'node', skip: skipWithoutEtcd } as const,
  { store: 'memory', front: 'node', skip: false } as const,
].map((setup) => ({ ...setup, title: `${setup.store} behind ${setup.front}` }));

export interface ServerOverStore extends RunningServer {
  etcd?: RunningEtcd;
}

/** A server over a store of its own: with etcd, a real one is started first and goes with the server. */
export async function startOver(
  { store, front }: Pick<Setup, 'store' | 'front'>,
  options: ServerOptions = {},
): Promise<ServerOverStore> {
  if (store !== 'etcd') return startServer({ ...options, store, front });
  const etcd = await startEtcd();
  try {
    const server = await startServer({ ...options, store, front, etcdEndpoint: etcd.endpoint });
    return {
      ...server,
      etcd,
      async stop(signal) {
        const code = await server.stop(signal);
        await etcd.dispose();
        return code;
      },
    };
  } catch (error) {
    await etcd.dispose();
    throw error;
  }
}
