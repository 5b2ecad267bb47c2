import type { LabelRequirements } from '../../schema/index.ts';
import type { KubeObject } from '../../schema/object.ts';
import { adoptersOf, type ClaimKind, ownerKeyOf } from './claims.ts';
import { type FollowOptions, type Following, follow } from './follow.ts';
import { keyOf } from './keys.ts';
import { LastSeen } from './last-seen.ts';
import { SelectorIndex } from './selector-index.ts';

/** Follows owners and what they control. `add` is given the keys of the owners that a change concerns. */
export function followOwned<T extends KubeObject>(
  options: FollowOptions,
  { owner, dependents }: ClaimKind,
  selectorOf: (owner: T) => LabelRequirements,
  add: (keys: readonly string[]) => void,
): Following {
  const selectors = new SelectorIndex();
  const lastOwners = new LastSeen<string>();
  const owners = follow<T>(owner.ref, options, {
    listing: () => selectors.listing(),
    changed(object, deleted) {
      const key = keyOf(object.metadata);
      if (deleted) selectors.delete(key);
      else selectors.set(key, object.metadata.namespace ?? '', selectorOf(object));
      add([key]);
    },
    relisted: () => add(selectors.relisted()),
  });
  const owned = follow<KubeObject>(dependents, options, {
    listing: () => lastOwners.listing(),
    changed({ metadata }, deleted) {
      const current = ownerKeyOf(metadata, owner.kind);
      const previous = lastOwners.swap(keyOf(metadata), deleted ? undefined : current);
      if (previous !== undefined) add([previous]);
      if (current !== undefined) add([current]);
      else if (!deleted) add(adoptersOf(metadata, selectors));
    },
    relisted() {
      lastOwners.relisted();
      owners.relist();
    },
  });
  return {
    stop() {
      owners.stop();
      owned.stop();
    },
    relist: () => owners.relist(),
  };
}
