/** The flow schema and priority level that a request belongs to, as its answer's headers name them. */
import type { Headers } from './http/types.ts';
import type { Core } from './core.ts';
import type { UserInfo } from './types.ts';

/** Schemas of the bootstrap configuration by group of the user, most specific first. */
const schemas: readonly (readonly [group: string, schema: string, level: string])[] = [
  ['system:masters', 'exempt', 'exempt'],
  ['system:nodes', 'system-nodes', 'system'],
  ['system:serviceaccounts:kube-system', 'kube-system-service-accounts', 'workload-high'],
  ['system:serviceaccounts', 'service-accounts', 'workload-low'],
  ['system:authenticated', 'global-default', 'global-default'],
];
const catchAll = ['', 'catch-all', 'catch-all'] as const;
const group = 'flowcontrol.apiserver.k8s.io';

export class Flows {
  readonly #core: Core;
  readonly #headers = new Map<string, Headers>();

  constructor(core: Core) {
    this.#core = core;
  }

  /** Headers for a user's answers; none until the configuration objects exist. */
  headersFor(user: UserInfo): Headers {
    const [, schema, level] = schemas.find(([name]) => user.groups.includes(name)) ?? catchAll;
    const known = this.#headers.get(schema);
    if (known) return known;
    const schemaUid = this.#uidOf('flowschemas', schema);
    const levelUid = this.#uidOf('prioritylevelconfigurations', level);
    if (!schemaUid || !levelUid) return [];
    const headers: Headers = [
      ['X-Kubernetes-Pf-Flowschema-Uid', schemaUid],
      ['X-Kubernetes-Pf-Prioritylevel-Uid', levelUid],
    ];
    this.#headers.set(schema, headers);
    return headers;
  }

  #uidOf(resource: string, name: string): string | undefined {
    const stored = this.#core.registry.find(group, 'v1', resource)?.stored;
    const entry = stored && this.#core.store.get(stored, '', name);
    return entry && this.#core.store.object(entry).metadata.uid;
  }
}
