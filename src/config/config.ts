import { ConfigError } from './errors.ts';
import { parseIPv4, parseNetwork } from './ip.ts';

/** The effective configuration. Keys and defaults are MicroShift's; `apiServer.{port,front}`, `store` and `hardwareProfile` are nanoshift's own. */
export interface Config {
  apiServer: {
    /** Address that the `kubernetes` Service's endpoints carry; '' = the node's address. */
    advertiseAddress: string;
    subjectAltNames: string[];
    port: number;
    front: 'auto' | 'uws' | 'node';
    auditLog: AuditLogConfig;
  };
  dns: { baseDomain: string };
  network: { clusterNetwork: string[]; serviceNetwork: string[]; serviceNodePortRange: string };
  node: { hostnameOverride: string; nodeIP: string };
  debugging: { logLevel: LogLevelName };
  store: { backend: 'sqlite' | 'etcd' | 'memory'; etcd: { endpoints: string[] } };
  /** KubeletConfiguration fields, as MicroShift passes them on. '' and 0 leave the choice to nanoshift. */
  kubelet: { containerRuntimeEndpoint: string; maxPods: number; staticPodPath: string };
  /** Who runs containers. `auto`: the endpoint that kubelet names, else a runtime that is running, else our own. */
  runtime: { mode: RuntimeMode; handler: 'auto' | 'runc' | 'crun' };
  /** Board whose profile sets the budgets, or a profile's path (with a slash); '' = recognise the board. */
  hardwareProfile: string;
}

/** `own`: always a containerd of nanoshift's own. `none`: control plane only, no kubelet, service network or DNS. */
export type RuntimeMode = 'auto' | 'own' | 'none';

export type AuditProfile = 'None' | 'Default' | 'WriteRequestBodies' | 'AllRequestBodies';

/** Who asked what of the API. `maxFileAge` is in days (0 = for ever), `maxFileSize` in megabytes. */
export interface AuditLogConfig {
  profile: AuditProfile;
  maxFileAge: number;
  maxFiles: number;
  maxFileSize: number;
}

const auditProfiles: readonly AuditProfile[] = ['None', 'Default', 'WriteRequestBodies', 'AllRequestBodies'];

export type LogLevelName = 'Normal' | 'Debug' | 'Trace' | 'TraceAll';

const logLevels: readonly LogLevelName[] = ['Normal', 'Debug', 'Trace', 'TraceAll'];

/** Embedded defaults for this machine. */
export function defaultConfig(): Config {
  return {
    apiServer: {
      advertiseAddress: '',
      subjectAltNames: [],
      port: 6443,
      front: 'auto',
      auditLog: { profile: 'Default', maxFileAge: 0, maxFiles: 10, maxFileSize: 200 },
    },
    dns: { baseDomain: 'example.com' },
    network: {
      clusterNetwork: ['10.42.0.0/16'],
      serviceNetwork: ['10.43.0.0/16'],
      serviceNodePortRange: '30000-32767',
    },
    node: { hostnameOverride: '', nodeIP: '' },
    debugging: { logLevel: 'Normal' },
    store: { backend: 'sqlite', etcd: { endpoints: ['http://127.0.0.1:2379'] } },
    kubelet: { containerRuntimeEndpoint: '', maxPods: 0, staticPodPath: '' },
    runtime: { mode: 'auto', handler: 'auto' },
    hardwareProfile: '',
  };
}

/**
 * Applies a merged document over the defaults. Throws ConfigError for a wrong type or value. `warn` receives one line for
 * each key that is unknown, or that is MicroShift's and has no effect here yet.
 */
