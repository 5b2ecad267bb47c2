/** Keeps the policy index equal to the roles and bindings in the store. */
import type { Store, StoredKind, StoreEvent, Subscription } from '../../store/types.ts';
import type { BindingObject, PolicyIndex, RoleObject } from './policy-index.ts';
import { rbacGroup } from './policy-index.ts';

const apiVersion = `${rbacGroup}/v1`;
const kinds = ['ClusterRole', 'Role', 'ClusterRoleBinding', 'RoleBinding'] as const;

/**
 * Loads the index and follows the store; `changed` is called after every change. When the feed is lost and cannot be
 * had again, the index is emptied: then only superusers are let in.
 */
export function followPolicy(store: Store, index: PolicyIndex, changed: () => void): Subscription {
  let subscriptions: Subscription[] = [];
  let closed = false;

  const close = (): void => {
    for (const subscription of subscriptions) subscription.close();
    subscriptions = [];
  };

  const apply = (kind: string, namespace: string, name: string, object: RoleObject | BindingObject | undefined) => {
    if (kind.endsWith('Binding')) index.setBinding(namespace, name, object as BindingObject | undefined);
    else index.setRole(namespace, name, object as RoleObject | undefined);
  };

  const follow = (kind: StoredKind): void => {
    using list = store.list(kind);
    for (const entry of list.entries) apply(kind.gvk.kind, entry.namespace, entry.name, store.object(entry));
    subscriptions.push(
      store.subscribe(kind, list.revision, {
        event: (event: StoreEvent) => {
          const object = event.type === 'delete' ? undefined : store.object<RoleObject>(event.current);
          apply(kind.gvk.kind, event.namespace, event.name, object);
          changed();
        },
        closed: lost,
      }),
    );
  };

  const load = (): void => {
    index.clear();
    for (const name of kinds) {
      const kind = store.kinds.find((k) => k.gvk.apiVersion === apiVersion && k.gvk.kind === name);
      if (!kind) throw new Error(`the store does not hold ${name}`);
      follow(kind);
    }
  };

  function lost(): void {
    if (closed) return;
    close();
    try {
      load();
    } catch {
      close();
      index.clear();
    }
    changed();
  }

  load();
  return {
    close: () => {
      closed = true;
      close();
    },
  };
}
