/** `/openapi/v2` and `/openapi/v3`: documents made on demand, in slices, and kept compressed only. */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { createGzip, gunzip } from 'node:zlib';
import { apiError, type Clock, nextTurn } from '../../kernel/index.ts';
import type { ResourceDefinition } from '../../resources/define.ts';
import type { PathAnswer, PathHandler, PathRequest } from '../types.ts';
import { v2Document, v3Document } from './documents.ts';
import { gnosticDocument } from './gnostic.ts';

export interface OpenApiOptions {
  /** What is served now. */
  definitions(): readonly ResourceDefinition[];
  clock: Clock;
}

/** A document at rest. */
interface Stored {
  gzipped: Uint8Array;
  /** Quoted. */
  etag: string;
}

type Chunks = Iterable<string | Uint8Array>;

const jsonType = 'application/json';
const v2ProtobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
/** As clients spell it. */
const v2ProtobufAlias = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

const decompress = promisify(gunzip);

/** Answers OpenAPI requests from the definitions; documents are kept until `changed` is called. */
export class OpenApi {
  readonly #options: OpenApiOptions;
  /** By name: `v2`, `v2.pb`, `v3`, `apis/apps/v1` … Promises, so that a document is made once. */
  readonly #documents = new Map<string, Promise<Stored>>();
  /** Documents are made one after another, so that few slices compete for the loop. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: OpenApiOptions) {
    this.#options = options;
  }

  /** Call when the definitions have changed. */
  changed(): void {
    this.#documents.clear();
  }

  /** Handlers for the API router. */
  paths(): PathHandler[] {
    const methods = ['GET', 'HEAD'];
    const handle = (request: PathRequest): Promise<PathAnswer> => this.handle(request);
    return ['/openapi/v2', '/openapi/v3', '/openapi/v3/'].map((path) => ({ path, methods, handle }));
  }

  async handle(request: PathRequest): Promise<PathAnswer> {
    const [, version, ...rest] = request.path.split('/').filter((step) => step !== '');
    const accepted = accepts(request.header('accept'));
    if (version === 'v2') return this.#v2(request, accepted);
    if (rest.length === 0) return this.#send(request, await this.#root(), jsonType, []);
    if (!accepted(jsonType)) throw apiError.notAcceptable([jsonType]);
    return this.#groupVersion(request, rest.join('/'));
  }

  async #v2(request: PathRequest, accepted: (type: string) => number): Promise<PathAnswer> {
    const json = accepted(jsonType);
    const protobuf = Math.max(accepted(v2ProtobufType), accepted(v2ProtobufAlias));
    if (!json && !protobuf) throw apiError.notAcceptable([jsonType, v2ProtobufType]);
    const vary = [['Vary', 'Accept']] as const;
    if (json >= protobuf) {
      const document = await this.#document('v2', () => v2Document(this.#options.definitions()));
      return this.#send(request, document, jsonType, vary);
    }
    const document = await this.#document('v2.pb', () => gnosticDocument(this.#options.definitions()));
    return this.#send(request, document, v2ProtobufType, vary);
  }

  #groupVersions(): Map<string, ResourceDefinition[]> {
    return Map.groupBy(this.#options.definitions(), ({ group, version }) =>
      group ? `apis/${group}/${version}` : `api/${version}`,
    );
  }

  /** Where each document is, with the hash that makes its address immutable. */
  #root(): Promise<Stored> {
    return this.#once('v3', async () => {
      const paths: Record<string, { serverRelativeURL: string }> = {};
      for (const [name, definitions] of this.#groupVersions()) {
        const { etag } = await this.#document(name, () => v3Document(definitions));
        paths[name] = { serverRelativeURL: addressOf(name, etag) };
      }
      return compress([JSON.stringify({ paths })], this.#options.clock);
    });
  }

  async #groupVersion(request: PathRequest, name: string): Promise<PathAnswer> {
    const definitions = this.#groupVersions().get(name);
    if (!definitions) return { status: 404, contentType: 'text/plain; charset=utf-8', body: '404 page not found\n' };
    const document = await this.#document(name, () => v3Document(definitions));
    const hash = request.query.get('hash');
    if (!hash) return this.#send(request, document, jsonType, [['Vary', 'Accept']]);
    if (`"${hash}"` !== document.etag) {
      const headers = [['Location', addressOf(name, document.etag)]] as const;
      return { status: 301, contentType: 'text/html; charset=utf-8', headers, body: '' };
    }
    const expires = new Date(this.#options.clock.nowMs() + 365 * 24 * 3_600_000).toUTCString();
    return this.#send(request, document, jsonType, [
      ['Vary', 'Accept'],
      ['Cache-Control', 'public, immutable'],
      ['Expires', expires],
    ]);
  }

  async #send(
    request: PathRequest,
    { gzipped, etag }: Stored,
    contentType: string,
    extra: readonly (readonly [string, string])[],
  ): Promise<PathAnswer> {
    const headers = [['ETag', etag] as const, ...extra];
    const known = (request.header('if-none-match') ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
    if (known.includes(etag)) return { status: 304, contentType, headers, body: '' };
    if (/\bgzip\b/.test(request.header('accept-encoding') ?? '')) {
      return { status: 200, contentType, headers: [...headers, ['Content-Encoding', 'gzip']], body: gzipped };
    }
    return { status: 200, contentType, headers, body: await decompress(gzipped) };
  }

  #document(name: string, make: () => Chunks): Promise<Stored> {
    return this.#once(name, () => {
      const made = this.#last.then(() => compress(make(), this.#options.clock));
      this.#last = made.catch(() => undefined);
      return made;
    });
  }

  #once(name: string, make: () => Promise<Stored>): Promise<Stored> {
    let document = this.#documents.get(name);
    if (!document) {
      document = make();
      this.#documents.set(name, document);
      document.catch(() => this.#documents.delete(name));
    }
    return document;
  }
}

const addressOf = (name: string, etag: string): string => `/openapi/v3/${name}?hash=${etag.slice(1, -1)}`;

const sliceMs = 4;

/** Compresses chunks as they come and gives the loop back every few milliseconds. */
async function compress(chunks: Chunks, clock: Clock): Promise<Stored> {
  const gzip = createGzip({ level: 6 });
  const hash = createHash('sha512');
  const output: Uint8Array[] = [];
  gzip.on('data', (chunk: Uint8Array) => output.push(chunk));
  const ended = new Promise<void>((resolve, reject) => gzip.on('end', resolve).on('error', reject));
  let sliceEnd = clock.monotonicMs() + sliceMs;
  for (const chunk of chunks) {
    hash.update(chunk);
    gzip.write(chunk);
    if (clock.monotonicMs() < sliceEnd) continue;
    await nextTurn();
    sliceEnd = clock.monotonicMs() + sliceMs;
  }
  gzip.end();
  await ended;
  return { gzipped: Buffer.concat(output), etag: `"${hash.digest('hex').toUpperCase()}"` };
}

/** Quality with which a client takes a type; 0 = it does not. */
function accepts(header: string | undefined): (type: string) => number {
  if (!header) return () => 1;
  const clauses = header.split(',').map((clause) => {
    const [range = '', ...params] = clause.split(';').map((part) => part.trim());
    const quality = params.find((param) => param.startsWith('q='));
    return { range, quality: quality ? Number(quality.slice(2)) || 0 : 1 };
  });
  return (type) =>
    Math.max(
      0,
      ...clauses
        .filter(({ range }) => range === type || range === '*/*' || range === `${type.split('/')[0]}/*`)
        .map(({ quality }) => quality),
    );
}
