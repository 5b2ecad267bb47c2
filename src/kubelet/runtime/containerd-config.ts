/** The configuration of a containerd of our own (containerd's config version 2, which 1.5 to 2.x read). */
export interface ContainerdSettings {
  /** Images and snapshots. */
  root: string;
  /** Sockets and what does not outlive a reboot. */
  state: string;
  socket: string;
  certsDir: string;
  cniConfigDir: string;
  cniBinDir: string;
  sandboxImage: string;
  snapshotter: 'overlayfs' | 'native';
  /** Name and program of each handler; the first is the default. */
  handlers: readonly { name: string; program: string }[];
  usesSystemdCgroups: boolean;
  canLowerOomScore: boolean;
}

/** Parts that a node does not need: they cost memory, wake-ups or folders outside ours. */
const disabledPlugins = [
  'io.containerd.snapshotter.v1.aufs',
  'io.containerd.snapshotter.v1.blockfile',
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.zfs',
  'io.containerd.internal.v1.opt',
  'io.containerd.internal.v1.restart',
  'io.containerd.internal.v1.tracing',
  'io.containerd.tracing.processor.v1.otlp',
  'io.containerd.monitor.v1.cgroups',
  'io.containerd.nri.v1.nri',
];

export function containerdConfig(settings: ContainerdSettings): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  const quote = (text: string): string => JSON.stringify(text);
  const handlers = settings.handlers.flatMap(({ name, program }) => [
    `[${cri}.containerd.runtimes.${name}]`,
    'runtime_type = "io.containerd.runc.v2"',
    `[${cri}.containerd.runtimes.${name}.options]`,
    `BinaryName = ${quote(program)}`,
    `SystemdCgroup = ${settings.usesSystemdCgroups}`,
  ]);
  return [
    'version = 2',
    `root = ${quote(settings.root)}`,
    `state = ${quote(settings.state)}`,
    `oom_score = ${settings.canLowerOomScore ? -999 : 0}`,
    `disabled_plugins = [${disabledPlugins.map(quote).join(', ')}]`,
    '[grpc]',
    `address = ${quote(settings.socket)}`,
    '[ttrpc]',
    `address = ${quote(`${settings.socket}.ttrpc`)}`,
    '[debug]',
    'level = "warn"',
    `[${cri}]`,
    `sandbox_image = ${quote(settings.sandboxImage)}`,
    'stream_server_address = "127.0.0.1"',
    'stream_server_port = "0"',
    'enable_tls_streaming = false',
    'max_container_log_line_size = 16384',
    'netns_mounts_under_state_dir = true',
    'tolerate_missing_hugetlb_controller = true',
    'disable_hugetlb_controller = true',
    'enable_unprivileged_ports = true',
    'enable_unprivileged_icmp = true',
    `restrict_oom_score_adj = ${!settings.canLowerOomScore}`,
    `[${cri}.containerd]`,
    `snapshotter = ${quote(settings.snapshotter)}`,
    `default_runtime_name = ${quote(settings.handlers[0]?.name ?? '')}`,
    'discard_unpacked_layers = true',
    ...handlers,
    `[${cri}.cni]`,
    `bin_dir = ${quote(settings.cniBinDir)}`,
    `conf_dir = ${quote(settings.cniConfigDir)}`,
    'max_conf_num = 1',
    `[${cri}.registry]`,
    `config_path = ${quote(`${settings.certsDir}:/etc/containerd/certs.d`)}`,
    '',
  ].join('\n');
}
