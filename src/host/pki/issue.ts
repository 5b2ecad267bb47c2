/** Makes keys and certificates. Loaded only when one must be made. */
import 'reflect-metadata';
import { isIP } from 'node:net';
import { KeyObject, createPrivateKey, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { Validity } from './lifetime.ts';

x509.cryptoProvider.set(webcrypto);

export interface Issuer {
  certPem: string;
  keyPem: string;
}

export interface Request {
  commonName: string;
  organizations?: readonly string[];
  hosts?: readonly string[];
  use: 'ca' | 'client' | 'server' | 'peer';
  serial: number;
  validity: Validity;
}

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;

/** A new key pair and its certificate, signed by `issuer` or by itself. Keys are P-256; issuers may have RSA keys. */
export async function issue(request: Request, issuer?: Issuer): Promise<{ certPem: string; keyPem: string }> {
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const subject = subjectOf(request);
  const by = issuer ? await signerOf(issuer) : { name: subject, key: keys.privateKey, keyId: undefined, rsa: false };
  const ownKeyId = await x509.SubjectKeyIdentifierExtension.create(keys.publicKey);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: evenHex(request.serial),
    subject,
    issuer: by.name,
    notBefore: new Date(request.validity.notBeforeMs),
    notAfter: new Date(request.validity.notAfterMs),
    publicKey: keys.publicKey,
    signingKey: by.key,
    signingAlgorithm: by.rsa ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } : { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      ...extensionsOf(request),
      ownKeyId,
      new x509.AuthorityKeyIdentifierExtension(by.keyId ?? ownKeyId.keyId),
    ],
  });
  const keyPem = KeyObject.from(keys.privateKey).export({ type: 'sec1', format: 'pem' }).toString();
  return { certPem: `${certificate.toString('pem')}\n`, keyPem };
}

async function signerOf(
  issuer: Issuer,
): Promise<{ name: x509.Name; key: webcrypto.CryptoKey; keyId: string | undefined; rsa: boolean }> {
  const certificate = new x509.X509Certificate(issuer.certPem);
  const key = createPrivateKey(issuer.keyPem);
  const rsa = key.asymmetricKeyType === 'rsa';
  const algorithm = rsa ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } : keyAlgorithm;
  return {
    name: certificate.subjectName,
    key: key.toCryptoKey(algorithm, false, ['sign']),
    keyId: certificate.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId,
    rsa,
  };
}

function subjectOf({ commonName, organizations = [] }: Request): x509.Name {
  return new x509.Name([...organizations.map((name) => ({ O: [name] })), { CN: [commonName] }]);
}

function extensionsOf({ use, hosts = [] }: Request): x509.Extension[] {
  const { digitalSignature, keyEncipherment, keyCertSign } = x509.KeyUsageFlags;
  const usages = digitalSignature | keyEncipherment;
  if (use === 'ca') {
    return [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(usages | keyCertSign, true),
    ];
  }
  const purposes = [
    ...(use === 'server' ? [] : [x509.ExtendedKeyUsage.clientAuth]),
    ...(use === 'client' ? [] : [x509.ExtendedKeyUsage.serverAuth]),
  ];
  const names = hosts.map((host) => ({ type: isIP(host) ? ('ip' as const) : ('dns' as const), value: host }));
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(usages, true),
    new x509.ExtendedKeyUsageExtension(purposes),
    ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
  ];
}

const evenHex = (serial: number): string => {
  const hex = serial.toString(16);
  return hex.length % 2 ? `0${hex}` : hex;
};
