/** The upgrade from kubectl's client-side apply, for the manager `kubectl` alone. */
import type { KubeObject } from '../../schema/index.ts';
import type { Delta } from './compare.ts';
import { difference, emptySet, type FieldSet } from './field-set.ts';
import { goJson, isMap, type JsonMap } from '../patch/index.ts';
import type { MergeType } from './merge-type.ts';
import { toFieldSet } from './to-field-set.ts';
import { validate } from './validate.ts';

const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
const annotationsLimitBytes = 256 << 10;

interface LiveState {
  type: MergeType;
  apiVersion: string;
  live: KubeObject;
  compare(type: MergeType, left: JsonMap, right: JsonMap): Delta;
}

/**
 * Fields that client-side apply set and that still have its values: kubectl may take them over. undefined when the
 * annotation says nothing usable.
 */
export function allowedByLastApplied({ type, apiVersion, live, compare }: LiveState): FieldSet | undefined {
  const text = live.metadata.annotations?.[annotation];
  if (!text) return undefined;
  try {
    const last: unknown = JSON.parse(text);
    if (!isMap(last) || last['apiVersion'] !== apiVersion) return undefined;
    validate(type, last);
    const { changed, removed } = compare(type, last, live as unknown as JsonMap);
    return difference(difference(toFieldSet(type, last), changed ?? emptySet), removed ?? emptySet);
  } catch {
    return undefined;
  }
}

/** Keeps the annotation in step with what kubectl applied, if the object has it. Changes `object`'s annotations. */
export function syncLastApplied(manager: string, object: KubeObject, applied: JsonMap): void {
  const annotations = object.metadata?.annotations;
  if (manager !== 'kubectl' || !annotations?.[annotation]) return;
  const next: Record<string, string> = { ...annotations, [annotation]: lastAppliedText(applied) };
  if (sizeOf(next) > annotationsLimitBytes) delete next[annotation];
  object.metadata = { ...object.metadata, annotations: next };
}

function lastAppliedText(applied: JsonMap): string {
  const metadata = isMap(applied['metadata']) ? applied['metadata'] : {};
  const annotations = metadata['annotations'];
  if (!isMap(annotations)) return encode(applied);
  const { [annotation]: _, ...rest } = annotations;
  return encode({ ...applied, metadata: { ...metadata, annotations: rest } });
}

/** As Go's encoder writes unstructured objects: sorted names and a newline at the end. */
const encode = (object: JsonMap): string => `${goJson(sorted(object))}\n`;

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isMap(value)) return value;
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map((name) => [name, sorted(value[name])]));
};

const sizeOf = (annotations: Record<string, string>): number =>
  Object.entries(annotations).reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
