/** One HTTP request and its answer: identity, negotiated form, warnings, and the headers that every answer carries. */
import { randomUUID } from 'node:crypto';
import type { Headers, HttpRequest, HttpResponse } from './http/types.ts';
import type { RequestInfo } from './routing/index.ts';
import type { UserInfo } from './types.ts';

/** Above this total, each warning is cut to `warningItemRunes`. */
const warningTotalRunes = 4096;
const warningItemRunes = 256;
const anonymous: UserInfo = { name: '', groups: [] };

export class Exchange {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly query: URLSearchParams;
  readonly info: RequestInfo;
  readonly auditId: string;
  user: UserInfo = anonymous;
  /** Authenticated and authorized. */
  admitted = false;
  /** Flow schema and priority level, once the user is known. */
  flow: Headers = [];
  /** A chunked answer, a WebSocket or a handler of its own has taken over the response. */
  begun = false;
  readonly #warnings = new Set<string>();

  constructor(request: HttpRequest, response: HttpResponse, query: URLSearchParams, info: RequestInfo) {
    this.request = request;
    this.response = response;
    this.query = query;
    this.info = info;
    this.auditId = request.header('audit-id') || randomUUID();
  }

  get userAgent(): string {
    return this.request.header('user-agent') ?? '';
  }

  get acceptsGzip(): boolean {
    return /(^|,)\s*gzip\s*(,|;|$)/.test(this.request.header('accept-encoding') ?? '');
  }

  /** Adds a Warning header, once for each text. */
  readonly warn = (text: string): void => {
    if (text !== '') this.#warnings.add(text);
  };

  /** Headers of an answer, in upstream's order. `extra` replaces what it names. */
  headers(contentType: string, extra: Headers = []): Headers {
    const common: Headers = [
      ['Audit-Id', this.auditId],
      ['Cache-Control', 'no-cache, private'],
      ['Content-Type', contentType],
      ...this.#warningHeaders(),
      ...this.flow,
    ];
    if (extra.length === 0) return common;
    const replaced = new Set(extra.map(([name]) => name.toLowerCase()));
    return [...common.filter(([name]) => !replaced.has(name.toLowerCase())), ...extra];
  }

  /** Starts a chunked 200. An error after this can only cut the connection. */
  begin(contentType: string, extra: Headers = []): void {
    this.begun = true;
    this.response.begin(200, this.headers(contentType, extra));
  }

  send(status: number, contentType: string, body: Uint8Array | string, extra: Headers = []): void {
    if (!this.response.closed) this.response.send(status, this.headers(contentType, extra), body);
  }

  #warningHeaders(): [string, string][] {
    const runes = [...this.#warnings].map((text) => [...text]);
    const cut = runes.reduce((sum, text) => sum + text.length, 0) > warningTotalRunes;
    const headers: [string, string][] = [];
    let written = 0;
    for (const text of runes) {
      if (cut && written >= warningTotalRunes) break;
      const kept = cut ? text.slice(0, warningItemRunes) : text;
      written += kept.length;
      headers.push(['Warning', `299 - "${quoted(kept)}"`]);
    }
    return headers;
  }
}

/** A quoted-string of RFC 7230; control characters cannot be in a header. */
function quoted(text: readonly string[]): string {
  let result = '';
  for (const char of text) {
    const code = char.codePointAt(0)!;
    if (code < 0x20 || code === 0x7f) continue;
    result += char === '"' || char === '\\' ? `\\${char}` : char;
  }
  return result;
}
