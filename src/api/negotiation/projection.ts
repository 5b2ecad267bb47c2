/** The forms in which objects leave: as stored, as metadata only, as table rows; in JSON, protobuf or YAML. */
import { StatusError } from '../../kernel/status.ts';
import type { Entry, Run } from '../../store/types.ts';
import type { Core } from '../core.ts';
import type { Gvk } from '../objects.ts';
import type { Resource } from '../routing/index.ts';
import { columnDefinitions, type IncludeObject, parseIncludeObject, tableRow } from '../table/index.ts';
import type { Output } from './accept.ts';
import { goJson } from './go-json.ts';
import type { Source } from './source.ts';
import {
  concat,
  envelope,
  envelopeAround,
  fieldHead,
  fromUtf8,
  type ListMeta,
  listMetaField,
  metadataPrefix,
  utf8,
} from './wire.ts';

/** Pieces of a list: `head`, items with `separator` between them, `tail`. */
export interface ListFrame {
  head: Uint8Array;
  separator: Uint8Array;
  tail: Uint8Array;
}

export interface Projection {
  /** Equal keys give equal bytes for the same source. */
  readonly key: string;
  readonly media: 'json' | 'protobuf';
  /** `one` and `next` differ. */
  readonly headed: boolean;
  /** A single object, whole. May be a view. */
  one(source: Source): Uint8Array;
  /** As `one`, for events of a watch after the first: a table without its column definitions. */
  next(source: Source): Uint8Array;
  /** One list item. May be a view. */
  item(source: Source): Uint8Array;
  /** Items many at once, heads or separators included. Only where records are served as they are stored. */
  items?(entries: readonly Entry[], from: number, lead: Uint8Array): Run | undefined;
  /** Length of an item, told without making it. */
  itemLength?(entry: Entry): number;
  /** `itemsLength`: bytes of all items with their heads; only protobuf needs it. */
  list(meta: ListMeta, itemsLength: number): ListFrame;
}

const empty = new Uint8Array(0);
const comma = utf8(',');
const partialMessage = 'meta/v1.PartialObjectMetadata';

function jsonListFrame(gvk: Gvk, meta: ListMeta, extra = '', itemsName = 'items'): ListFrame {
  const metadata = JSON.stringify({
    resourceVersion: meta.resourceVersion,
    ...(meta.continue && { continue: meta.continue }),
    ...(meta.remainingItemCount !== undefined && { remainingItemCount: meta.remainingItemCount }),
  });
  const head = `{"kind":"${gvk.kind}","apiVersion":"${gvk.apiVersion}","metadata":${metadata},${extra}"${itemsName}":[`;
  return { head: utf8(head), separator: comma, tail: utf8(']}\n') };
}

function protobufListFrame(gvk: Gvk, meta: ListMeta, itemsLength: number): ListFrame {
  const metaField = listMetaField(meta);
  const { head, tail } = envelopeAround(gvk, metaField.length + itemsLength);
  return { head: concat([head, metaField]), separator: empty, tail };
}

/** What precedes an item of `length` bytes in a protobuf list: `items` is field 2 of every list. */
export const protobufItemHead = (length: number): Uint8Array => fieldHead(2, length);

function plainJson(core: Core, resource: Resource): Projection {
  const one = (source: Source): Uint8Array => source.json();
  return {
    key: 'json',
    media: 'json',
    headed: false,
    one,
    next: one,
    item: (source) => source.json(true),
    ...(!resource.definition.view && { items: (entries, from, lead) => core.store.jsonItems(entries, from, lead) }),
    list: (meta) => jsonListFrame({ apiVersion: resource.gvk.apiVersion, kind: resource.listKind }, meta),
  };
}

function plainProtobuf(core: Core, resource: Resource): Projection {
  const one = (source: Source): Uint8Array => envelope(source.gvk, source.record());
  return {
    key: 'protobuf',
    media: 'protobuf',
    headed: false,
    one,
    next: one,
    item: (source) => source.record(),
    ...(!resource.definition.view && {
      items: (entries, from, lead) => core.store.recordItems(entries, from, lead),
      itemLength: (entry) => core.store.length(entry),
    }),
    list: (meta, itemsLength) =>
      protobufListFrame({ apiVersion: resource.gvk.apiVersion, kind: resource.listKind }, meta, itemsLength),
  };
}

