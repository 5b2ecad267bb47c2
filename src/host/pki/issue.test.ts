// What we encode by hand, an independent library must read as it was meant.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { X509Certificate, createPrivateKey, webcrypto } from 'node:crypto';
import { before, describe, test } from 'node:test';
import * as x509 from '@peculiar/x509';
import fc from 'fast-check';
import * as der from './der.ts';
import { type Request, crossSign, issue } from './issue.ts';
import { rsaSigner } from './test-support.ts';

const validity = { notBeforeMs: Date.UTC(2026, 0, 1), notAfterMs: Date.UTC(2055, 5, 1) };
const ca: Request = { commonName: 'a signer', use: 'ca', serial: 1, validity };
const peer: Request = {
  commonName: 'Ünïcode & more',
  organizations: ['system:one', 'two*'],
  hosts: ['localhost', '*.apps.example.com', '10.43.0.1', '2001:db8::1', '::ffff:10.0.0.1', '::1'],
  use: 'peer',
  serial: 0x80ff,
  validity,
};

before(() => x509.cryptoProvider.set(webcrypto));

describe('certificates', () => {
  test('a peer’s: every field', async () => {
    const authority = await issue(ca);
    const made = await issue(peer, authority);
    const read = new x509.X509Certificate(made.certPem);
    const signer = new x509.X509Certificate(authority.certPem);
    assert.equal(read.serialNumber, '80ff');
    assert.equal(read.issuer, signer.subject);
    assert.deepEqual(read.subjectName.toJSON(), [{ O: ['system:one'] }, { O: ['two*'] }, { CN: ['Ünïcode & more'] }]);
    assert.deepEqual([read.notBefore.getTime(), read.notAfter.getTime()], [validity.notBeforeMs, validity.notAfterMs]);
    const names = read.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
    assert.deepEqual(
      names.map(({ type, value }) => [type, value]),
      peer.hosts!.map((host) => [
        /[:\d]$/.test(host) ? 'ip' : 'dns',
        host === '::ffff:10.0.0.1' ? '::ffff:a00:1' : host,
      ]),
    );
    assert.deepEqual(
      [...read.getExtension(x509.ExtendedKeyUsageExtension)!.usages],
      [x509.ExtendedKeyUsage.clientAuth, x509.ExtendedKeyUsage.serverAuth],
    );
    const { digitalSignature, keyEncipherment, keyCertSign } = x509.KeyUsageFlags;
    assert.equal(read.getExtension(x509.KeyUsagesExtension)?.usages, digitalSignature | keyEncipherment);
    assert.equal(
      signer.getExtension(x509.KeyUsagesExtension)?.usages,
      digitalSignature | keyEncipherment | keyCertSign,
    );
    assert.equal(read.getExtension(x509.BasicConstraintsExtension)?.ca, false);
    assert.equal(signer.getExtension(x509.BasicConstraintsExtension)?.ca, true);
    const keyId = signer.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
    assert.equal(keyId, (await x509.SubjectKeyIdentifierExtension.create(signer.publicKey)).keyId);
    assert.equal(read.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId, keyId);
    assert.equal(await read.verify({ publicKey: signer.publicKey, signatureOnly: true }), true);
    assert.ok(new X509Certificate(made.certPem).checkPrivateKey(createPrivateKey(made.keyPem)));
  });

  test('an issuer may have an RSA key', async () => {
    const authority = await rsaSigner('rsa signer', validity.notBeforeMs, validity.notAfterMs);
    const made = new X509Certificate((await issue(peer, authority)).certPem);
    const signer = new X509Certificate(authority.certPem);
    assert.ok(made.checkIssued(signer) && made.verify(signer.publicKey));
    const read = new x509.X509Certificate(made.raw);
    const keyId = new x509.X509Certificate(signer.raw).getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
    assert.equal(read.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId, keyId);
  });

  test('a cross-signed CA has its own name and key and another’s signature', async () => {
    for (const other of [
      await issue({ ...ca, commonName: 'other' }),
      await rsaSigner('rsa signer', validity.notBeforeMs, validity.notAfterMs),
    ]) {
      const authority = await issue(ca);
      const cross = new X509Certificate(await crossSign(authority.certPem, other, { serial: 7, validity }));
      const own = new X509Certificate(authority.certPem);
      const signer = new X509Certificate(other.certPem);
      assert.ok(cross.ca && cross.publicKey.equals(own.publicKey));
      assert.equal(cross.subject, own.subject);
      assert.ok(cross.checkIssued(signer) && cross.verify(signer.publicKey));
      const leaf = new X509Certificate((await issue(peer, authority)).certPem);
      assert.ok(leaf.checkIssued(cross) && leaf.verify(cross.publicKey));
    }
  });
});

describe('encoding', () => {
  test('lengths and integers of any size come back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 70_000 }), fc.maxSafeNat(), (length, number) => {
        const [found, ...rest] = der.elements(der.octetString(new Uint8Array(length)));
        assert.equal(found!.content.byteLength, length);
        assert.equal(rest.length, 0);
        const bytes = der.elements(der.integer(number))[0]!.content;
        assert.ok(bytes[0]! < 0x80, 'not negative');
        assert.equal(Number(`0x${Buffer.from(bytes).toString('hex')}`), number);
      }),
      { numRuns: 200 },
    );
  });

  test('bytes that are no ASN.1 throw or end, and never hang', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          der.elements(bytes);
        } catch (error) {
          assert.match(String(error), /truncated ASN\.1/);
        }
      }),
    );
  });
});
