import type { ConfigMap, KeyToPath, Secret } from '../../schema/generated/index.ts';
import type { FileProjection, Payload } from './atomic-writer.ts';

export interface KeySelection {
  items?: readonly KeyToPath[];
  defaultMode: number;
  optional: boolean;
}

/** The files of a ConfigMap: all keys, or those that `items` names. */
export function configMapPayload({ data = {}, binaryData = {} }: ConfigMap, selection: KeySelection): Payload {
  const contents = new Map<string, Uint8Array>();
  for (const [key, text] of Object.entries(data)) contents.set(key, Buffer.from(text));
  for (const [key, base64] of Object.entries(binaryData)) {
    if (!contents.has(key)) contents.set(key, Buffer.from(base64, 'base64'));
  }
  return select(contents, selection, (key) => `configmap references non-existent config key: ${key}`);
}

/** The files of a Secret: all keys, or those that `items` names. */
export function secretPayload({ data = {} }: Secret, selection: KeySelection): Payload {
  const contents = new Map(Object.entries(data).map(([key, base64]) => [key, Buffer.from(base64, 'base64')]));
  return select(contents, selection, (key) => `references non-existent secret key: ${key}`);
}

function select(
  contents: ReadonlyMap<string, Uint8Array>,
  { items, defaultMode, optional }: KeySelection,
  missing: (key: string) => string,
): Payload {
  if (!items?.length) return new Map([...contents].map(([key, data]) => [key, { data, mode: defaultMode }]));
  const files = new Map<string, FileProjection>();
  for (const { key, path, mode = defaultMode } of items) {
    const data = contents.get(key);
    if (data) files.set(path, { data, mode });
    else if (!optional) throw new Error(missing(key));
  }
  return files;
}
