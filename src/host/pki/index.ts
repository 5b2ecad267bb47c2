/** The node's public-key infrastructure: signers, certificates, bundles, the service account key, kubeconfigs. */
import { dirname, join } from 'node:path';
import type { Clock } from '../../kernel/clock.ts';
import { type KeyedCertificate, PkiBuilder } from './ensure.ts';
import { rotationDeadline } from './lifetime.ts';
import { type BundleName, type CertificateName, type PkiOptions, type SignerName, planPki } from './plan.ts';
import { type ServiceAccountKey, ensureServiceAccountKey } from './service-account-key.ts';

export type { KeyedCertificate } from './ensure.ts';
export { type KubeconfigOptions, adminKubeconfigFile, kubeconfig, writeKubeconfigs } from './kubeconfig.ts';
export { type Validity, rotationDeadline } from './lifetime.ts';
export { type BundleName, type CertificateName, type PkiOptions, type SignerName, apiServiceNames } from './plan.ts';
export type { ServiceAccountKey } from './service-account-key.ts';

/** Everything on disk, checked, with its contents. */
export interface Pki {
  signer(name: SignerName): KeyedCertificate;
  certificate(name: CertificateName): KeyedCertificate;
  /** CA bundles: path and PEM. */
  bundle(name: BundleName): { file: string; pem: string };
  readonly serviceAccountKey: ServiceAccountKey;
  /** What the API server's listener presents, to every client whatever name it asks for. */
  readonly listener: { certFile: string; keyFile: string };
  /** When the program must restart at the latest so that certificates are made anew. */
  readonly rotationDeadlineMs: number;
  /** Names of what was made in this run. */
  readonly created: readonly string[];
}

/**
 * Loads the certificates below `dataDirectory` (`certs/`, `resources/`), and makes those that are missing, broken, due
 * or for other names than the options'. A new CA takes everything under it along.
 */
export async function ensurePki(dataDirectory: string, options: PkiOptions & { clock: Clock }): Promise<Pki> {
  const certs = join(dataDirectory, 'certs');
  const keyDirectory = join(dataDirectory, 'resources/kube-apiserver/secrets/service-account-key');
  const builder = new PkiBuilder(options.clock);
  const [serviceAccountKey] = await Promise.all([
    ensureServiceAccountKey(keyDirectory),
    ...planPki(options).map((signer) => builder.ensureSigner(join(certs, signer.name), signer)),
  ]);
  const serving = found(builder.certificates, 'kube-external-serving');
  const listener = { certFile: join(dirname(serving.certFile), 'listener.crt'), keyFile: serving.keyFile };
  const [bundles] = await Promise.all([
    builder.ensureBundles(join(certs, 'ca-bundle')),
    builder.ensureChain(
      listener.certFile,
      'kube-external-serving',
      'kube-apiserver-external-signer',
      'kube-apiserver-localhost-signer',
    ),
  ]);
  const all = [...builder.signers, ...builder.certificates];
  return {
    signer: (name) => found(builder.signers, name),
    certificate: (name) => found(builder.certificates, name),
    bundle: (name) => bundles[name],
    serviceAccountKey,
    listener,
    rotationDeadlineMs: rotationDeadline(all.map(([, { validity }]) => validity)) ?? Number.POSITIVE_INFINITY,
    created: all.filter(([, { isNew }]) => isNew).map(([name]) => name),
  };
}

function found<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`no certificate ${name}`);
  return value;
}
