/** WebSocket subprotocols of exec, attach and port-forward: a channel number before each message. */
import type { WebSocketConnection } from '../../../api/http/types.ts';

export const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;

/** A client of v5 closes its stdin with [255, 0] (KEP-4006). */
const closeMark = 255;

export type ChannelProtocol = (typeof channelProtocols)[number];

export const channelProtocols = [
  '',
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
] as const;

export const isBase64 = (protocol: ChannelProtocol): boolean => protocol.includes('base64');

/** From v4 on the error channel carries a Status in JSON; before, the text of a failure. */
export const hasStatus = (protocol: ChannelProtocol): boolean => /^v[45]\./.test(protocol);

/** The first of the client's protocols that is served; undefined when there is none. */
export function chooseProtocol(offered: readonly string[]): ChannelProtocol | undefined {
  if (offered.length === 0) return '';
  return offered.flatMap((name) => channelProtocols.filter((known) => known === name && known !== ''))[0];
}

export type ChannelMessage =
  | { kind: 'data'; channel: number; data: Uint8Array }
  | { kind: 'close'; channel: number }
  | undefined;

/** What a client's message says; undefined for what is empty or no message of this protocol. */
export function readMessage(protocol: ChannelProtocol, message: Uint8Array): ChannelMessage {
  const first = message[0];
  if (first === undefined) return undefined;
  if (isBase64(protocol)) {
    const data = Buffer.from(Buffer.from(message.subarray(1)).toString('latin1'), 'base64');
    return { kind: 'data', channel: first - zero, data };
  }
  if (first === closeMark && protocol === 'v5.channel.k8s.io') {
    return message.length === 2 ? { kind: 'close', channel: message[1]! } : undefined;
  }
  return { kind: 'data', channel: first, data: message.subarray(1) };
}

/** Sends on a channel. False = wait for the socket to drain. */
export function sendMessage(
  protocol: ChannelProtocol,
  socket: WebSocketConnection,
  number: number,
  data: Uint8Array,
): boolean {
  if (isBase64(protocol)) {
    return socket.send(String.fromCharCode(zero + number) + Buffer.from(data).toString('base64'), false);
  }
  const message = Buffer.allocUnsafe(1 + data.length);
  message[0] = number;
  message.set(data, 1);
  return socket.send(message, true);
}

const zero = '0'.charCodeAt(0);
