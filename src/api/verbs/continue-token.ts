/** Continue tokens: where a page ended and at which revision, in upstream's (opaque) form. */
import { apiError } from '../../kernel/status.ts';

export interface ContinueToken {
  /** -1 = go on at the newest revision. */
  revision: number;
  /** First key that may follow: `name\0`, or `namespace/name\0` when all namespaces are listed. */
  start: string;
}

const version = 'meta.k8s.io/v1';
const invalid = 'invalid continue token: continue key is not valid';

export function encodeContinue(token: ContinueToken): string {
  return Buffer.from(JSON.stringify({ v: version, rv: token.revision, start: token.start })).toString('base64url');
}

/** Throws BadRequest for a token that is not ours. */
export function decodeContinue(text: string): ContinueToken {
  const bad = badBase64At(text);
  if (bad !== undefined) throw apiError.badRequest(`${invalid}: illegal base64 data at input byte ${bad}`);
  let token: { v?: unknown; rv?: unknown; start?: unknown };
  try {
    token = (JSON.parse(Buffer.from(text, 'base64url').toString()) as typeof token | null) ?? {};
  } catch (error) {
    throw apiError.badRequest(`${invalid}: ${(error as Error).message}`);
  }
  if (token.v !== version) {
    throw apiError.badRequest(`${invalid}: server does not recognize this encoded version ${String(token.v ?? '')}`);
  }
  if (typeof token.rv !== 'number' || !Number.isSafeInteger(token.rv) || token.rv === 0) {
    throw apiError.badRequest(`${invalid}: incorrect encoded start resourceVersion (version ${version})`);
  }
  if (typeof token.start !== 'string' || token.start === '') {
    throw apiError.badRequest(`${invalid}: encoded start key empty (version ${version})`);
  }
  if (/(^|\/)\.{1,2}(\/|$)|\/\//.test(token.start)) throw apiError.badRequest(`${invalid}: ${token.start}`);
  return { revision: token.rv, start: token.start };
}

/** Position of the first byte that makes `text` no unpadded URL-safe base64. */
function badBase64At(text: string): number | undefined {
  const bad = text.search(/[^A-Za-z0-9_-]/);
  if (bad >= 0) return bad;
  return text.length % 4 === 1 ? text.length - 1 : undefined;
}