export function readConfig(document: unknown, warn: (line: string) => void): Config {
  const config = defaultConfig();
  const root = mapping(document ?? {}, '');
  warnUnknown(root, '', knownKeys, warn);

  const apiServer = mapping(root['apiServer'] ?? {}, 'apiServer');
  set(apiServer, 'advertiseAddress', 'apiServer.', ipAddress, (v) => (config.apiServer.advertiseAddress = v));
  set(apiServer, 'subjectAltNames', 'apiServer.', altNames, (v) => (config.apiServer.subjectAltNames = v));
  set(apiServer, 'port', 'apiServer.', port, (v) => (config.apiServer.port = v));
  set(apiServer, 'front', 'apiServer.', oneOf(['auto', 'uws', 'node'] as const), (v) => (config.apiServer.front = v));
  readAuditLog(mapping(apiServer['auditLog'] ?? {}, 'apiServer.auditLog'), config.apiServer.auditLog, warn);

  const dns = mapping(root['dns'] ?? {}, 'dns');
  set(dns, 'baseDomain', 'dns.', text, (v) => (config.dns.baseDomain = v));

  const network = mapping(root['network'] ?? {}, 'network');
  set(network, 'clusterNetwork', 'network.', networks, (v) => (config.network.clusterNetwork = v));
  set(network, 'serviceNetwork', 'network.', networks, (v) => (config.network.serviceNetwork = v));
  set(network, 'serviceNodePortRange', 'network.', portRange, (v) => (config.network.serviceNodePortRange = v));

  const node = mapping(root['node'] ?? {}, 'node');
  set(node, 'hostnameOverride', 'node.', hostName, (v) => (config.node.hostnameOverride = v));
  set(node, 'nodeIP', 'node.', ipAddress, (v) => (config.node.nodeIP = v));

  const debugging = mapping(root['debugging'] ?? {}, 'debugging');
  set(debugging, 'logLevel', 'debugging.', text, (v) => (config.debugging.logLevel = logLevel(v, warn)));

  const store = mapping(root['store'] ?? {}, 'store');
  set(store, 'backend', 'store.', oneOf(['sqlite', 'etcd', 'memory'] as const), (v) => (config.store.backend = v));
  const etcd = mapping(store['etcd'] ?? {}, 'store.etcd');
  set(etcd, 'endpoints', 'store.etcd.', texts, (v) => (config.store.etcd.endpoints = v));

  const kubelet = mapping(root['kubelet'] ?? {}, 'kubelet');
  set(
    kubelet,
    'containerRuntimeEndpoint',
    'kubelet.',
    unixSocket,
    (v) => (config.kubelet.containerRuntimeEndpoint = v),
  );
  set(kubelet, 'maxPods', 'kubelet.', podCount, (v) => (config.kubelet.maxPods = v));
  set(kubelet, 'staticPodPath', 'kubelet.', absolutePath, (v) => (config.kubelet.staticPodPath = v));

  const runtime = mapping(root['runtime'] ?? {}, 'runtime');
  set(runtime, 'mode', 'runtime.', oneOf(['auto', 'own', 'none'] as const), (v) => (config.runtime.mode = v));
  set(runtime, 'handler', 'runtime.', oneOf(['auto', 'runc', 'crun'] as const), (v) => (config.runtime.handler = v));

  set(root, 'hardwareProfile', '', text, (v) => (config.hardwareProfile = v));
  return config;
}

/** As in MicroShift, a zero leaves the default. */
function readAuditLog(from: Record<string, unknown>, to: AuditLogConfig, warn: (line: string) => void): void {
  const path = 'apiServer.auditLog.';
  set(from, 'profile', path, oneOf(auditProfiles), (v) => (to.profile = v));
  set(from, 'maxFileAge', path, wholeNumber, (v) => (to.maxFileAge = v || to.maxFileAge));
  set(from, 'maxFiles', path, wholeNumber, (v) => (to.maxFiles = v || to.maxFiles));
  set(from, 'maxFileSize', path, wholeNumber, (v) => (to.maxFileSize = v || to.maxFileSize));
  if (to.profile === 'None' || to.profile === 'Default') return;
  warn(`${path}profile ${to.profile}: bodies are not recorded yet; requests are recorded as Default`);
}

// --- keys -------------------------------------------------------------------------------------------------------

type KnownKeys = { [key: string]: KnownKeys | 'used' | 'unused' };

/** Every key of MicroShift's file and ours. `unused`: accepted for compatibility, not in effect yet. */
const knownKeys: KnownKeys = {
  apiServer: {
    advertiseAddress: 'used',
    subjectAltNames: 'used',
    port: 'used',
    front: 'used',
    namedCertificates: 'unused',
    auditLog: { profile: 'used', maxFileAge: 'used', maxFiles: 'used', maxFileSize: 'used' },
    tls: 'unused',
    featureGates: 'unused',
  },
  clusterToCluster: 'unused',
  debugging: { logLevel: 'used' },
  dns: { baseDomain: 'used', configFile: 'unused', hosts: 'unused', resources: 'unused' },
  etcd: { memoryLimitMB: 'unused' },
  genericDevicePlugin: 'unused',
  hardwareProfile: 'used',
  ingress: 'unused',
  kubelet: { containerRuntimeEndpoint: 'used', maxPods: 'used', staticPodPath: 'used' },
  manifests: 'unused',
  network: {
    clusterNetwork: 'used',
    serviceNetwork: 'used',
    serviceNodePortRange: 'used',
    cniPlugin: 'unused',
    multus: 'unused',
  },
  node: { hostnameOverride: 'used', nodeIP: 'used', nodeIPv6: 'unused' },
  runtime: { mode: 'used', handler: 'used' },
  storage: 'unused',
  store: { backend: 'used', etcd: { endpoints: 'used' } },
  telemetry: 'unused',
};

