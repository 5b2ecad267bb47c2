import { join } from 'node:path';

/** Every path below the data directory. */
export interface DataPaths {
  root: string;
  certs: string;
  resources: string;
  kubeconfig: string;
  database: string;
  compileCache: string;
}

export const defaultDataDir = '/var/lib/microshift';

export function dataPaths(root: string): DataPaths {
  return {
    root,
    certs: join(root, 'certs'),
    resources: join(root, 'resources'),
    kubeconfig: join(root, 'resources/kubeadmin/kubeconfig'),
    database: join(root, 'store/nanoshift.db'),
    compileCache: join(root, 'cache/compile'),
  };
}
