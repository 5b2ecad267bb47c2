/** nanoshift under upstream's suite: started in this network namespace, with or without a kubelet. */
import { spawn } from 'node:child_process';
import { createWriteStream, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { apiRequest } from '../support/api-request.ts';
import { namespaceAddress } from '../support/netns.ts';
import { ended, saysReady } from '../support/server.ts';

export const suiteNodeName = 'node-1';
const bundle = resolve(import.meta.dirname, '../../dist/nanoshift.mjs');

export interface ServerOptions {
  folder: string;
  front: string;
  store: string;
  etcdEndpoint?: string | undefined;
  /** A kubelet with a containerd of its own; else the control plane only. */
  pods: boolean;
}

export interface SuiteServer {
  kubeconfig: string;
  dataDir: string;
  config: string;
  stop(): Promise<void>;
}

/** Resolves when it says that it is ready. */
export async function startSuiteServer(options: ServerOptions): Promise<SuiteServer> {
  const dataDir = join(options.folder, 'data');
  const config = join(options.folder, 'config.yaml');
  const { etcdEndpoint, store: backend, front } = options;
  writeFileSync(
    config,
    stringify({
      node: { hostnameOverride: suiteNodeName, nodeIP: namespaceAddress },
      apiServer: { front },
      store: { backend, ...(etcdEndpoint && { etcd: { endpoints: [etcdEndpoint] } }) },
      runtime: { mode: options.pods ? 'own' : 'none' },
    }),
  );
  const log = createWriteStream(join(options.folder, 'nanoshift.log'));
  const args = [bundle, 'run', '--config', config, '--data-dir', dataDir];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    await saysReady(child, (text) => log.write(text));
  } catch (error) {
    throw new Error(`${(error as Error).message}; see ${options.folder}/nanoshift.log`);
  }
  return {
    kubeconfig: join(dataDir, 'resources/kubeadmin/kubeconfig'),
    dataDir,
    config,
    async stop() {
      await ended(child, 'SIGTERM');
      log.end();
    },
  };
}

/** Runs one command of nanoshift to its end, showing what it says. */
export function nanoshift(...args: string[]): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [bundle, ...args], { stdio: 'inherit' });
    child.on('error', fail);
    child.on('close', (code) => (code === 0 ? done() : fail(new Error(`nanoshift ${args.join(' ')}: code ${code}`))));
  });
}

/** Two Ready nodes as facts of the API: 4 CPU, 8 Gi, 110 pods, an InternalIP each. */
export async function makeNodes(kubeconfig: string): Promise<void> {
  const resources = { cpu: '4', memory: '8Gi', pods: '110', 'ephemeral-storage': '20Gi' };
  for (const [index, name] of ['node-1', 'node-2'].entries()) {
    const labels = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' };
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } };
    await apiRequest(kubeconfig, 'POST', '/api/v1/nodes', node);
    const heartbeat = `${new Date().toISOString().slice(0, 19)}Z`;
    const status = {
      capacity: resources,
      allocatable: resources,
      addresses: [
        { type: 'InternalIP', address: `192.0.2.${10 + index}` },
        { type: 'Hostname', address: name },
      ],
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', lastHeartbeatTime: heartbeat }],
    };
    // Not a PUT: the node controller writes to the node meanwhile.
    await apiRequest(kubeconfig, 'PATCH', `/api/v1/nodes/${name}/status`, { status });
    const taintFree = await apiRequest(kubeconfig, 'PATCH', `/api/v1/nodes/${name}`, { spec: { taints: null } });
    if (!taintFree) throw new Error('node was not made');
  }
}
