/** A service network over an API in memory, with pods that are namespaces connected by the real CNI plugin. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Client, ResourceRef } from '../../src/client/types.ts';
import { FakeCluster } from '../../src/controllers/testing.ts';
import { type Logger, silentLogger, systemClock } from '../../src/kernel/index.ts';
import { cleanupNetwork, type Network, type NetworkOptions, startNetwork } from '../../src/network/index.ts';
import { endpointSlices, namespaces, pods, services } from '../../src/client/index.ts';
import type { KubeObject } from '../../src/schema/object.ts';
import { run } from '../support/netns.ts';

const execute = promisify(execFile);

export const dnsIP = '10.43.0.10';
export const nodeIP = '192.0.2.10';

export interface TestPod {
  name: string;
  ip: string;
  namespace: string;
}

interface Named extends KubeObject {
  metadata: { name: string; namespace: string; labels?: Record<string, string> };
}

/** Ports of a Service as tests write them. */
export interface TestPort {
  name?: string;
  protocol?: 'TCP' | 'UDP';
  port: number;
  targetPort: number;
  nodePort?: number;
}

export class TestNetwork {
  readonly cluster = new FakeCluster();
  readonly client: Client = withoutSelectors(this.cluster.clientFor('tester'));
  readonly pods: TestPod[] = [];
  readonly #children: ChildProcess[] = [];
  #folder = '';
  #network: Network | undefined;

  async start(overrides: Partial<NetworkOptions> = {}): Promise<void> {
    if (!this.#folder) {
      this.#folder = await mkdtemp(join(tmpdir(), 'ns-network-'));
      await this.client.create(namespaces, { metadata: { name: 'default' } });
    }
    this.#network = await startNetwork({ ...this.options, ...overrides });
  }

