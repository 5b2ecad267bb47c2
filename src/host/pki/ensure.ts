import { X509Certificate, createPrivateKey } from 'node:crypto';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../../kernel/clock.ts';
import { keepFile, privateMode, publicMode, readText, writeFileAtomically } from './files.ts';
import { type Validity, isDue, validityFrom } from './lifetime.ts';
import {
  type BundleName,
  type CertificateName,
  type CertificatePlan,
  type SignerName,
  type SignerPlan,
  bundles,
} from './plan.ts';

/** A certificate and its key, on disk and in memory. */
export interface KeyedCertificate {
  certFile: string;
  keyFile: string;
  /** Leaf or CA first, then the CA that signed it, as servers present them. */
  certPem: string;
  keyPem: string;
  validity: Validity;
  /** Made in this run. */
  isNew: boolean;
}

/** Loads what is on disk and makes what is missing, broken, due, changed, or signed by a CA that is no longer. */
export class PkiBuilder {
  readonly signers = new Map<string, KeyedCertificate>();
  readonly certificates = new Map<string, KeyedCertificate>();
  readonly #issuers = new Map<string, Signer>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A signer in `directory`, everything it issues, and its intermediate. */
  async ensureSigner(directory: string, plan: SignerPlan, parent?: Signer): Promise<void> {
    const paths = { certFile: join(directory, 'ca.crt'), keyFile: join(directory, 'ca.key') };
    const wanted = { use: 'ca' as const, commonName: plan.commonName, life: plan.life };
    const found = await this.#load(paths, wanted, parent);
    const authority = found ?? (await this.#make(paths, wanted, parent ? await parent.reserve(1) : 1, parent));
    const signer = new Signer(authority, join(directory, 'serial.txt'));
    await signer.loadSerial();
    if (parent) await keepFile(join(directory, 'ca-bundle.crt'), authority.certPem, publicMode);
    this.#issuers.set(plan.name, signer);
    this.signers.set(plan.name, { ...authority, certPem: firstCertificate(authority.certPem) });
    await this.#ensureCertificates(directory, plan.certificates, signer);
    if (plan.intermediate) await this.ensureSigner(join(directory, plan.intermediate.name), plan.intermediate, signer);
  }

  /** The bundles of CA certificates. Returns their files and contents. */
  async ensureBundles(directory: string): Promise<Record<BundleName, { file: string; pem: string }>> {
    const entries = Object.entries(bundles).map(async ([name, members]) => {
      const bundle = {
        file: join(directory, name),
        pem: members.map((member) => this.signers.get(member)!.certPem).join(''),
      };
      await keepFile(bundle.file, bundle.pem, publicMode);
      return [name, bundle] as const;
    });
    return Object.fromEntries(await Promise.all(entries)) as Record<BundleName, { file: string; pem: string }>;
  }

  /**
   * The chain that a listener presents so that clients trusting either CA accept it: the certificate of `name`, then
   * its CA cross-signed by `by`. One certificate serves all clients; no choice by server name is needed.
   */
  async ensureChain(file: string, name: CertificateName, authority: SignerName, by: SignerName): Promise<void> {
    const leaf = this.certificates.get(name)!;
    const subject = this.signers.get(authority)!;
    const issuer = this.#issuers.get(by)!;
    const [, found] = ((await readText(file)) ?? '').split(new RegExp(`(?<=${endLine})`));
    const cross = found && isCrossSigned(found, subject, issuer) ? found : await this.#crossSign(subject, issuer);
    await keepFile(file, firstCertificate(leaf.certPem) + cross, publicMode);
  }

  async #crossSign(subject: KeyedCertificate, issuer: Signer): Promise<string> {
    const { crossSign } = await import('./issue.ts');
    const notAfterMs = Math.min(subject.validity.notAfterMs, issuer.authority.validity.notAfterMs);
    const validity = { notBeforeMs: this.#clock.nowMs() - 1000, notAfterMs };
    return crossSign(subject.certPem, issuer.authority, { serial: await issuer.reserve(1), validity });
  }

  async #ensureCertificates(directory: string, plans: readonly CertificatePlan[], signer: Signer): Promise<void> {
    const found = await Promise.all(plans.map((plan) => this.#load(pathsOf(directory, plan), plan, signer)));
    const missing = plans.filter((_plan, i) => !found[i]);
    const firstSerial = await signer.reserve(missing.length);
    await Promise.all(
      plans.map(async (plan, i) => {
        const serial = firstSerial + missing.indexOf(plan);
        const certificate = found[i] ?? (await this.#make(pathsOf(directory, plan), plan, serial, signer));
        this.certificates.set(plan.name, certificate);
      }),
    );
  }

  async #load(paths: Paths, wanted: Wanted, signer?: Signer): Promise<KeyedCertificate | undefined> {
    const [certPem, keyPem] = await Promise.all([readText(paths.certFile), readText(paths.keyFile)]);
    if (!certPem || !keyPem) return undefined;
    const validity = usable(certPem, keyPem, wanted, signer, this.#clock.nowMs());
    return validity && { ...paths, certPem, keyPem, validity, isNew: false };
  }

  async #make(paths: Paths, wanted: Wanted, serial: number, signer?: Signer): Promise<KeyedCertificate> {
    const { issue } = await import('./issue.ts');
    const validity = validityFrom(this.#clock.nowMs(), wanted.life);
    const made = await issue({ ...wanted, serial, validity }, signer?.authority);
    const certPem = made.certPem + (signer?.authority.certPem ?? '');
    await writeFileAtomically(paths.keyFile, made.keyPem, privateMode);
    await writeFileAtomically(paths.certFile, certPem, publicMode);
    return { ...paths, certPem, keyPem: made.keyPem, validity, isNew: true };
  }
}

interface Paths {
  certFile: string;
  keyFile: string;
}

type Wanted = Pick<CertificatePlan, 'commonName' | 'organizations' | 'hosts' | 'life'> & {
  use: CertificatePlan['use'] | 'ca';
};

/** A CA that issues: numbers its certificates in serial.txt, hexadecimal, as OpenSSL does. */
class Signer {
  readonly authority: KeyedCertificate;
  readonly certificate: X509Certificate;
  readonly #serialFile: string;
  #serial = 1;

  constructor(authority: KeyedCertificate, serialFile: string) {
    this.authority = authority;
    this.certificate = new X509Certificate(authority.certPem);
    this.#serialFile = serialFile;
  }

  async loadSerial(): Promise<void> {
    const text = this.authority.isNew ? undefined : await readText(this.#serialFile);
    this.#serial = Number.parseInt(text ?? '', 16) || 1;
    if (text === undefined) await this.#writeSerial();
  }

  /** First of `count` numbers, durable before they are used: two certificates never share one. */
  async reserve(count: number): Promise<number> {
    const first = this.#serial + 1;
    this.#serial += count;
    if (count > 0) await this.#writeSerial();
    return first;
  }

  #writeSerial(): Promise<void> {
    const hex = this.#serial.toString(16).toUpperCase();
    return keepFile(this.#serialFile, `${hex.length % 2 ? '0' : ''}${hex}\n`, publicMode);
  }
}

const endLine = '-----END CERTIFICATE-----\n';

/** Validity of a certificate that can stay; undefined when it must be made anew. */
function usable(
  certPem: string,
  keyPem: string,
  wanted: Wanted,
  signer: Signer | undefined,
  nowMs: number,
): Validity | undefined {
  try {
    const certificate = new X509Certificate(certPem);
    const validity = { notBeforeMs: Date.parse(certificate.validFrom), notAfterMs: Date.parse(certificate.validTo) };
    const isOurs =
      certificate.checkPrivateKey(createPrivateKey(keyPem)) &&
      (wanted.use === 'ca' || certificate.subject === subjectText(wanted)) && // CAs keep the names they were given
      sameHosts(certificate, wanted.hosts ?? []) &&
      isSignedBy(certificate, signer?.certificate ?? certificate);
    return isOurs && !isDue(validity, nowMs) ? validity : undefined;
  } catch {
    return undefined; // half-written or foreign
  }
}

const isSignedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
  certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);

const subjectText = ({ commonName, organizations = [] }: Wanted): string =>
  [...organizations.map((name) => `O=${name}`), `CN=${commonName}`].join('\n');

function sameHosts(certificate: X509Certificate, hosts: readonly string[]): boolean {
  const names = certificate.subjectAltName?.split(', ') ?? [];
  return (
    names.length === hosts.length &&
    hosts.every((host) => (isIP(host) ? certificate.checkIP(host) : names.includes(`DNS:${host}`)))
  );
}

/** True for a certificate of `subject`'s key and name that `issuer` has signed, for as long as both hold. */
function isCrossSigned(pem: string, subject: KeyedCertificate, issuer: Signer): boolean {
  try {
    const cross = new X509Certificate(pem);
    const authority = new X509Certificate(subject.certPem);
    const notAfterMs = Math.min(subject.validity.notAfterMs, issuer.authority.validity.notAfterMs);
    return (
      cross.publicKey.equals(authority.publicKey) &&
      cross.subject === authority.subject &&
      Date.parse(cross.validTo) === notAfterMs &&
      isSignedBy(cross, issuer.certificate)
    );
  } catch {
    return false;
  }
}

const firstCertificate = (pem: string): string => pem.slice(0, pem.indexOf(endLine) + endLine.length);

function pathsOf(directory: string, { name, use }: CertificatePlan): Paths {
  const folder = join(directory, name);
  return { certFile: join(folder, `${use}.crt`), keyFile: join(folder, `${use}.key`) };
}
