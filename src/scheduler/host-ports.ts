import type { Pod } from '../schema/generated/index.ts';

/** A port of the node that a pod takes for itself. */
export interface HostPort {
  ip: string;
  protocol: string;
  port: number;
}

const anyAddress = '0.0.0.0';

/** Those of all containers that run as long as the pod does. */
export function hostPortsOf({ spec }: Pod): HostPort[] {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...sidecars, ...(spec?.containers ?? [])].flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, hostIP, protocol }) =>
      hostPort && hostPort > 0 ? [{ ip: hostIP || anyAddress, protocol: protocol || 'TCP', port: hostPort }] : [],
    ),
  );
}

/** The same port on the same address, or on any address. */
export const collide = (a: HostPort, b: HostPort): boolean =>
  a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === anyAddress || b.ip === anyAddress);

export const anyCollide = (wanted: readonly HostPort[], taken: Iterable<HostPort>): boolean => {
  for (const port of taken) if (wanted.some((one) => collide(one, port))) return true;
  return false;
};
