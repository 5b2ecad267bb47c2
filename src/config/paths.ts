import { join } from 'node:path';

/** Every path that follows from the data directory. */
export interface DataPaths {
  root: string;
  certs: string;
  resources: string;
  kubeconfig: string;
  database: string;
  compileCache: string;
  /** Outside the data directory when that is the default one, where MicroShift has it. */
  auditLog: string;
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
    auditLog: root === defaultDataDir ? '/var/log/kube-apiserver/audit.log' : join(root, 'log/audit.log'),
  };
}
