import { knownSockets, socketOf } from './open.ts';
import { canConnect, ownFiles, type RuntimePaths } from './own.ts';

export interface RuntimeWish {
  /** A socket's path, with or without `unix://`; '' when none is named. */
  endpoint: string;
  mode: 'auto' | 'own';
  paths: RuntimePaths;
}

/** The socket of the runtime that a node with these settings uses now. Undefined: none of them answers. */
export async function findRuntimeSocket({ endpoint, mode, paths }: RuntimeWish): Promise<string | undefined> {
  const own = ownFiles(paths).socket;
  const candidates = mode === 'own' ? [own] : endpoint ? [socketOf(endpoint)] : [own, ...knownSockets];
  for (const socketPath of candidates) if (await canConnect(socketPath)) return socketPath;
  return undefined;
}
