import { isUtf8 } from 'node:buffer';

/**
 * Bytes as text and back without loss: what is no UTF-8 becomes lone surrogates, which no text has (as Python's
 * surrogateescape). Secrets may hold any bytes, and containers get them as they are.
 */
export function textOfBytes(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes, at);
    text += length === 0 ? String.fromCharCode(escapeBase + bytes[at]!) : bytes.toString('utf8', at, at + length);
    at += Math.max(length, 1);
  }
  return text;
}

export function bytesOfText(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text);
  const parts = Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    const isEscaped = character.length === 1 && code >= escapeBase + 0x80 && code <= escapeBase + 0xff;
    return isEscaped ? Buffer.from([code - escapeBase]) : Buffer.from(character);
  });
  return Buffer.concat(parts);
}

const escapeBase = 0xdc00;

/** Of the UTF-8 character that begins here; 0 when none does. */
function characterLength(bytes: Buffer, at: number): number {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++) {
    if (isUtf8(bytes.subarray(at, at + length))) return length;
  }
  return 0;
}
