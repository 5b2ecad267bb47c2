/** What a path and a method ask for: the rules of apiserver's RequestInfo, which authorization depends on. */
import { parseFieldSelector } from '../../schema/index.ts';
import { exactName } from '../selectors/index.ts';

export interface RequestInfo {
  isResource: boolean;
  /** Decoded path, as shown in messages. */
  path: string;
  verb: string;
  group: string;
  version: string;
  /** As in the path: for namespaced resources, and for a namespace itself its own name. */
  namespace: string;
  resource: string;
  name: string;
  subresource: string;
  /** What follows the subresource, as sent: `proxy/a/b` → `['a', 'b']`. */
  subpath: readonly string[];
  /** Reached through the deprecated `/watch/` prefix. */
  watchPrefix: boolean;
}

const namespaceSubresources = new Set(['status', 'finalize']);
const verbOfMethod: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Percent-decodes one path segment; bad escapes stay as they are. */
function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

const trimSlashes = (path: string): string => path.replace(/^\/+|\/+$/g, '');

/** Parses a request's target. Never throws: what is not a resource request is a path request. */
export function parseRequestInfo(method: string, rawPath: string, query: URLSearchParams): RequestInfo {
  const trimmed = trimSlashes(rawPath);
  const parts = trimmed === '' ? [] : trimmed.split('/');
  const info: RequestInfo = {
    isResource: false,
    path: decodeSegment(rawPath),
    verb: method.toLowerCase(),
    group: '',
    version: '',
    namespace: '',
    resource: '',
    name: '',
    subresource: '',
    subpath: [],
    watchPrefix: false,
  };
  if (parts.length < 3 || (parts[0] !== 'api' && parts[0] !== 'apis')) return info;
  let rest = parts.slice(1);
  if (parts[0] === 'apis') {
    if (rest.length < 3) return info;
    info.group = decodeSegment(rest[0]!);
    rest = rest.slice(1);
  }
  info.isResource = true;
  info.version = decodeSegment(rest[0]!);
  readResource(info, method, rest.slice(1));
  refineCollectionVerb(info, query);
  return info;
}

function readResource(info: RequestInfo, method: string, segments: string[]): void {
  let rest = segments;
  if ((rest[0] === 'watch' || rest[0] === 'proxy') && rest.length > 1) {
    info.verb = rest[0];
    info.watchPrefix = rest[0] === 'watch';
    rest = rest.slice(1);
  } else {
    info.verb = verbOfMethod[method] ?? '';
  }
  if (rest[0] === 'namespaces' && rest.length > 1) {
    info.namespace = decodeSegment(rest[1]!);
    if (rest.length > 2 && !namespaceSubresources.has(rest[2]!)) rest = rest.slice(2);
  }
  info.resource = decodeSegment(rest[0] ?? '');
  info.name = decodeSegment(rest[1] ?? '');
  info.subresource = decodeSegment(rest[2] ?? '');
  info.subpath = rest.slice(3);
}

function refineCollectionVerb(info: RequestInfo, query: URLSearchParams): void {
  if (info.name !== '') return;
  if (info.verb === 'get' || info.verb === 'watch') {
    if (info.verb === 'get') info.verb = queryBoolean(query.get('watch')) ? 'watch' : 'list';
    const selector = query.get('fieldSelector');
    if (selector) info.name = nameOf(selector);
  } else if (info.verb === 'delete') {
    info.verb = 'deletecollection';
  }
}

/** A query boolean as apimachinery reads it: everything but 'false' and '0' is true; absent is false. */
export function queryBoolean(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

/** The one name that a field selector allows, or ''. */
export function nameOf(selector: string): string {
  try {
    const name = exactName(parseFieldSelector(selector)) ?? '';
    return name === '.' || name === '..' || /[/%]/.test(name) ? '' : name;
  } catch {
    return '';
  }
}
