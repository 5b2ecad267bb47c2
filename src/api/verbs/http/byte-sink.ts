/** Chunked answers that wait for the client. */
import { createGzip } from 'node:zlib';
import type { Exchange } from '../../exchange.ts';

export interface ByteSink {
  /** Resolves when more may be written. */
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
}

const gzipLevel = 1;

/** Resolves at the next drain, or when the client has gone. */
function writable(exchange: Exchange): Promise<void> {
  return new Promise((resolve) => {
    exchange.response.onDrain(resolve);
    exchange.response.onClosed(resolve);
  });
}

export function plainSink(exchange: Exchange, contentType: string): ByteSink {
  exchange.begin(contentType);
  return {
    async write(bytes) {
      if (!exchange.response.write(bytes) && !exchange.response.closed) await writable(exchange);
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
  const gzip = createGzip({ level: gzipLevel });
  gzip.on('data', (chunk: Buffer) => {
    if (exchange.response.closed || exchange.response.write(chunk)) return;
    gzip.pause();
    void writable(exchange).then(() => gzip.resume());
  });
  const ended = new Promise<void>((resolve, reject) => {
    gzip.on('end', resolve);
    gzip.on('error', reject);
  });
  return {
    async write(bytes) {
      if (!gzip.write(bytes)) await new Promise<void>((resolve) => gzip.once('drain', resolve));
    },
    async end() {
      gzip.end();
      await ended;
      exchange.response.end();
    },
  };
}
