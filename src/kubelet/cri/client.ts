import type { Clock, Logger } from '../../kernel/index.ts';
import { Channel } from './channel.ts';
import { decodeMessage, encodeMessage } from './codec.ts';
import { followEvents } from './events.ts';
import { criCalls } from './generated/messages.ts';
import { type CriClient, CriError, grpcCode } from './types.ts';

export interface CriClientOptions {
  socketPath: string;
  clock: Clock;
  log: Logger;
  /** An established connection has ended: the runtime died or closed it. */
  lost?(): void;
}

/** As the kubelet's runtimeRequestTimeout. */
const defaultTimeoutMs = 120_000;

/** A client of the container runtime behind a Unix socket. It connects when first called. */
export function createCriClient(options: CriClientOptions): CriClient {
  const channel = new Channel(options);
  const client: CriClient = {
    async call(method, request, { timeoutMs = defaultTimeoutMs, signal } = {}) {
      const [service, requestName, responseName] = criCalls[method];
      const bytes = encodeMessage(requestName, request as never);
      const answer = await channel.unary(`/${service}/${method}`, bytes, { timeoutMs, signal });
      try {
        return decodeMessage(responseName, answer) as never;
      } catch (error) {
        throw new CriError(grpcCode.internal, `grpc: failed to unmarshal the received message: ${String(error)}`);
      }
    },
    events: (handler) => followEvents({ ...options, channel, handler }),
    close: () => channel.close(),
  };
  return client;
}
