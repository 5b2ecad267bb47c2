import type { CredentialSource } from '../types.ts';
import { AuthenticationError } from './users.ts';

/** The token of `Authorization: Bearer …`, undefined when there is none. */
export function bearerToken(source: CredentialSource): string | undefined {
  const value = source.header('authorization')?.trim();
  if (value === undefined || !/^bearer /i.test(value)) return undefined;
  const end = value.indexOf(' ', 'bearer '.length);
  return value.slice('bearer '.length, end < 0 ? undefined : end) || undefined;
}

const protocolPrefix = 'base64url.bearer.authorization.k8s.io.';

/** The token that browsers hide among the WebSocket subprotocols, because they can set no header. */
export function webSocketToken(source: CredentialSource): string | undefined {
  if (source.header('upgrade')?.toLowerCase() !== 'websocket') return undefined;
  const offered =
    source
      .header('sec-websocket-protocol')
      ?.split(',')
      .map((protocol) => protocol.trim()) ?? [];
  const [encoded, ...more] = offered.filter((protocol) => protocol.startsWith(protocolPrefix));
  if (encoded === undefined) return undefined;
  if (more.length > 0) throw new AuthenticationError('multiple base64.bearer.authorization tokens specified');
  const text = encoded.slice(protocolPrefix.length);
  if (!/^[\w-]*$/.test(text)) throw new AuthenticationError('invalid base64.bearer.authorization token encoding');
  const token = Buffer.from(text, 'base64url').toString();
  if (token.includes('\ufffd')) throw new AuthenticationError('invalid base64.bearer.authorization token');
  if (token === '') return undefined;
  if (offered.length === 1) throw new AuthenticationError('missing additional subprotocol');
  return token;
}