function warnUnknown(
  value: Record<string, unknown>,
  path: string,
  known: KnownKeys,
  warn: (line: string) => void,
): void {
  for (const [key, inner] of Object.entries(value)) {
    const at = path ? `${path}.${key}` : key;
    const entry = Object.hasOwn(known, key) ? known[key] : undefined;
    if (entry === undefined) warn(`unknown key ${at} is ignored`);
    else if (entry === 'unused') warn(`key ${at} is accepted but has no effect yet`);
    else if (entry !== 'used') warnUnknown(mapping(inner ?? {}, at), at, entry, warn);
  }
}

// --- values -----------------------------------------------------------------------------------------------------

type Reader<T> = (value: unknown, path: string) => T;

/** Reads `key` when it is present and not empty: as in MicroShift, empty values leave the default. */
function set<T>(
  from: Record<string, unknown>,
  key: string,
  prefix: string,
  read: Reader<T>,
  assign: (value: T) => void,
): void {
  const value = from[key];
  if (value === undefined || value === null || value === '') return;
  assign(read(value, prefix + key));
}

function mapping(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new ConfigError(path || 'document', 'must be a mapping');
}

const text: Reader<string> = (value, path) => {
  if (typeof value === 'string') return value;
  throw new ConfigError(path, 'must be a string');
};

const texts: Reader<string[]> = (value, path) => {
  if (!Array.isArray(value)) throw new ConfigError(path, 'must be a list of strings');
  return value.map((item, index) => text(item, `${path}[${index}]`));
};

const port: Reader<number> = (value, path) => {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_535) return value;
  throw new ConfigError(path, 'must be a port number');
};

const wholeNumber: Reader<number> = (value, path) => {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new ConfigError(path, 'must be a whole number, 0 or more');
};

const podCount: Reader<number> = (value, path) => {
  const count = wholeNumber(value, path);
  if (count <= 500) return count;
  throw new ConfigError(path, 'must be at most 500');
};

const absolutePath: Reader<string> = (value, path) => {
  const file = text(value, path);
  if (file.startsWith('/')) return file;
  throw new ConfigError(path, `"${file}" is not an absolute path`);
};

const unixSocket: Reader<string> = (value, path) => {
  const endpoint = text(value, path);
  if (/^(unix:\/\/)?\/./.test(endpoint)) return endpoint.replace(/^unix:\/\//, '');
  throw new ConfigError(path, `"${endpoint}" is not the address of a Unix socket such as unix:///run/crio/crio.sock`);
};

const ipAddress: Reader<string> = (value, path) => {
  const address = text(value, path);
  if (parseIPv4(address) === undefined) throw new ConfigError(path, `"${address}" is not an IPv4 address`);
  return address;
};

const hostName: Reader<string> = (value, path) => {
  const name = text(value, path);
  if (parseIPv4(name) !== undefined) throw new ConfigError(path, 'must not be an IP address');
  if (!/^[a-zA-Z0-9]([-a-zA-Z0-9.]{0,251}[a-zA-Z0-9])?$/.test(name))
    throw new ConfigError(path, `"${name}" is not a host name`);
  return name;
};

const altNames: Reader<string[]> = (value, path) => {
  const names = texts(value, path);
  names.forEach((name, index) => {
    if (
      name === 'localhost' ||
      name === '127.0.0.1' ||
      /^(kubernetes|openshift)(\.default(\.svc(\.cluster\.local)?)?)?$/.test(name)
    ) {
      throw new ConfigError(`${path}[${index}]`, `"${name}" is served already and must not be listed`);
    }
  });
  return names;
};

const networks: Reader<string[]> = (value, path) => {
  const list = texts(value, path);
  if (list.length !== 1) throw new ConfigError(path, 'must have one IPv4 network; dual stack is not supported yet');
  list.forEach((item, index) => {
    if (!parseNetwork(item))
      throw new ConfigError(`${path}[${index}]`, `"${item}" is not an IPv4 network such as 10.43.0.0/16`);
  });
  return list;
};

const portRange: Reader<string> = (value, path) => {
  const range = text(value, path);
  const match = /^([0-9]{1,5})-([0-9]{1,5})$/.exec(range);
  if (!match || Number(match[1]) < 1 || Number(match[1]) > Number(match[2]) || Number(match[2]) > 65_535) {
    throw new ConfigError(path, `"${range}" is not a port range such as 30000-32767`);
  }
  return range;
};

function oneOf<T extends string>(allowed: readonly T[]): Reader<T> {
  return (value, path) => {
    const found = allowed.find((item) => item === value);
    if (found === undefined) throw new ConfigError(path, `must be one of ${allowed.join(', ')}`);
    return found;
  };
}

function logLevel(value: string, warn: (line: string) => void): LogLevelName {
  const found = logLevels.find((level) => level.toLowerCase() === value.toLowerCase());
  if (!found) warn(`debugging.logLevel "${value}" is unknown; using Normal`);
  return found ?? 'Normal';
}
