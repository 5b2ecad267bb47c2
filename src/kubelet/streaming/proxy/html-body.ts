/** The body of a proxied page, unpacked, rewritten and packed again as it passes. */
import type { IncomingMessage } from 'node:http';
import { Transform } from 'node:stream';
import { createDeflateRaw, createGunzip, createGzip, createInflateRaw } from 'node:zlib';
import { HtmlRewriter } from './rewrite.ts';

/** undefined for an encoding that we cannot read: such a page goes on as it is. */
export function htmlBody(
  answer: IncomingMessage,
  rewrite: (url: string) => string,
): AsyncIterable<Uint8Array> | undefined {
  const encoding = answer.headers['content-encoding'] ?? '';
  const stages =
    encoding === ''
      ? [rewriting(rewrite)]
      : encoding === 'gzip'
        ? [createGunzip(), rewriting(rewrite), createGzip()]
        : encoding === 'deflate'
          ? [createInflateRaw(), rewriting(rewrite), createDeflateRaw()]
          : undefined;
  if (!stages) return undefined;
  let last: Transform | IncomingMessage = answer;
  for (const stage of stages) {
    const from: Transform | IncomingMessage = last;
    from.on('error', (error) => stage.destroy(error));
    stage.on('close', () => from.destroy());
    last = from.pipe(stage);
  }
  return last;
}

/** Latin-1 in and out keeps every byte: tags and what separates addresses are ASCII. */
function rewriting(rewrite: (url: string) => string): Transform {
  const rewriter = new HtmlRewriter(rewrite);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, Buffer.from(rewriter.push(chunk.toString('latin1')), 'latin1'));
    },
    flush(done) {
      done(null, Buffer.from(rewriter.end(), 'latin1'));
    },
  });
}
