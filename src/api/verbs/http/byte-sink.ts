/** Chunked answers that wait for the client. */
import { createGzip } from 'node:zlib';
import type { Exchange } from '../../exchange.ts';

export interface ByteSink {
  /** Resolves when more may be written. `bytes` may be used again then. */
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
}

const gzipLevel = 1;

/** A function that resolves at the next drain, or when the client has gone. */
function drains(exchange: Exchange): () => Promise<void> {
  let wake: () => void = () => {};
  exchange.response.onDrain(() => wake());
  exchange.response.onClosed(() => wake());
  return () =>
    exchange.response.closed
      ? Promise.resolve()
      : new Promise((resolve) => {
          wake = resolve;
        });
}

export function plainSink(exchange: Exchange, contentType: string): ByteSink {
  exchange.begin(contentType);
  const drained = drains(exchange);
  return {
    async write(bytes) {
      if (!exchange.response.write(bytes)) await drained();
    },
    async end() {
      exchange.response.end();
    },
  };
}

/** Compresses on the thread pool. */
export function gzipSink(exchange: Exchange, contentType: string): ByteSink {
  exchange.begin(contentType, [
    ['Content-Encoding', 'gzip'],
    ['Vary', 'Accept-Encoding'],
  ]);
  const drained = drains(exchange);
  const gzip = createGzip({ level: gzipLevel });
  gzip.on('data', (chunk: Buffer) => {
    if (exchange.response.closed || exchange.response.write(chunk)) return;
    gzip.pause();
    void drained().then(() => gzip.resume());
  });
  const ended = new Promise<void>((resolve, reject) => {
    gzip.on('end', resolve);
    gzip.on('error', reject);
  });
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        gzip.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    async end() {
      gzip.end();
      await ended;
      exchange.response.end();
    },
  };
}
