/**
 * Makes keys and X.509 certificates (RFC 5280) on node:crypto. A library for it costs 27 MiB of resident memory for as
 * long as the program runs; the tests hold what is made here against one.
 */
import { type KeyObject, X509Certificate, createHash, createPrivateKey, generateKeyPair, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import * as der from './der.ts';
import type { Validity } from './lifetime.ts';

export interface Issuer {
  certPem: string;
  keyPem: string;
}

export interface Request {
  commonName: string;
  organizations?: readonly string[];
  /** DNS names and IP addresses. */
  hosts?: readonly string[];
  use: 'ca' | 'client' | 'server' | 'peer';
  serial: number;
  validity: Validity;
}

/** A new P-256 key pair and its certificate, signed by `issuer` or by itself. Issuers may have RSA keys. */
export async function issue(request: Request, issuer?: Issuer): Promise<{ certPem: string; keyPem: string }> {
  const keys = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const subject = nameOf(request);
  const own = keyIdOf(keys.publicKey);
  const by = issuer ? readIssuer(issuer) : { name: subject, key: keys.privateKey, keyId: own };
  const certPem = await certify({ ...request, subject, publicKey: keys.publicKey, keyId: own }, by);
  return { certPem, keyPem: keys.privateKey.export({ type: 'sec1', format: 'pem' }).toString() };
}

/** A certificate for the key and name of an existing CA, signed by another: whoever trusts that one trusts both. */
export async function crossSign(
  authorityPem: string,
  issuer: Issuer,
  { serial, validity }: Pick<Request, 'serial' | 'validity'>,
): Promise<string> {
  const { subject, keyId } = readCertificate(authorityPem);
  const { publicKey } = new X509Certificate(authorityPem);
  const content = { use: 'ca' as const, commonName: '', serial, validity, subject, publicKey };
  return certify({ ...content, keyId: keyId ?? keyIdOf(publicKey) }, readIssuer(issuer));
}

interface Content extends Request {
  /** Encoded. */
  subject: Uint8Array;
  publicKey: KeyObject;
  keyId: Uint8Array;
}

interface By {
  /** Encoded, as it stands in the issuer's own certificate. */
  name: Uint8Array;
  key: KeyObject;
  keyId: Uint8Array | undefined;
}

async function certify(content: Content, by: By): Promise<string> {
  const algorithm = by.key.asymmetricKeyType === 'rsa' ? rsaWithSha256 : ecdsaWithSha256;
  const { notBeforeMs, notAfterMs } = content.validity;
  const toBeSigned = der.sequence(
    der.explicit(0, der.integer(2)), // version 3
    der.integer(content.serial),
    algorithm,
    by.name,
    der.sequence(der.time(notBeforeMs), der.time(notAfterMs)),
    content.subject,
    content.publicKey.export({ type: 'spki', format: 'der' }),
    der.explicit(3, der.sequence(...extensionsOf(content, by.keyId))),
  );
  const signature = await promisify<string, Uint8Array, KeyObject, Buffer>(sign)('sha256', toBeSigned, by.key);
  const base64 = der.sequence(toBeSigned, algorithm, der.bitString(signature)).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

const ecdsaWithSha256 = der.sequence(der.oid('1.2.840.10045.4.3.2'));
const rsaWithSha256 = der.sequence(der.oid('1.2.840.113549.1.1.11'), der.nothing);

const attribute = { commonName: der.oid('2.5.4.3'), organization: der.oid('2.5.4.10') };

function nameOf({ commonName, organizations = [] }: Request): Buffer {
  const part = (type: Buffer, value: string): Buffer => der.set(der.sequence(type, der.text(value)));
  return der.sequence(
    ...organizations.map((name) => part(attribute.organization, name)),
    part(attribute.commonName, commonName),
  );
}

const extensionId = {
  subjectKeyId: der.oid('2.5.29.14'),
  keyUsage: der.oid('2.5.29.15'),
  subjectAltName: der.oid('2.5.29.17'),
  basicConstraints: der.oid('2.5.29.19'),
  authorityKeyId: der.oid('2.5.29.35'),
  extendedKeyUsage: der.oid('2.5.29.37'),
};
const purpose = { serverAuth: der.oid('1.3.6.1.5.5.7.3.1'), clientAuth: der.oid('1.3.6.1.5.5.7.3.2') };

/** digitalSignature and keyEncipherment; for a CA keyCertSign, too. */
const usage = { leaf: der.bitString(Buffer.from([0b1010_0000]), 5), ca: der.bitString(Buffer.from([0b1010_0100]), 2) };

function extensionsOf({ use, hosts = [], keyId }: Content, issuerKeyId: Uint8Array | undefined): Buffer[] {
  const isCa = use === 'ca';
  const purposes = [
    ...(use === 'client' || use === 'peer' ? [purpose.clientAuth] : []),
    ...(use === 'server' || use === 'peer' ? [purpose.serverAuth] : []),
  ];
  return [
    extension(extensionId.keyUsage, isCa ? usage.ca : usage.leaf, true),
    ...(purposes.length > 0 ? [extension(extensionId.extendedKeyUsage, der.sequence(...purposes))] : []),
    extension(extensionId.basicConstraints, isCa ? der.sequence(der.isTrue) : der.sequence(), true),
    extension(extensionId.subjectKeyId, der.octetString(keyId)),
    ...(issuerKeyId ? [extension(extensionId.authorityKeyId, der.sequence(der.implicit(0, issuerKeyId)))] : []),
    ...(hosts.length > 0 ? [extension(extensionId.subjectAltName, der.sequence(...hosts.map(altName)))] : []),
  ];
}

const extension = (id: Buffer, value: Buffer, critical = false): Buffer =>
  der.sequence(id, ...(critical ? [der.isTrue] : []), der.octetString(value));

const altName = (host: string): Buffer =>
  isIP(host) ? der.implicit(7, addressBytes(host)) : der.implicit(2, Buffer.from(host, 'ascii'));

/** RFC 5280, 4.2.1.2: the hash of the key's bits. */
function keyIdOf(publicKey: KeyObject): Buffer {
  const [, bits] = der.elements(der.elements(publicKey.export({ type: 'spki', format: 'der' }))[0]!.content);
  return createHash('sha1').update(bits!.content.subarray(1)).digest();
}

function readIssuer({ certPem, keyPem }: Issuer): By {
  const { subject, keyId } = readCertificate(certPem);
  return { name: subject, key: createPrivateKey(keyPem), keyId };
}

/** Subject and subject key id of a certificate, as they are encoded. */
function readCertificate(pem: string): { subject: Uint8Array; keyId: Uint8Array | undefined } {
  const toBeSigned = der.elements(der.elements(new X509Certificate(pem).raw)[0]!.content)[0]!;
  const fields = der.elements(toBeSigned.content);
  const extensions = fields.find(({ tag }) => tag === 0xa3);
  const list = extensions ? der.elements(der.elements(extensions.content)[0]!.content) : [];
  const found = list
    .map(({ content }) => der.elements(content))
    .find(([id]) => extensionId.subjectKeyId.equals(id!.whole));
  const keyId = found && der.elements(found.at(-1)!.content)[0]!.content;
  return { subject: fields[5]!.whole, keyId };
}

/** 4 or 16 bytes. */
function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = withHexTail(address).split('::');
  const left = head ? head.split(':') : [];
  const right = tail ? tail.split(':') : [];
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

/** `::ffff:10.0.0.1` as `::ffff:a00:1`. */
function withHexTail(address: string): string {
  const [, head, ipv4] = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address) ?? [];
  if (head === undefined || ipv4 === undefined) return address;
  const [a = 0, b = 0, c = 0, d = 0] = ipv4.split('.').map(Number);
  return `${head}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}
