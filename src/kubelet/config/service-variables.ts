import type { Service } from '../../schema/generated/index.ts';

/**
 * The variables by which containers find services. `kubernetes` of the namespace `default` is always among them; a
 * service of the pod's own namespace goes before it. Upstream: pkg/kubelet/envvars.
 */
export function serviceVariables(services: readonly Service[], namespace: string, links: boolean): Map<string, string> {
  const chosen = new Map<string, Service>();
  for (const service of services.filter(hasAddress)) {
    const { name = '', namespace: home = '' } = service.metadata;
    if (home === namespace && links) chosen.set(name, service);
    else if (home === 'default' && name === 'kubernetes' && !chosen.has(name)) chosen.set(name, service);
  }
  return new Map([...chosen.values()].flatMap(variablesOf));
}

const hasAddress = ({ spec }: Service): boolean => !!spec.clusterIP && spec.clusterIP !== 'None';

const variableName = (name: string): string => name.replaceAll('-', '_').toUpperCase();

function variablesOf({ metadata, spec }: Service): [string, string][] {
  const { clusterIP = '', ports = [] } = spec;
  const prefix = variableName(metadata.name ?? '');
  const first = ports?.[0];
  if (!first) return [[`${prefix}_SERVICE_HOST`, clusterIP]];
  return [
    [`${prefix}_SERVICE_HOST`, clusterIP],
    [`${prefix}_SERVICE_PORT`, String(first.port)],
    ...ports.flatMap(({ name, port }): [string, string][] =>
      name ? [[`${prefix}_SERVICE_PORT_${variableName(name)}`, String(port)]] : [],
    ),
    [`${prefix}_PORT`, url(clusterIP, first.protocol, first.port)],
    ...ports.flatMap(({ port, protocol = 'TCP' }): [string, string][] => {
      const link = `${prefix}_PORT_${port}_${protocol}`;
      return [
        [link, url(clusterIP, protocol, port)],
        [`${link}_PROTO`, protocol.toLowerCase()],
        [`${link}_PORT`, String(port)],
        [`${link}_ADDR`, clusterIP],
      ];
    }),
  ];
}

const url = (address: string, protocol = 'TCP', port: number): string =>
  `${protocol.toLowerCase()}://${address.includes(':') ? `[${address}]` : address}:${port}`;
