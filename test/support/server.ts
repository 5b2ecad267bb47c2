import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';

const root = resolve(import.meta.dirname, '../..');

export interface ServerOptions {
  front?: 'uws' | 'node';
  store?: 'sqlite' | 'etcd' | 'memory';
  etcdEndpoint?: string;
  /** Reuse after a stop: a warm start on the same port. */
  dataDir?: string;
  port?: number;
  /** Default: control plane only. */
  runtime?: 'own' | 'auto' | 'none';
  /** More lines of config.yaml. */
  config?: string;
  /** A shipped profile's board, or what is different from `default`: keys of hardware-profiles/schema.json. */
  profile?: string | Readonly<Record<string, number>>;
  env?: Readonly<Record<string, string>>;
}

export interface RunningServer {
  process: ChildProcess;
  port: number;
  url: string;
  dataDir: string;
  kubeconfig: string;
  /** Everything that it has written to standard output and error. */
  output(): string;
  /** Ends it and waits; returns the exit code (null when killed by the signal). */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts the built bundle on a free port and waits until it says that it is ready. Remove `dataDir` yourself if you gave one. */
export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'nanoshift-test-'));
  const port = options.port ?? (await freePort());
  mkdirSync(dataDir, { recursive: true });
  const config = join(dataDir, 'test-config.yaml');
  writeFileSync(
    config,
    [
      `apiServer: {port: ${port}, front: ${options.front ?? 'auto'}}`,
      `store: {backend: ${options.store ?? 'sqlite'}, etcd: {endpoints: ['${options.etcdEndpoint ?? 'http://127.0.0.1:2379'}']}}`,
      `runtime: {mode: ${options.runtime ?? 'none'}}`,
      options.config ?? '',
    ].join('\n'),
  );
  const profile = typeof options.profile === 'object' ? tightProfile(dataDir, options.profile) : options.profile;
  const args = ['run', '--config', config, '--data-dir', dataDir, '--profile', profile ?? 'default'];
  const started = launch(args, options.env && { env: options.env });
  await isReadyInTime(started);
  return {
    process: started.process,
    port,
    url: `https://127.0.0.1:${port}`,
    dataDir,
    kubeconfig: join(dataDir, 'resources/kubeadmin/kubeconfig'),
    output: started.output,
    async stop(signal = 'SIGTERM') {
      const code = await ended(started.process, signal);
      if (!options.dataDir) rmSync(dataDir, { recursive: true, force: true });
      return code;
    },
  };
}

const readyLimitMs = 120_000;

/** One that says nothing would hold the test up for ever. */
async function isReadyInTime({ process: child, ready, output }: Launched): Promise<void> {
  const timer = setTimeout(() => child.kill('SIGKILL'), readyLimitMs);
  try {
    await ready;
  } catch (error) {
    if (child.signalCode !== 'SIGKILL') throw error;
    throw new Error(`nanoshift was not ready after ${readyLimitMs / 1000} s:\n${output().slice(-4000)}`);
  } finally {
    clearTimeout(timer);
  }
}

/** Writes the default profile with other bounds, and returns its path. */
function tightProfile(dataDir: string, bounds: Readonly<Record<string, number>>): string {
  const profile = parse(readFileSync(join(root, 'hardware-profiles/default.yaml'), 'utf8')) as { budget: object };
  const path = join(dataDir, 'profile.yaml');
  writeFileSync(path, stringify({ ...profile, budget: { ...profile.budget, ...bounds } }));
  return path;
}

export interface CommandResult {
  code: number | null;
  output: string;
}

/** Runs one command line of the bundle to its end. */
export const runCommand = (...args: string[]): Promise<CommandResult> => runCommandAs({}, ...args);

/** The same as another user, or with more environment. */
export async function runCommandAs(options: LaunchOptions, ...args: string[]): Promise<CommandResult> {
  const started = launch(args, options);
  started.ready.catch(() => {});
  const code = await new Promise<number | null>((done) => started.process.on('close', done));
  return { code, output: started.output() };
}

interface LaunchOptions {
  env?: Readonly<Record<string, string>>;
  uid?: number;
}

interface Launched {
  process: ChildProcess;
  ready: Promise<void>;
  output(): string;
}

function launch(args: readonly string[], { env = {}, uid }: LaunchOptions = {}): Launched {
  const bundle = join(root, 'dist/nanoshift.mjs');
  if (!existsSync(bundle)) throw new Error('dist/nanoshift.mjs is missing: npm run build');
  const child = spawn(process.execPath, [bundle, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    ...(uid !== undefined && { uid }),
  });
  const chunks: string[] = [];
  const output = (): string => chunks.join('');
  const ready = saysReady(child, (text) => chunks.push(text));
  ready.catch(() => {});
  return {
    process: child,
    ready: ready.catch((error: Error) => {
      throw new Error(`${error.message}:\n${output().slice(-4000)}`);
    }),
    output,
  };
}

/** Resolves when the program says that it is ready; rejects when it has ended, or cannot begin, before. */
export function saysReady(child: ChildProcess, hear: (text: string) => void): Promise<void> {
  return new Promise<void>((done, fail) => {
    let isReady = false;
    for (const stream of [child.stdout, child.stderr]) {
      // What it says may come in pieces, and a piece may end anywhere.
      let line = '';
      stream?.setEncoding('utf8').on('data', (text: string) => {
        hear(text);
        if (isReady) return;
        line += text;
        isReady = line.includes('nanoshift ready');
        if (isReady) done();
        line = line.slice(line.lastIndexOf('\n') + 1);
      });
    }
    child.on('error', fail);
    child.on('close', (code, signal) => fail(new Error(`nanoshift ended with ${code ?? signal}`)));
  });
}

/** Ends a child and waits for it; resolves at once when it has ended already. */
export function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  return new Promise((done) => {
    if (child.exitCode !== null || child.signalCode !== null) return done(child.exitCode);
    child.on('exit', (code) => done(code));
    child.kill(signal);
  });
}

/**
 * A port that was free a moment ago. Below those that the kernel gives to whoever asks for any, connections included, so
 * that nothing else on the machine takes it before a server does, or while one restarts.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = 10_250 + Math.floor(Math.random() * 19_000);
    if (await isFree(port)) return port;
  }
  throw new Error('no free port was found');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer();
    probe.on('error', () => done(false));
    probe.listen(port, '0.0.0.0', () => probe.close(() => done(true)));
  });
}
