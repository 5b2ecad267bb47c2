import { createHash } from 'node:crypto';
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
  /** The kubelet's folder: pods and their volumes. */
  kubelet: string;
  podLogs: string;
  /** Images and snapshots of a containerd of our own. */
  containerd: string;
  /** Image archives that are imported at start. */
  images: string;
  /** Which of them were. Goes with containerd's own store. */
  importedImages: string;
  /** What does not outlive a reboot: sockets, the state of a containerd of our own. Short, for sockets' names. */
  run: string;
  /** Of a containerd of our own: network configuration and address leases. */
  cniConfig: string;
  cniLeases: string;
}

export const defaultDataDir = '/var/lib/microshift';

export function dataPaths(root: string): DataPaths {
  const isDefault = root === defaultDataDir;
  const id = createHash('sha256').update(root).digest('hex').slice(0, 8);
  return {
    root,
    certs: join(root, 'certs'),
    resources: join(root, 'resources'),
    kubeconfig: join(root, 'resources/kubeadmin/kubeconfig'),
    database: join(root, 'store/nanoshift.db'),
    compileCache: join(root, 'cache/compile'),
    auditLog: isDefault ? '/var/log/kube-apiserver/audit.log' : join(root, 'log/audit.log'),
    kubelet: isDefault ? '/var/lib/kubelet' : join(root, 'kubelet'),
    podLogs: isDefault ? '/var/log/pods' : join(root, 'log/pods'),
    containerd: join(root, 'containerd'),
    images: join(root, 'images'),
    importedImages: join(root, 'containerd/imported.json'),
    run: isDefault ? '/run/nanoshift' : `/run/nanoshift-${id}`,
    cniConfig: join(root, 'cni/net.d'),
    cniLeases: join(root, 'cni/leases'),
  };
}