  get options(): NetworkOptions {
    return {
      client: this.client,
      nodeClient: this.client,
      clock: systemClock,
      log: process.env['NANOSHIFT_TEST_LOG'] ? printing : silentLogger,
      budget: { dnsQueries: 100 },
      config: {
        podNetwork: '10.42.0.0/24',
        clusterNetwork: '10.42.0.0/16',
        serviceNetwork: '10.43.0.0/16',
        nodeIPs: [nodeIP],
        nodeName: 'edge-1',
        dnsIP,
        advertiseAddress: '10.44.0.0',
        clusterDomain: 'cluster.local',
      },
      cniConfigDir: join(this.#folder, 'net.d'),
      cniLeases: join(this.#folder, 'leases'),
      resolvConf: join(this.#folder, 'resolv.conf'),
    };
  }

  async stop(): Promise<void> {
    await this.#network?.stop();
    this.#network = undefined;
  }

  async dispose(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    await this.stop();
    for (const pod of this.pods.splice(0)) await run('ip', ['netns', 'delete', pod.namespace]);
    await cleanupNetwork(this.options);
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** A namespace with an address from the CNI plugin, in which TCP and UDP servers on 8080 say who and whom they hear. */
  async addPod(name: string): Promise<TestPod> {
    const namespace = `ns-pod-${name}-${process.pid}`;
    await run('ip', ['netns', 'add', namespace]);
    const file = join(this.options.cniConfigDir, '10-nanoshift.conflist');
    const list = JSON.parse(await readFile(file, 'utf8')) as { cniVersion: string; name: string; plugins: object[] };
    const plugin = spawn('/usr/lib/cni/bridge', {
      env: {
        ...process.env,
        ...{ CNI_COMMAND: 'ADD', CNI_CONTAINERID: namespace, CNI_NETNS: `/run/netns/${namespace}` },
        ...{ CNI_IFNAME: 'eth0', CNI_PATH: '/usr/lib/cni' },
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let output = '';
    plugin.stdout.on('data', (chunk) => (output += String(chunk)));
    plugin.stdin.on('error', () => {}); // Its exit code says why it does not read.
    plugin.stdin.end(JSON.stringify({ ...list.plugins[0], cniVersion: list.cniVersion, name: list.name }));
    const [code] = await once(plugin, 'close');
    if (code !== 0) throw new Error(`the bridge plugin failed: ${output}`);
    const [address = ''] = (JSON.parse(output) as { ips: { address: string }[] }).ips.map((ip) => ip.address);
    const pod = { name, namespace, ip: address.split('/', 1)[0] ?? '' };
    this.pods.push(pod);
    await this.#serve(pod);
    return pod;
  }

  async #serve({ namespace, name }: TestPod): Promise<void> {
    const script = `
      const answer = (address) => ${JSON.stringify(name)} + ' ' + address.replace('::ffff:', '');
      require('net').createServer((s) => s.on('error', () => {}).end(answer(s.remoteAddress))).listen(8080);
      const udp = require('dgram').createSocket('udp4');
      udp.on('message', (_, from) => udp.send(answer(from.address), from.port, from.address));
      udp.bind(8080, () => console.log('ready'));`;
    const child = spawn('nsenter', [`--net=/run/netns/${namespace}`, process.execPath, '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    const ended = once(child, 'close').then(([code]) => {
      throw new Error(`the servers of ${name} ended with ${code}`);
    });
    ended.catch(() => {});
    await Promise.race([once(child.stdout, 'data'), ended]);
  }

  async setService(name: string, clusterIP: string, ports: readonly TestPort[], more: object = {}): Promise<void> {
    const object = {
      metadata: { name, namespace: 'default' },
      spec: {
        clusterIP,
        clusterIPs: [clusterIP],
        ports: ports.map(({ name: portName = '', ...port }) => ({ name: portName, ...port })),
        ...more,
      },
    };
    await this.#put(services, object);
  }

  /** One slice with the endpoints, all ready unless they say otherwise. */
  async setEndpoints(
    service: string,
    ports: readonly TestPort[],
    endpoints: readonly (string | { address: string; [field: string]: unknown })[],
    slice = 'a',
  ): Promise<void> {
    await this.#put(endpointSlices, {
      metadata: {
        name: `${service}-${slice}`,
        namespace: 'default',
        labels: { 'kubernetes.io/service-name': service },
      },
      addressType: 'IPv4',
      ports: ports.map(({ name = '', protocol = 'TCP', targetPort }) => ({ name, protocol, port: targetPort })),
      endpoints: endpoints.map((endpoint) => {
        const { address, ...more } = typeof endpoint === 'string' ? { address: endpoint } : endpoint;
        return { addresses: [address], nodeName: 'edge-1', ...more };
      }),
    });
  }

  async setPodPorts(pod: TestPod, ports: readonly object[]): Promise<void> {
    await this.#put(pods, {
      metadata: { name: pod.name, namespace: 'default' },
      spec: { nodeName: 'edge-1', containers: [{ name: 'main', ports }] },
      status: { phase: 'Running', podIP: pod.ip },
    });
  }

  async #put<T extends Named>(ref: ResourceRef, object: T): Promise<void> {
    const { name, namespace } = object.metadata;
    const there = this.cluster.peek(ref.resource, name, namespace);
    if (there) await this.client.update(ref, object);
    else await this.client.create(ref, object, { namespace });
  }
}

/** The cluster in memory knows no field selectors but that of names; here all pods are the node's. */
function withoutSelectors(client: Client): Client {
  const wrapped: Client = Object.create(client);
  for (const name of ['get', 'create', 'update', 'delete'] as const) {
    Object.assign(wrapped, { [name]: client[name].bind(client) });
  }
  wrapped.list = (ref) => client.list(ref);
  wrapped.watch = (ref, _, handler) => client.watch(ref, {}, handler);
  return wrapped;
}

const printing: Logger = {
  debug: (message, fields) => console.log('debug', message, fields),
  info: (message, fields) => console.log('info', message, fields),
  warn: (message, fields) => console.log('warn', message, fields),
  error: (message, fields) => console.log('error', message, fields),
  child: () => printing,
};

/** What the server at `address` says, or the code of the error. */
export function ask(address: string, port: number, limitMs = 5_000): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    let heard = '';
    socket.setTimeout(limitMs, () => socket.destroy(Object.assign(new Error('late'), { code: 'ETIMEDOUT' })));
    socket.on('data', (chunk) => (heard += String(chunk)));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('end', () => resolve(heard));
  });
}

/** Likewise, from within a pod. `target` is socat's: `TCP:10.43.0.20:80`. */
export async function askFrom(pod: TestPod, target: string): Promise<string> {
  // How long to wait after its own end of input: a TCP server ends what it says, by UDP nobody does.
  const [peer, wait] = target.startsWith('TCP') ? [`${target},connect-timeout=5`, '5'] : [target, '2'];
  try {
    const asked = execute('nsenter', [`--net=/run/netns/${pod.namespace}`, 'socat', '-t', wait, '-T', wait, '-', peer]);
    // A refused socat is gone before it reads: EPIPE; its exit code says why.
    asked.child.stdin?.on('error', () => undefined).end('?');
    return (await asked).stdout;
  } catch (error) {
    return /Connection (refused|timed out)/.exec(String((error as { stderr: string }).stderr))?.[0] ?? String(error);
  }
}

/** Asks again until the answer is as wanted, then tells it; throws after 30 s. */
export async function eventually(question: () => Promise<string>, wanted: RegExp): Promise<string> {
  let last = '';
  for (const beganMs = performance.now(); performance.now() - beganMs < 30_000; ) {
    last = await question();
    if (wanted.test(last)) return last;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`the answer is ${last}, not ${wanted}`);
}
