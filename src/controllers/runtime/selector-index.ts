import { type LabelRequirements, matchesLabels } from '../../schema/index.ts';
import { LastSeen } from './last-seen.ts';

type Labels = Readonly<Record<string, string>>;

interface Entry {
  requirements: LabelRequirements;
  /** The bucket that it is in: one pair of a label and its value that it asks for, or none. */
  bucket: string;
}

const noPair = '';

/**
 * Who selects an object with these labels: selectors by namespace and by one pair that they ask for, so that of many
 * selectors only those are looked at that may match.
 */
export class SelectorIndex {
  readonly #entries = new Map<string, Entry>();
  readonly #buckets = new Map<string, Set<string>>();
  /** Those that select nothing, too. */
  readonly #seen = new LastSeen<true>();

  /** `key` is of the selecting object. Undefined requirements, and none at all, select nothing. */
  set(key: string, namespace: string, requirements: LabelRequirements): void {
    this.delete(key);
    this.#seen.swap(key, true);
    if (!requirements?.length) return;
    const bucket = `${namespace}\n${pairOf(requirements)}`;
    this.#entries.set(key, { requirements, bucket });
    const keys = this.#buckets.get(bucket) ?? new Set();
    this.#buckets.set(bucket, keys.add(key));
  }

  delete(key: string): void {
    this.#seen.swap(key, undefined);
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    const keys = this.#buckets.get(entry.bucket);
    keys?.delete(key);
    if (keys?.size === 0) this.#buckets.delete(entry.bucket);
  }

  /** Everything that is there is about to be set. */
  listing(): void {
    this.#seen.listing();
  }

  /** It has been: deletes what was not set, and returns the keys of that. */
  relisted(): string[] {
    const gone = this.#seen.relisted();
    for (const key of gone) this.delete(key);
    return gone;
  }

  /** Keys of all that select anything. */
  keys(): Iterable<string> {
    return this.#entries.keys();
  }

  /** Keys of those that select these labels. */
  selecting(namespace: string, labels: Labels = {}): string[] {
    const found: string[] = [];
    const pairs = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
    for (const pair of [noPair, ...pairs]) {
      for (const key of this.#buckets.get(`${namespace}\n${pair}`) ?? []) {
        if (matchesLabels(this.#entries.get(key)?.requirements, labels)) found.push(key);
      }
    }
    return found;
  }
}

function pairOf(requirements: LabelRequirements): string {
  const equality = requirements?.find(({ operator, values }) => operator === 'In' && values.length === 1);
  return equality ? `${equality.key}=${equality.values[0]}` : noPair;
}