function partialJson(core: Core, apiVersion: string): Projection {
  const gvk = { apiVersion, kind: 'PartialObjectMetadata' };
  const one = (source: Source): Uint8Array =>
    isStatus(source) ? source.json() : core.codec.toJson(partialMessage, metadataPrefix(source.metadata()), gvk);
  return {
    key: `json;partial;${apiVersion}`,
    media: 'json',
    headed: false,
    one,
    next: one,
    item: one,
    list: (meta) => jsonListFrame({ apiVersion, kind: 'PartialObjectMetadataList' }, meta),
  };
}

function partialProtobuf(apiVersion: string): Projection {
  const gvk = { apiVersion, kind: 'PartialObjectMetadata' };
  const one = (source: Source): Uint8Array =>
    isStatus(source) ? envelope(source.gvk, source.record()) : envelope(gvk, metadataPrefix(source.metadata()));
  return {
    key: `protobuf;partial;${apiVersion}`,
    media: 'protobuf',
    headed: false,
    one,
    next: one,
    item: (source) => metadataPrefix(source.metadata()),
    list: (meta, itemsLength) =>
      protobufListFrame({ apiVersion, kind: 'PartialObjectMetadataList' }, meta, itemsLength),
  };
}

function table(core: Core, resource: Resource, apiVersion: string, include: IncludeObject): Projection {
  const gvk = { apiVersion, kind: 'Table' };
  const partial = partialJson(core, apiVersion);
  const columns = goJson(columnDefinitions(resource.base.columns));
  const storageForm = resource.definition.view;
  const row = (source: Source): string => {
    const served = source.object();
    const embedded =
      include === 'None' ? null : include === 'Object' ? served : JSON.parse(fromUtf8(partial.one(source)));
    const object = source.stored?.() ?? (storageForm ? storageForm.toStorage(served) : served);
    return goJson(tableRow(resource, object, core.clock.nowMs(), embedded));
  };
  const single = (source: Source, definitions: string): Uint8Array => {
    if (isStatus(source)) return source.json();
    const meta = JSON.stringify({ resourceVersion: source.object().metadata.resourceVersion });
    return utf8(
      `{"kind":"Table","apiVersion":"${apiVersion}","metadata":${meta},"columnDefinitions":${definitions},"rows":[${row(source)}]}`,
    );
  };
  return {
    key: `json;table;${apiVersion};${include}`,
    media: 'json',
    headed: true,
    one: (source) => single(source, columns),
    next: (source) => single(source, 'null'),
    item: (source) => utf8(row(source)),
    list: (meta) => jsonListFrame(gvk, meta, `"columnDefinitions":${columns},`, 'rows'),
  };
}

const isStatus = (source: Source): boolean => source.message === 'meta/v1.Status';

/** The projection that `output` asks for. YAML is made from JSON by the writer. */
export function projectionFor(core: Core, resource: Resource, output: Output, query: URLSearchParams): Projection {
  const convert = output.convert;
  if (!convert) return output.media === 'protobuf' ? plainProtobuf(core, resource) : plainJson(core, resource);
  if (convert.kind === 'Table') return table(core, resource, convert.apiVersion, parseIncludeObject(query));
  return output.media === 'protobuf' ? partialProtobuf(convert.apiVersion) : partialJson(core, convert.apiVersion);
}

/** Refuses a list as PartialObjectMetadata, and one object as its list, in upstream's words. */
export function checkShape(resource: Resource, output: Output, shape: 'object' | 'list'): void {
  const kind = output.convert?.kind;
  const goType = `*${goPackage(resource)}.${shape === 'list' ? resource.listKind : resource.gvk.kind}`;
  if (kind === 'PartialObjectMetadata' && shape === 'list') {
    throw new StatusError(
      'NotAcceptable',
      `you requested PartialObjectMetadata, but the requested object is a list (${goType})`,
    );
  }
  if (kind === 'PartialObjectMetadataList' && shape === 'object') {
    throw new StatusError(
      'NotAcceptable',
      `you requested PartialObjectMetadataList, but the requested object is not a list (${goType})`,
    );
  }
}

/** Go package of the internal type, as it shows in messages. */
const goPackage = (resource: Resource): string => (resource.definition.group || 'core').split('.')[0]!;
