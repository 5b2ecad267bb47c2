/** Ports of the node that lead to ports of its pods: what others leave to CNI's portmap plugin. */
import { isIPv4 } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { type Following, follow, pods } from '../../client/index.ts';
import type { Client } from '../../client/types.ts';
import type { Clock, Logger } from '../../kernel/index.ts';
import type { Pod } from '../../schema/generated/index.ts';
import { keyOf } from '../facts/index.ts';
import type { Fragment, SetElement } from './ruleset.ts';

/** Undefined when the pod has no ports on the node, or no address yet, or runs no more. */
export function hostPortRules({ spec, status }: Pod): Fragment | undefined {
  const podIP = status?.podIP ?? '';
  if (!spec || spec.hostNetwork || !isIPv4(podIP) || isOver(status?.phase)) return undefined;
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const ports = [...spec.containers, ...sidecars].flatMap((container) => container.ports ?? []);
  const elements = ports.flatMap(({ hostPort, hostIP = '', containerPort, protocol = 'TCP' }): SetElement[] => {
    if (!hostPort || (hostIP && !isIPv4(hostIP))) return [];
    const key = `${protocol.toLowerCase()} . ${hostPort}`;
    const value = `${podIP} . ${containerPort}`;
    const isAny = hostIP === '' || hostIP === '0.0.0.0';
    return [
      isAny ? { set: 'host-ports', key, value } : { set: 'host-port-ips', key: `${hostIP} . ${key}`, value },
      {
        set: 'hairpin-connections',
        key: `${podIP} . ${podIP} . ${protocol.toLowerCase()} . ${containerPort}`,
        value: '',
      },
    ];
  });
  return elements.length > 0 ? { elements, chains: new Map(), affinitySets: new Map() } : undefined;
}

const isOver = (phase: string | undefined): boolean => phase === 'Succeeded' || phase === 'Failed';

export interface HostPortOptions {
  client: Client;
  clock: Clock;
  log: Logger;
  nodeName: string;
  changed(): void;
}

/** Follows the node's pods and keeps the rules of those that have ports on the node. */
export class HostPorts {
  readonly #options: HostPortOptions;
  /** By pod. */
  readonly #fragments = new Map<string, { uid: string; fragment: Fragment }>();
  readonly #following: Following;
  readonly #ready = Promise.withResolvers<void>();

  constructor(options: HostPortOptions) {
    this.#options = options;
    const selection = { fieldSelector: `spec.nodeName=${options.nodeName}` };
    this.#following = follow<Pod>(
      pods,
      { ...options, selection },
      {
        changed: (pod, deleted) =>
          this.#set(keyOf(pod), pod.metadata.uid ?? '', deleted ? undefined : hostPortRules(pod)),
        present: (uids) => {
          for (const [key, { uid }] of this.#fragments) if (!uids.has(uid)) this.#set(key, uid, undefined);
        },
        listed: this.#ready.resolve,
      },
    );
  }

  get fragments(): Iterable<Fragment> {
    return this.#fragments.values().map(({ fragment }) => fragment);
  }

  whenReady(): Promise<void> {
    return this.#ready.promise;
  }

  stop(): void {
    this.#following.stop();
  }

  #set(key: string, uid: string, fragment: Fragment | undefined): void {
    const known = this.#fragments.get(key);
    if (!fragment && !known) return;
    const isSame = fragment && isDeepStrictEqual(known?.fragment, fragment);
    if (fragment) this.#fragments.set(key, { uid, fragment });
    else this.#fragments.delete(key);
    if (!isSame) this.#options.changed();
  }
}
