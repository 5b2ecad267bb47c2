import type { HostAlias } from '../../schema/generated/index.ts';
import type { PodName } from './hostname.ts';

/** /etc/hosts of a pod with a network of its own. Byte for byte as upstream's. */
export function podHosts(
  addresses: readonly string[],
  { hostname, domain }: PodName,
  aliases: readonly HostAlias[] = [],
): string {
  const names = domain ? `${hostname}.${domain}\t${hostname}` : hostname;
  return [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...addresses.map((address) => `${address}\t${names}`),
    aliasLines(aliases),
  ].join('\n');
}

/** /etc/hosts of a pod on the host's network: the host's own, and the pod's aliases. */
export const hostNetworkHosts = (hostFile: string, aliases: readonly HostAlias[] = []): string =>
  `# Kubernetes-managed hosts file (host network).\n${hostFile}${aliasLines(aliases)}`;

function aliasLines(aliases: readonly HostAlias[]): string {
  if (aliases.length === 0) return '';
  const lines = aliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}\n`);
  return `\n# Entries added by HostAliases.\n${lines.join('')}`;
}
