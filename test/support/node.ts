/** A whole node for tests: the built program with a containerd of its own. To be used in a namespace of the test's own. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { apiRequest } from './api-request.ts';
import { run } from './netns.ts';
import { type RunningServer, runCommand, type ServerOptions, startServer } from './server.ts';

const root = resolve(import.meta.dirname, '../..');
export const nodeName = 'edge-1';

export interface RunningNode extends RunningServer {
  /** Asks the API as administrator. */
  ask<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** Stops it and starts it again over the same data: by SIGTERM, or as a crash. */
  restart(signal?: NodeJS.Signals): Promise<void>;
  /** Stops it and removes everything that it made. */
  dispose(): Promise<void>;
}

/** Starts the program, imports the hello image and waits until the node is Ready. */
export async function startNode(options: ServerOptions = {}): Promise<RunningNode> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'ns-'));
  const all: ServerOptions = {
    runtime: 'own',
    ...options,
    port: 6443,
    dataDir,
    config: `node: {hostnameOverride: ${nodeName}}\n${options.config ?? ''}`,
  };
  const images = await helloImages();
  let server = await startServer(all);
  const common = ['--config', join(dataDir, 'test-config.yaml'), '--data-dir', dataDir];
  const node: RunningNode = {
    ...server,
    ask: <T>(method: string, path: string, body?: unknown) =>
      apiRequest(server.kubeconfig, method, path, body) as Promise<T>,
    async restart(signal = 'SIGTERM') {
      await server.stop(signal);
      server = await startServer(all);
      Object.assign(node, { process: server.process, output: server.output, stop: server.stop });
    },
    async dispose() {
      await server.stop();
      const cleaned = await runCommand('cleanup', '--all', ...common);
      rmSync(dataDir, { recursive: true, force: true });
      if (cleaned.code !== 0) throw new Error(`cleanup: ${cleaned.output}`);
    },
  };
  try {
    const imported = await runCommand('images', 'import', ...common, ...images);
    if (imported.code !== 0) throw new Error(`images import: ${imported.output}`);
    await nodeIsReady(node);
  } catch (error) {
    await node.dispose();
    throw error;
  }
  return node;
}

interface NodeObject {
  status?: { conditions?: { type: string; status: string }[] };
}

export const nodeIsReady = (node: Pick<RunningNode, 'ask'>, name = nodeName): Promise<void> =>
  until('the node is Ready', async () => {
    const { status } = await node.ask<NodeObject>('GET', `/api/v1/nodes/${name}`).catch((): NodeObject => ({}));
    return status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True');
  });

/** Asks again and again, every 100 ms; throws after `limitMs`. */
export async function until(what: string, holds: () => Promise<boolean | undefined>, limitMs = 30_000): Promise<void> {
  for (const beganMs = performance.now(); !(await holds()); ) {
    if (performance.now() - beganMs > limitMs) throw new Error(`not within ${limitMs / 1000} s: ${what}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** Archives of the hello image, made once. */
async function helloImages(): Promise<string[]> {
  const folder = join(root, 'build/images');
  const file = join(folder, 'hello.tar');
  if (!existsSync(file)) await run(process.execPath, [join(root, 'scripts/images/make.ts'), folder]);
  return [file];
}
