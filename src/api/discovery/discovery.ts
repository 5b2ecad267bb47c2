/** `/api`, `/apis` and what is below them that is no resource: legacy and aggregated discovery. */
import { createHash } from 'node:crypto';
import { apiError } from '../../kernel/index.ts';
import type { ResourceDefinition } from '../../resources/define.ts';
import { type Codec, type MessageName, wrapEnvelope } from '../../schema/index.ts';
import { contentTypeOf, type Media, negotiate, prettyJson, yamlText } from '../negotiation/index.ts';
import type { PathAnswer, PathHandler, PathRequest } from '../types.ts';
import {
  aggregated,
  apiGroup,
  apiGroupList,
  apiResourceList,
  apiVersions,
  type ServedGroup,
  servedGroups,
} from './documents.ts';

export interface DiscoveryOptions {
  /** What is served now. */
  definitions(): readonly ResourceDefinition[];
  codec: Codec;
  /** Where clients find this server: `10.0.0.1:6443`. */
  serverAddress(): string;
}

interface Aggregated {
  json: string;
  etag: string;
}

const encoder = new TextEncoder();

/** Answers discovery requests from the definitions; what was made is kept until `changed` is called. */
export class Discovery {
  readonly #options: DiscoveryOptions;
  #groups: readonly ServedGroup[] | undefined;
  readonly #aggregated = new Map<string, Aggregated>();

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  /** Call when the definitions have changed. */
  changed(): void {
    this.#groups = undefined;
    this.#aggregated.clear();
  }

  /** Handlers for the API router. What is no discovery document is 404 there, whatever the method. */
  paths(): PathHandler[] {
    const handle = (request: PathRequest): PathAnswer | Promise<PathAnswer> => this.handle(request);
    return ['/api', '/api/', '/apis', '/apis/'].map((path) => ({ path, handle }));
  }

  handle(request: PathRequest): PathAnswer | Promise<PathAnswer> {
    const [root, first, second, ...rest] = request.path.split('/').filter((step) => step !== '');
    if (first === undefined) {
      requireRead(request);
      return this.#root(root!, request);
    }
    if (root === 'api') return this.#version('', first, second ? [second] : [], request);
    const group = this.#find(first);
    if (!group) return notFound;
    if (second !== undefined) return this.#version(first, second, rest, request);
    requireRead(request);
    return this.#send(request, 'meta/v1.APIGroup', 'APIGroup', apiGroup(group));
  }

  #served(): readonly ServedGroup[] {
    this.#groups ??= servedGroups(this.#options.definitions());
    return this.#groups;
  }

  #find(group: string): ServedGroup | undefined {
    return group ? this.#served().find((served) => served.group === group) : undefined;
  }

  #root(root: string, request: PathRequest): PathAnswer | Promise<PathAnswer> {
    const media = aggregatedMedia(request.header('accept'));
    if (media) return this.#sendAggregated(root, request, media);
    if (root === 'api') {
      return this.#send(request, 'meta/v1.APIVersions', 'APIVersions', apiVersions(this.#options.serverAddress()));
    }
    return this.#send(request, 'meta/v1.APIGroupList', 'APIGroupList', apiGroupList(this.#served()));
  }

  #version(
    group: string,
    version: string,
    rest: readonly string[],
    request: PathRequest,
  ): PathAnswer | Promise<PathAnswer> {
    const served = this.#served()
      .find((candidate) => candidate.group === group)
      ?.versions.find((candidate) => candidate.version === version);
    if (!served || rest.length > 0) throw apiError.unknownPath();
    requireRead(request);
    return this.#send(request, 'meta/v1.APIResourceList', 'APIResourceList', apiResourceList(group, served));
  }

  #send(request: PathRequest, message: MessageName, kind: string, document: object): PathAnswer | Promise<PathAnswer> {
    const { media, pretty } = negotiate(request.header('accept'), request.query, request.header('user-agent') ?? '', {
      table: false,
      partial: false,
      protobuf: true,
    });
    const json = JSON.stringify(document);
    const contentType = contentTypeOf[media];
    if (media === 'json') return { status: 200, contentType, body: `${pretty ? prettyJson(json) : json}\n` };
    if (media === 'yaml') return yamlAnswer(json, contentType);
    return { status: 200, contentType, body: this.#protobuf(message, { apiVersion: 'v1', kind }, json) };
  }

  #protobuf(message: MessageName, gvk: { apiVersion: string; kind: string }, json: string): Uint8Array {
    const { bytes } = this.#options.codec.fromJson(message, encoder.encode(json), { defaults: false });
    return wrapEnvelope(gvk, bytes);
  }

  #sendAggregated(root: string, request: PathRequest, media: Media): PathAnswer | Promise<PathAnswer> {
    const { json, etag } = this.#aggregatedOf(root);
    const headers = [
      ['ETag', etag],
      ['Vary', 'Accept'],
      ['Cache-Control', 'public'],
    ] as const;
    const contentType = `${contentTypeOf[media]};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`;
    if (request.header('if-none-match') === etag) return { status: 304, contentType, headers, body: '' };
    if (media === 'json') return { status: 200, contentType, headers, body: `${json}\n` };
    if (media === 'yaml') return yamlAnswer(json, contentType, headers);
    const gvk = { apiVersion: 'apidiscovery.k8s.io/v2', kind: 'APIGroupDiscoveryList' };
    const body = this.#protobuf('apidiscovery/v2.APIGroupDiscoveryList', gvk, json);
    return { status: 200, contentType, headers, body };
  }

  #aggregatedOf(root: string): Aggregated {
    let document = this.#aggregated.get(root);
    if (!document) {
      const isCore = root === 'api';
      const json = JSON.stringify(aggregated(this.#served().filter(({ group }) => (group === '') === isCore)));
      const etag = `"${createHash('sha512').update(json).digest('hex').toUpperCase()}"`;
      document = { json, etag };
      this.#aggregated.set(root, document);
    }
    return document;
  }
}

function requireRead({ method }: PathRequest): void {
  if (method !== 'GET' && method !== 'HEAD') throw apiError.methodNotAllowed();
}

/** Outside every served group there is no API machinery that could word an error. */
const notFound: PathAnswer = {
  status: 404,
  contentType: 'text/plain; charset=utf-8',
  headers: [['X-Content-Type-Options', 'nosniff']],
  body: '404 page not found\n',
};

async function yamlAnswer(json: string, contentType: string, headers?: PathAnswer['headers']): Promise<PathAnswer> {
  return { status: 200, contentType, ...(headers && { headers }), body: await yamlText(json) };
}

const medias: readonly Media[] = ['json', 'yaml', 'protobuf'];

/** The encoding in which a client wants aggregated discovery, if it prefers that to anything else it accepts. */
function aggregatedMedia(accept: string | undefined): Media | undefined {
  for (const clause of (accept ?? '').split(',')) {
    const [type = '', ...params] = clause.split(';').map((part) => part.trim());
    const value = new Map(params.map((param) => param.split('=', 2) as [string, string]));
    const media =
      medias.find((candidate) => contentTypeOf[candidate] === type) ?? (type === '*/*' ? 'json' : undefined);
    if (!media) continue;
    const asked = [value.get('g'), value.get('v'), value.get('as')].join(' ');
    if (asked === 'apidiscovery.k8s.io v2 APIGroupDiscoveryList') return media;
    if (!value.has('as')) return undefined;
  }
  return undefined;
}
