/** Pod templates: when two are the same, and what a ReplicaSet is named after one. */
import { isDeepStrictEqual } from 'node:util';
import type { PodTemplateSpec } from '../../schema/generated/index.ts';

export const hashLabel = 'pod-template-hash';

/** Whether pods made after them are the same, but for the label that tells them apart. */
export const isSameTemplate = (a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean =>
  isDeepStrictEqual(withoutHash(a), withoutHash(b));

function withoutHash(template: PodTemplateSpec | undefined): object {
  const { [hashLabel]: _hash, ...labels } = template?.metadata?.labels ?? {};
  const metadata = Object.entries({ ...template?.metadata, labels }).filter(([, value]) => !isEmpty(value));
  return { metadata: Object.fromEntries(metadata), spec: template?.spec };
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0);

/**
 * A short name for the template. Upstream's hash is taken over Go's dump of its structs, which only Go can write: the
 * same template has another hash here. It need not be the same, since ReplicaSets are recognised by their template, an
 * upstream cluster's too; `collisions` makes another name when one is taken.
 */
export const templateHash = (template: PodTemplateSpec, collisions: number | undefined): string =>
  encode(fnv1a32(`${canonicalJson(withoutHash(template))}${collisions ?? ''}`));

/** Without vowels and digits that look like letters: no words come about. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

const encode = (hash: number): string =>
  [...String(hash)].map((digit) => alphabet[digit.charCodeAt(0) % alphabet.length]).join('');

function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_key, each: unknown) =>
    each && typeof each === 'object' && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );

const maxNameLength = 253;

/** The ReplicaSet's name: the Deployment's, cut where it is too long, and the hash. */
export const replicaSetName = (deployment: string, hash: string): string =>
  `${deployment.slice(0, maxNameLength - 1 - hash.length)}-${hash}`;
