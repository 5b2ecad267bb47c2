/** The part of the ruleset that does not change: table, hooks and the chains that look a packet up. */
import { type SetName, setNames } from './ruleset.ts';

export const table = 'ip nanoshift';

const mark = '0x4000';

/** Makes a packet leave with an address of this node as its source. */
export const masqueradeMark = `meta mark set meta mark or ${mark}`;

export interface SkeletonFacts {
  podNetwork: string;
  clusterNetwork: string;
  serviceNetwork: string;
  dnsIP: string;
  bridge: string;
  /** Packets between pods on the bridge pass the table too, so that answers find their way back. */
  bridgeFilter: boolean;
}

const setTypes: Record<SetName, string> = {
  'cluster-ips': 'set ipv4_addr',
  'service-ips': 'map ipv4_addr . inet_proto . inet_service : verdict',
  'service-nodeports': 'map inet_proto . inet_service : verdict',
  'no-endpoint-services': 'map ipv4_addr . inet_proto . inet_service : verdict',
  'no-endpoint-nodeports': 'map inet_proto . inet_service : verdict',
  'firewall-ips': 'map ipv4_addr . inet_proto . inet_service : verdict',
  'hairpin-connections': 'set ipv4_addr . ipv4_addr . inet_proto . inet_service',
  'host-ports': 'map inet_proto . inet_service : ipv4_addr . inet_service',
  'host-port-ips': 'map ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service',
};

/** Rules by chain; a chain with a hook names it first. In an order in which each refers to earlier ones only. */
function chains(facts: SkeletonFacts): readonly (readonly [name: string, hook: string, rules: readonly string[]])[] {
  const { podNetwork, clusterNetwork, serviceNetwork, dnsIP, bridge } = facts;
  const toService = 'ip daddr . meta l4proto . th dport';
  const toNodePort = 'fib daddr type local meta l4proto . th dport';
  return [
    ['reject-it', '', ['meta l4proto tcp reject with tcp reset', 'reject']],
    ['check-service-endpoints', '', [`${toService} vmap @no-endpoint-services`]],
    ['check-nodeport-endpoints', '', [`${toNodePort} vmap @no-endpoint-nodeports`]],
    ['check-firewall', '', [`${toService} vmap @firewall-ips`]],
    [
      'check-cluster-ips',
      '',
      [
        `ip daddr ${dnsIP} return`,
        'ip daddr @cluster-ips meta l4proto tcp reject with tcp reset',
        'ip daddr @cluster-ips reject',
        `ip daddr ${serviceNetwork} drop`,
      ],
    ],
    [
      'services',
      '',
      [
        // From outside: the answer has to come back by this node.
        `ip daddr @cluster-ips ip saddr != ${clusterNetwork} ${masqueradeMark}`,
        `${toService} vmap @service-ips`,
        `${toNodePort} vmap @service-nodeports`,
        `meta l4proto { tcp, udp, sctp } dnat ip addr . port to ${toService} map @host-port-ips`,
        'meta l4proto { tcp, udp, sctp } fib daddr type local dnat ip addr . port to meta l4proto . th dport map @host-ports',
      ],
    ],
    [
      'masquerading',
      '',
      [
        `meta mark and ${mark} != 0 meta mark set meta mark xor ${mark} masquerade fully-random`,
        'ct status dnat ip saddr . ip daddr . meta l4proto . th dport @hairpin-connections masquerade fully-random',
        // A port of the node's loopback interface that leads to a pod.
        `ct status dnat ip saddr 127.0.0.0/8 oifname "${bridge}" masquerade fully-random`,
        ...(facts.bridgeFilter ? [] : [`ct status dnat ip saddr ${podNetwork} ip daddr ${podNetwork} masquerade`]),
        `ip saddr ${podNetwork} ip daddr != { ${clusterNetwork}, 224.0.0.0/4, 255.255.255.255 } masquerade fully-random`,
      ],
    ],
    // Loopback addresses are routed on the bridge, for host ports; pods must not get at the node's by it.
    ['raw-prerouting', 'filter hook prerouting priority -300', [`iifname "${bridge}" ip daddr 127.0.0.0/8 drop`]],
    ['pre-dnat-prerouting', 'filter hook prerouting priority -110', ['ct state new jump check-firewall']],
    ['pre-dnat-output', 'filter hook output priority -110', ['ct state new jump check-firewall']],
    ['nat-prerouting', 'nat hook prerouting priority -100', ['jump services']],
    ['nat-output', 'nat hook output priority -100', ['jump services']],
    ['nat-postrouting', 'nat hook postrouting priority 100', ['jump masquerading']],
    [
      'filter-input',
      'filter hook input priority 0',
      ['ct state new jump check-nodeport-endpoints', 'ct state new jump check-service-endpoints'],
    ],
    [
      'filter-forward',
      'filter hook forward priority 0',
      ['ct state new jump check-service-endpoints', 'ct state new jump check-cluster-ips'],
    ],
    [
      'filter-output',
      'filter hook output priority 0',
      ['ct state new jump check-service-endpoints', 'ct state new jump check-cluster-ips'],
    ],
  ];
}

/** Commands that replace the whole table by an empty one with these hooks. */
export function skeleton(facts: SkeletonFacts): string[] {
  const made = chains(facts);
  return [
    `add table ${table}`,
    `delete table ${table}`,
    `add table ${table}`,
    ...setNames.map((name) => {
      const [kind, type] = setTypes[name].split(/ (.*)/);
      return `add ${kind} ${table} ${name} { type ${type} ; }`;
    }),
    ...made.map(([name, hook]) => `add chain ${table} ${name}${hook && ` { type ${hook} ; policy accept ; }`}`),
    ...made.flatMap(([name, , rules]) => rules.map((rule) => `add rule ${table} ${name} ${rule}`)),
  ];
}
