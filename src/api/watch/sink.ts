/** Opens the stream that a watch is served on. */
import type { Exchange } from '../exchange.ts';
import type { WebSocketConnection } from '../http/types.ts';
import type { FrameSink } from './stream.ts';

export interface OpenSink {
  sink: FrameSink;
  /** Called when the client has gone. */
  onClosed(callback: () => void): void;
}

/** A chunked HTTP answer. */
export function httpSink(exchange: Exchange, contentType: string): OpenSink {
  const { response } = exchange;
  exchange.begin(contentType);
  return {
    sink: {
      get closed() {
        return response.closed;
      },
      joins: true,
      write: (frame) => response.write(frame),
      onDrain: (callback) => response.onDrain(callback),
      end: () => response.end(),
      abort: () => response.abort(),
    },
    onClosed: (callback) => response.onClosed(callback),
  };
}

const goingAway = 1000;
const policyViolation = 1008;

/** A WebSocket: one message a frame, text for JSON. Resolves when the connection is open. */
export function webSocketSink(exchange: Exchange, binary: boolean): Promise<OpenSink> {
  return new Promise((resolve) => {
    let closed = false;
    let gone: () => void = () => {};
    let drained: () => void = () => {};
    const close = (socket: WebSocketConnection, code: number): void => {
      if (closed) return;
      closed = true;
      socket.close(code, '');
    };
    exchange.begun = true;
    exchange.response.upgrade('', {
      open: (socket) =>
        resolve({
          sink: {
            get closed() {
              return closed;
            },
            joins: false,
            write: (frame) => closed || socket.send(frame, binary),
            onDrain: (callback) => {
              drained = callback;
            },
            end: () => close(socket, goingAway),
            abort: () => close(socket, policyViolation),
          },
          onClosed: (callback) => {
            gone = callback;
            if (closed) callback();
          },
        }),
      message: () => {},
      drain: () => drained(),
      close: () => {
        closed = true;
        gone();
      },
    });
  });
}
