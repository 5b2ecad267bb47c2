/** Accept headers, and what is chosen from them. */
import { apiError, StatusError } from '../../kernel/status.ts';

export type Media = 'json' | 'yaml' | 'protobuf';

export const contentTypeOf: Readonly<Record<Media, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
};

export interface Conversion {
  kind: 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';
  /** `meta.k8s.io/v1` or `meta.k8s.io/v1beta1` */
  apiVersion: string;
}

export interface Output {
  media: Media;
  pretty: boolean;
  convert?: Conversion;
}

/** What an endpoint can answer. */
export interface Offer {
  /** False for kinds without columns: reviews. */
  table: boolean;
  partial: boolean;
  protobuf: boolean;
  /** The endpoint lists, and so can be watched. */
  list?: boolean;
}

interface Clause {
  type: string;
  subtype: string;
  quality: number;
  params: ReadonlyMap<string, string>;
}

const cacheLimit = 128;
const clauseCache = new Map<string, readonly Clause[]>();

function parseClause(text: string): Clause | undefined {
  const [range = '', ...rawParams] = text.split(';');
  const [type, subtype] = range.trim().split('/');
  if (!type || (!subtype && type !== '*')) return undefined;
  const params = new Map<string, string>();
  let quality = 1;
  for (const raw of rawParams) {
    const at = raw.indexOf('=');
    if (at < 0) continue;
    const key = raw.slice(0, at).trim();
    const value = raw.slice(at + 1).trim();
    if (key === 'q') quality = Number(value) || 0;
    else params.set(key, value);
  }
  return { type: type.trim(), subtype: (subtype ?? '*').trim(), quality, params };
}

const wildness = (clause: Clause): number => (clause.type === '*' ? 2 : clause.subtype === '*' ? 1 : 0);

/** Clauses by preference: quality, then the more specific first. */
function parseAccept(header: string): readonly Clause[] {
  const known = clauseCache.get(header);
  if (known) return known;
  const clauses = header
    .split(',')
    .map(parseClause)
    .filter((clause) => clause !== undefined)
    .sort((a, b) => b.quality - a.quality || wildness(a) - wildness(b));
  if (clauseCache.size >= cacheLimit) clauseCache.clear();
  clauseCache.set(header, clauses);
  return clauses;
}

const medias: readonly Media[] = ['json', 'yaml', 'protobuf'];
const typesOf = (offer: Offer): Media[] => medias.filter((media) => media !== 'protobuf' || offer.protobuf);

const metaVersions = new Set(['v1', 'v1beta1']);

/** undefined = this clause cannot be met with `media`. */
function options(clause: Clause, media: Media, offer: Offer): Output | undefined {
  const stream = clause.params.get('stream');
  if (stream && (stream !== 'watch' || media === 'yaml')) return undefined;
  const output: Output = { media, pretty: clause.params.get('pretty') === '1' };
  const as = clause.params.get('as');
  const group = clause.params.get('g');
  const version = clause.params.get('v');
  if (as === undefined && group === undefined && version === undefined) return output;
  if (group !== 'meta.k8s.io' || !metaVersions.has(version ?? '')) return undefined;
  const apiVersion = `meta.k8s.io/${version}`;
  if (as === 'Table')
    return offer.table && media !== 'protobuf' ? { ...output, convert: { kind: as, apiVersion } } : undefined;
  if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') {
    return offer.partial ? { ...output, convert: { kind: as, apiVersion } } : undefined;
  }
  return undefined;
}

function choose(header: string, offer: Offer): Output | undefined {
  for (const clause of parseAccept(header)) {
    for (const media of typesOf(offer)) {
      const [type, subtype] = contentTypeOf[media].split('/');
      const fits =
        (clause.type === '*' && clause.subtype === '*') ||
        (clause.type === type && (clause.subtype === '*' || clause.subtype === subtype));
      const output = fits ? options(clause, media, offer) : undefined;
      if (output) return output;
    }
  }
  return undefined;
}

const humanAgents = ['curl', 'Wget', 'Mozilla/5.0'];

function wantsPretty(query: URLSearchParams, userAgent: string): boolean {
  const asked = query.get('pretty');
  if (asked) return ['1', 't', 'T', 'TRUE', 'true', 'True'].includes(asked);
  return humanAgents.some((agent) => userAgent.startsWith(agent));
}

const acceptedTypes = (offer: Offer): string[] => typesOf(offer).map((media) => contentTypeOf[media]);

const streamedTypes = (offer: Offer): string[] =>
  acceptedTypes(offer)
    .filter((type) => type !== contentTypeOf.yaml)
    .map((type) => `${type};stream=watch`);

/** Upstream's router looks first, at bare types only, and has words of its own. */
function checkRoute(accept: string, offer: Offer): void {
  const types = acceptedTypes(offer);
  const bare = accept.split(',').map((range) => range.split(';', 1)[0]!.trim());
  if (bare.some((type) => type === '*/*' || types.includes(type))) return;
  const available = offer.list ? [...types, ...streamedTypes(offer)] : types;
  const text = `406: Not Acceptable\n\nAvailable representations: ${available.join(', ')}`;
  throw new StatusError('NotAcceptable', text, {});
}

/** Chooses the form of an answer. Throws NotAcceptable. */
export function negotiate(accept: string | undefined, query: URLSearchParams, userAgent: string, offer: Offer): Output {
  if (accept) checkRoute(accept, offer);
  const output = formOf(accept, query, userAgent, offer);
  if (!output) throw apiError.notAcceptable(acceptedTypes(offer));
  return output;
}

function formOf(
  accept: string | undefined,
  query: URLSearchParams,
  userAgent: string,
  offer: Offer,
): Output | undefined {
  const output = accept ? choose(accept, offer) : ({ media: 'json', pretty: false } satisfies Output);
  const human = output?.media === 'json' && wantsPretty(query, userAgent);
  return output && human ? { ...output, pretty: true } : output;
}

/** As `negotiate`, for a watch: YAML has no framing. */
export function negotiateStream(accept: string | undefined, offer: Offer): Output {
  const output = accept ? choose(accept, offer) : ({ media: 'json', pretty: false } satisfies Output);
  if (output && output.media !== 'yaml') return output;
  throw apiError.notAcceptable(streamedTypes(offer));
}

/** Errors answer in the plain form of what the client accepts; indented JSON when nothing fits. */
export const negotiateError = (accept: string | undefined, query: URLSearchParams, userAgent: string): Output =>
  formOf(accept, query, userAgent, { table: false, partial: false, protobuf: true }) ?? { media: 'json', pretty: true };

/** The encoding of a body by its Content-Type. Throws UnsupportedMediaType. */
export function mediaOfBody(contentType: string | undefined, offer: Offer): Media {
  if (!contentType) return 'json';
  const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
  const media = typesOf(offer).find((candidate) => contentTypeOf[candidate] === type);
  if (!media) throw apiError.unsupportedMediaType(acceptedTypes(offer));
  return media;
}
