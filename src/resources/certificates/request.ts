const pem =
  /^\s*-----BEGIN (NEW )?CERTIFICATE REQUEST-----\s+([A-Za-z0-9+/=\s]+)-----END (NEW )?CERTIFICATE REQUEST-----\s*$/;

/** What is wrong with `spec.request` (base64 of PEM); undefined when it is a PKCS#10 request. */
export function requestProblem(request: string): string | undefined {
  const match = pem.exec(Buffer.from(request, 'base64').toString());
  if (!match) return 'PEM block type must be CERTIFICATE REQUEST';
  const der = Buffer.from((match[2] ?? '').replace(/\s/g, ''), 'base64');
  return isSequence(der) ? undefined : "asn1: structure error: tags don't match";
}

/** One DER SEQUENCE that fills the block. The signer reads the rest. */
function isSequence(der: Uint8Array): boolean {
  if (der[0] !== 0x30) return false;
  const first = der[1] ?? 0;
  if (first < 0x80) return der.length === 2 + first;
  const count = first & 0x7f;
  let length = 0;
  for (let i = 0; i < count; i++) length = length * 256 + (der[2 + i] ?? 0);
  return der.length === 2 + count + length;
}
