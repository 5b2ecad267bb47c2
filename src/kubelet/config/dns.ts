import type { Pod, PodDNSConfig } from '../../schema/generated/index.ts';
import type { DNSConfig } from '../cri/types.ts';

export interface DnsSettings {
  /** Addresses of the cluster's DNS. */
  servers: readonly string[];
  clusterDomain: string;
}

export interface PodDns {
  config: DNSConfig;
  /** Limits that were exceeded: events of reason DNSConfigForming on the pod. */
  warnings: string[];
}

const maxServers = 3;
const maxSearches = 32;
const maxSearchLength = 253;
const maxSearchChars = 2048;
const clusterOptions = ['ndots:5'];

/**
 * A pod's resolver configuration by its dnsPolicy, with its dnsConfig merged in, cut to what resolvers take. Upstream:
 * pkg/kubelet/network/dns.
 */
export function podDns({ metadata, spec }: Pod, host: DNSConfig, settings: DnsSettings): PodDns {
  const config = merge(base(metadata.namespace ?? '', spec, host, settings), spec.dnsConfig);
  const warnings: string[] = [];
  return {
    config: {
      ...config,
      servers: fitServers(config.servers, warnings),
      searches: fitSearches(config.searches, warnings),
    },
    warnings,
  };
}

function base(
  namespace: string,
  { dnsPolicy, hostNetwork }: Pod['spec'],
  host: DNSConfig,
  settings: DnsSettings,
): DNSConfig {
  if (dnsPolicy === 'None') return { servers: [], searches: [], options: [] };
  if (dnsPolicy === 'Default' || (dnsPolicy === 'ClusterFirst' && hostNetwork) || settings.servers.length === 0)
    return host;
  const { servers, clusterDomain: domain } = settings;
  const searches = domain ? [`${namespace}.svc.${domain}`, `svc.${domain}`, domain] : [];
  return { servers: [...servers], searches: distinct([...searches, ...host.searches]), options: clusterOptions };
}

function merge(config: DNSConfig, own: PodDNSConfig | undefined): DNSConfig {
  if (!own) return config;
  const options = new Map(config.options.map(splitOption));
  for (const { name = '', value = '' } of own.options ?? []) options.set(name, value);
  return {
    servers: distinct([...config.servers, ...(own.nameservers ?? [])]),
    searches: distinct([...config.searches, ...(own.searches ?? [])]),
    options: [...options].map(([name, value]) => (value ? `${name}:${value}` : name)),
  };
}

function splitOption(option: string): [string, string] {
  const colon = option.indexOf(':');
  return colon < 0 ? [option, ''] : [option.slice(0, colon), option.slice(colon + 1)];
}

const distinct = (texts: readonly string[]): string[] => [...new Set(texts)];

function fitServers(servers: readonly string[], warnings: string[]): string[] {
  const fitting = servers.slice(0, maxServers);
  if (fitting.length < servers.length) {
    warnings.push(
      `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${fitting.join(' ')}`,
    );
  }
  return fitting;
}

function fitSearches(searches: readonly string[], warnings: string[]): string[] {
  const fitting = searches.slice(0, maxSearches).filter((search) => search.length <= maxSearchLength);
  while (fitting.join(' ').length > maxSearchChars) fitting.pop();
  if (fitting.length < searches.length) {
    warnings.push(
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${fitting.join(' ')}`,
    );
  }
  return fitting;
}

/** The host's resolv.conf. Nameservers add up; of `search` and of each option the last one holds. */
export function parseResolvConf(text: string): DNSConfig {
  const servers: string[] = [];
  let searches: string[] = [];
  const options = new Map<string, string>();
  for (const line of text.split('\n').map((each) => each.trim())) {
    const [keyword, ...values] = line.split(/\s+/);
    if (keyword === 'nameserver' && values[0]) servers.push(values[0]);
    if (keyword === 'search')
      searches = values.filter((value) => value !== '.').map((value) => value.replace(/\.$/, ''));
    if (keyword === 'options') for (const option of values) options.set(option.split(':', 1)[0]!, option);
  }
  return { servers, searches, options: [...options.values()] };
}
