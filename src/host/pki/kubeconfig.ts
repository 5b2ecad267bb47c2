import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { keepFile, privateMode } from './files.ts';
import type { Pki } from './index.ts';
import type { CertificateName } from './plan.ts';

export interface KubeconfigOptions {
  /** `resources/` below the data directory. */
  directory: string;
  /** Hostname and subjectAltNames: each gets a kubeconfig of its own for use from other machines. */
  externalNames: readonly string[];
  /** Names of user-provided certificates: their kubeconfigs carry no CA. */
  namedCertificateNames?: readonly string[];
  port?: number;
}

const componentUsers: readonly [string, CertificateName][] = [
  ['kube-controller-manager', 'kube-controller-manager'],
  ['kube-scheduler', 'kube-scheduler'],
  ['cluster-policy-controller', 'cluster-policy-controller'],
  ['route-controller-manager', 'route-controller-manager'],
  ['kubelet', 'kubelet-client'],
  ['observability-client', 'openshift-observability-client'],
];

/** Path of the administrator's kubeconfig, which users copy. */
export const adminKubeconfigFile = (directory: string): string => join(directory, 'kubeadmin', 'kubeconfig');

/** Writes the administrator's kubeconfigs and the components', and removes those of names that are gone. */
export async function writeKubeconfigs(pki: Pki, options: KubeconfigOptions): Promise<void> {
  const { directory, externalNames, namedCertificateNames = [], port = 6443 } = options;
  const localhostCa = pki.signer('kube-apiserver-localhost-signer').certPem;
  const externalCa = pki.signer('kube-apiserver-external-signer').certPem;
  const admin = pki.certificate('admin-kubeconfig-client');
  const write = (file: string, host: string, ca: string | undefined, user: { certPem: string; keyPem: string }) =>
    keepFile(file, kubeconfig(`https://${bracketed(host)}:${port}`, ca, user), privateMode);

  const names = new Map<string, string | undefined>(externalNames.map((name) => [name, externalCa]));
  for (const name of namedCertificateNames) if (!name.startsWith('*')) names.set(name, undefined);
  const kubeadmin = join(directory, 'kubeadmin');
  await removeStale(kubeadmin, names);
  await Promise.all([
    write(adminKubeconfigFile(directory), 'localhost', localhostCa, admin),
    ...[...names].map(([name, ca]) => write(join(kubeadmin, name, 'kubeconfig'), name, ca, admin)),
    ...componentUsers.map(([component, certificate]) =>
      write(join(directory, component, 'kubeconfig'), 'localhost', localhostCa, pki.certificate(certificate)),
    ),
  ]);
}

async function removeStale(kubeadmin: string, names: ReadonlyMap<string, unknown>): Promise<void> {
  const entries = await readdir(kubeadmin, { withFileTypes: true }).catch(() => []);
  const stale = entries.filter((entry) => entry.isDirectory() && !names.has(entry.name));
  await Promise.all(stale.map((entry) => rm(join(kubeadmin, entry.name), { recursive: true })));
}

/** Text of a kubeconfig with inline data. Without `caPem` the system's CAs are trusted. */
export function kubeconfig(
  server: string,
  caPem: string | undefined,
  user: { certPem: string; keyPem: string },
): string {
  const base64 = (pem: string): string => Buffer.from(pem).toString('base64');
  return [
    'apiVersion: v1',
    'kind: Config',
    'clusters:',
    '- cluster:',
    ...(caPem === undefined ? [] : [`    certificate-authority-data: ${base64(caPem)}`]),
    `    server: ${server}`,
    '  name: microshift',
    'contexts:',
    '- context:',
    '    cluster: microshift',
    '    namespace: default',
    '    user: user',
    '  name: microshift',
    'current-context: microshift',
    'preferences: {}',
    'users:',
    '- name: user',
    '  user:',
    `    client-certificate-data: ${base64(user.certPem)}`,
    `    client-key-data: ${base64(user.keyPem)}`,
    '',
  ].join('\n');
}

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);
