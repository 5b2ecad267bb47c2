/** Annotations by which a Deployment and its ReplicaSets keep the history of rollouts. */
import { byAge } from '../runtime/index.ts';
import type { ReplicaSet } from '../../schema/generated/index.ts';

export type Annotations = Readonly<Record<string, string>>;

export const revisionKey = 'deployment.kubernetes.io/revision';
const historyKey = 'deployment.kubernetes.io/revision-history';
const desiredKey = 'deployment.kubernetes.io/desired-replicas';
const maxKey = 'deployment.kubernetes.io/max-replicas';

const historyLimitChars = 2000;

/** Annotations of a Deployment that its ReplicaSets have none or others of. */
const ownKeys: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionKey,
  historyKey,
  desiredKey,
  maxKey,
  'deprecated.deployment.rollback.to',
]);

/** An int64. 0 when there is none; undefined when it is no number. */
export function revisionOf(annotations: Annotations = {}): bigint | undefined {
  const text = annotations[revisionKey] ?? '';
  if (text === '') return 0n;
  if (!/^[+-]?[0-9]{1,19}$/.test(text)) return undefined;
  const revision = BigInt(text.replace('+', ''));
  return revision === BigInt.asIntN(64, revision) ? revision : undefined;
}

export const maxRevision = (all: readonly Annotations[]): bigint =>
  all.map((annotations) => revisionOf(annotations) ?? 0n).reduce((most, next) => (next > most ? next : most), 0n);

/** Oldest revision first. */
export function byRevision(a: ReplicaSet, b: ReplicaSet): number {
  const [first, second] = [revisionOf(a.metadata.annotations), revisionOf(b.metadata.annotations)];
  if (first === undefined || second === undefined || first === second) return byAge(a, b);
  return first < second ? -1 : 1;
}

/**
 * Annotations of the current ReplicaSet: the Deployment's, and the newest revision. One that is rolled back to keeps
 * the numbers that it had before.
 */
export function currentAnnotations(deployment: Annotations, replicaSet: Annotations, revision: bigint): Annotations {
  const copied = Object.entries(deployment).filter(([key]) => !ownKeys.has(key));
  const annotations: Record<string, string> = { ...replicaSet, ...Object.fromEntries(copied) };
  const old = revisionOf(replicaSet);
  if (old === undefined || old >= revision) return annotations;
  annotations[revisionKey] = String(revision);
  if (replicaSet[revisionKey] !== undefined) {
    annotations[historyKey] = extended(replicaSet[historyKey] ?? '', replicaSet[revisionKey]);
  }
  return annotations;
}

/** The oldest are dropped where the list would become too long. */
function extended(history: string, revision: string): string {
  if (history === '') return revision;
  const revisions = history.split(',');
  while (revisions.length && [...revisions, revision].join(',').length > historyLimitChars) revisions.shift();
  return [...revisions, revision].join(',');
}

/** What the Deployment wanted when the ReplicaSet was last scaled; undefined when that is not known. */
export const desiredThen = (annotations: Annotations): number | undefined => count(annotations[desiredKey]);
export const maxThen = (annotations: Annotations): number | undefined => count(annotations[maxKey]);

export const withReplicas = (annotations: Annotations, desired: number, max: number): Annotations => ({
  ...annotations,
  [desiredKey]: String(desired),
  [maxKey]: String(max),
});

const count = (text: string | undefined): number | undefined =>
  text !== undefined && /^[0-9]+$/.test(text) && Number(text) < 2 ** 31 ? Number(text) : undefined;
