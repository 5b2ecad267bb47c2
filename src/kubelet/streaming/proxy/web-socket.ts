/** WebSockets through the proxy: one to the pod, one to the client, messages both ways. */
import type { IncomingMessage } from 'node:http';
import type { RawData, WebSocket } from 'ws';
import type { ConnectRequest } from '../../../api/index.ts';
import type { WebSocketConnection } from '../../../api/http/types.ts';
import { apiError } from '../../../kernel/index.ts';
import { offeredProtocols } from '../sink.ts';
import type { OpenStream } from '../streams.ts';
import { answerHeaders, withDefaults } from './headers.ts';
import { describe, dialOptions, type Proxied, unreachable } from './dial.ts';

/** What may wait for one side although the other was told to wait. */
const bufferLimitBytes = 16 << 20;
const messageLimitBytes = 16 << 20;
const refusalLimitBytes = 64 << 10;

/** Resolves when both are connected, or the pod's refusal has been answered. */
export async function proxyWebSocket(
  connect: ConnectRequest,
  proxied: Proxied,
  stream: OpenStream,
  setCut: (cut: () => void) => void,
): Promise<void> {
  const { request, response } = connect;
  let pod: WebSocket;
  try {
    const dialled = await dial(proxied, offeredProtocols(request), (abandon) => response.onClosed(abandon));
    if ('refusal' in dialled) {
      stream.leave();
      return await answerRefusal(connect, dialled.refusal);
    }
    pod = dialled.socket;
  } catch (error) {
    stream.leave();
    throw error;
  }
  pod.on('close', () => stream.leave());
  setCut(() => pod.terminate());
  if (response.closed) pod.terminate();
  else response.upgrade(pod.protocol, joined(pod, stream));
}

/** `onGone` is given what ends an attempt that nobody waits for any more. */
async function dial(
  proxied: Proxied,
  protocols: string[],
  onGone: (abandon: () => void) => void,
): Promise<{ socket: WebSocket } | { refusal: IncomingMessage }> {
  const { WebSocket } = await import('ws');
  const { scheme } = proxied.target;
  const url = `${scheme === 'https' ? 'wss' : 'ws'}://${proxied.paths.sourceHost}${proxied.path}`;
  const { 'sec-websocket-protocol': _, ...headers } = proxied.headers;
  const socket = new WebSocket(url, protocols, {
    ...dialOptions(proxied),
    headers,
    maxPayload: messageLimitBytes,
    perMessageDeflate: false,
    followRedirects: false,
  });
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      socket.pause(); // what the pod says first is for the client, who is not connected yet
      resolve({ socket });
    });
    socket.once('unexpected-response', (_request, refusal) => resolve({ refusal }));
    socket.on('error', (error) => reject(unreachable(describe(error))));
    onGone(() => {
      if (socket.readyState === WebSocket.CONNECTING) socket.terminate();
    });
  });
}

async function answerRefusal({ response, headers }: ConnectRequest, refusal: IncomingMessage): Promise<void> {
  const status = refusal.statusCode ?? 502;
  if (status < 400) {
    refusal.destroy();
    throw apiError.internal(`invalid upgrade response: status code ${status}`);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of refusal as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > refusalLimitBytes) break;
  }
  const lines = answerHeaders(refusal.rawHeaders, new Set(['content-length']));
  response.send(status, withDefaults(headers('text/plain'), lines), Buffer.concat(chunks));
}

function joined(pod: WebSocket, stream: OpenStream): Parameters<ConnectRequest['response']['upgrade']>[1] {
  return {
    open(client: WebSocketConnection) {
      pod.on('message', (data: RawData, binary) => {
        stream.touch();
        const bytes = data as Buffer;
        if (!client.send(binary ? bytes : bytes.toString(), binary)) pod.pause();
      });
      pod.on('close', (code, reason) => client.close(isSendable(code) ? code : 1000, reason.toString()));
      pod.resume();
    },
    message(client: WebSocketConnection, data: Uint8Array, binary: boolean) {
      stream.touch();
      pod.send(data, { binary }, () => {
        if (pod.bufferedAmount === 0) client.resume();
      });
      if (pod.bufferedAmount > 0) client.pause();
      if (pod.bufferedAmount > bufferLimitBytes) pod.terminate();
    },
    drain: () => pod.resume(),
    close(code: number, reason: string) {
      pod.resume();
      pod.close(isSendable(code) ? code : 1000, reason);
    },
  };
}

/** 1005 and 1006 only describe what happened. */
const isSendable = (code: number): boolean =>
  (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || code >= 3000;
