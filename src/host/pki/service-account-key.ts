import { createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { keepFile, privateMode, publicMode, readText, writeFileAtomically } from './files.ts';

/** The key pair that signs service account tokens: RSA 2048, RS256. */
export interface ServiceAccountKey {
  privateKeyFile: string;
  publicKeyFile: string;
  privateKeyPem: string;
  publicKeyPem: string;
}

/** Loads the key, or makes it off the event loop. It has no end: tokens bound to it would die with it. */
export async function ensureServiceAccountKey(directory: string): Promise<ServiceAccountKey> {
  const privateKeyFile = join(directory, 'service-account.key');
  const publicKeyFile = join(directory, 'service-account.pub');
  const found = await readText(privateKeyFile);
  const privateKeyPem = found && isRsaKey(found) ? found : await makeKey();
  const publicKeyPem = createPublicKey(privateKeyPem).export({ type: 'spki', format: 'pem' }).toString();
  if (privateKeyPem !== found) await writeFileAtomically(privateKeyFile, privateKeyPem, privateMode);
  await keepFile(publicKeyFile, publicKeyPem, publicMode);
  return { privateKeyFile, publicKeyFile, privateKeyPem, publicKeyPem };
}

async function makeKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  return privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
}

function isRsaKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyType === 'rsa';
  } catch {
    return false; // half-written
  }
}
