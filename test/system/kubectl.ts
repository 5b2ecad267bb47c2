/** Every kubectl named on the command line against the built bundle: `node test/system/kubectl.ts PATH…`; exits 1 on failure. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type RunningServer, startServer } from '../support/server.ts';
import { type Command, commands, lifeOf } from './kubectl/cases.ts';
import { manifests } from './kubectl/manifests.ts';

const commandTimeoutMs = 30_000;
const lanes = 3;

interface Kubectl {
  path: string;
  namespace: string;
  /** Home, cache and files of its own. */
  folder: string;
  server: RunningServer;
}

interface Outcome {
  passed: number;
  failures: string[];
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function testKubectl(path: string, index: number): Promise<[string, Outcome]> {
  const folder = mkdtempSync(join(tmpdir(), 'kubectl-test-'));
  const kubectl: Kubectl = { path, namespace: 'default', folder, server };
  const outcome: Outcome = { passed: 0, failures: [] };
  try {
    kubectl.namespace = `kubectl-${index}`;
    await check(kubectl, outcome, { args: `create namespace ${kubectl.namespace}`, expect: /created/ });
    const nameOf = (kind: number): string => `thing-${index}-${kind}`;
    const stories = [commands, ...manifests.map((manifest, kind) => lifeOf(manifest, nameOf(kind)))];
    await inLanes(stories, (story) => tell(kubectl, outcome, story));
    await watchConfigMaps(kubectl, outcome);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return [basename(path), outcome];
}

async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const lane = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

async function tell(kubectl: Kubectl, outcome: Outcome, story: readonly Command[]): Promise<void> {
  for (const command of story) await check(kubectl, outcome, command);
}

async function check(kubectl: Kubectl, outcome: Outcome, command: Command): Promise<void> {
  const { code, output } = await run(kubectl, command);
  const fits = code === (command.code ?? 0) && (command.expect?.test(output) ?? true);
  if (fits) outcome.passed++;
  else
    outcome.failures.push(
      `kubectl ${command.args}\n  exit ${code}, expected ${command.code ?? 0} and ${command.expect}\n  ${output.trim().replaceAll('\n', '\n  ')}`,
    );
}

let files = 0;

/** Words are separated by blanks; none of the commands has a blank inside a word. */
function run(kubectl: Kubectl, { args, input, editor }: Command): Promise<{ code: number; output: string }> {
  const words = args.split(' ');
  if (input !== undefined) {
    const file = join(kubectl.folder, `${files++}.yaml`);
    writeFileSync(file, input.replaceAll('NAMESPACE', kubectl.namespace));
    words[words.indexOf('FILE')] = file;
  }
  const env = environmentOf(kubectl, editor);
  return new Promise((done) => {
    execFile(
      kubectl.path,
      [...contextOf(kubectl), ...words],
      { env, timeout: commandTimeoutMs },
      (error, stdout, stderr) => {
        const code = error ? (typeof error.code === 'number' ? error.code : -1) : 0;
        done({ code, output: stdout + stderr });
      },
    );
  });
}

const contextOf = ({ server: { kubeconfig }, namespace }: Kubectl): string[] => [
  '--kubeconfig',
  kubeconfig,
  '--namespace',
  namespace,
];

const environmentOf = ({ folder }: Kubectl, editor = 'true'): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: folder,
  KUBE_EDITOR: editor,
});

/** `get -w` shows what was there, what comes, what changes and what goes. */
async function watchConfigMaps(kubectl: Kubectl, outcome: Outcome): Promise<void> {
  await run(kubectl, { args: 'create configmap watched-0 --from-literal=a=1' });
  const args = [...contextOf(kubectl), 'get', 'configmaps', '--watch', '--output-watch-events'];
  const watcher = spawn(kubectl.path, args, { env: environmentOf(kubectl), stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const lines = linesOf(watcher);
    await lines.until(/ADDED +watched-0 +1/);
    await run(kubectl, { args: 'create configmap watched-1' });
    await lines.until(/ADDED +watched-1 +0/);
    await run(kubectl, { args: 'patch configmap watched-1 -p {"data":{"a":"1"}}' });
    await lines.until(/MODIFIED +watched-1 +1/);
    await run(kubectl, { args: 'delete configmap watched-1' });
    await lines.until(/DELETED +watched-1 +1/);
    outcome.passed++;
  } catch (error) {
    outcome.failures.push(`get --watch: ${String(error)}`);
  } finally {
    watcher.kill();
  }
}

function linesOf(child: ChildProcess): { until(pattern: RegExp): Promise<void> } {
  let text = '';
  let look: () => void = () => {};
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    look();
  });
  return {
    until: (pattern) =>
      new Promise((done, fail) => {
        const timer = setTimeout(() => fail(new Error(`${pattern} did not come:\n${text}`)), commandTimeoutMs);
        look = () => {
          if (!pattern.test(text)) return;
          clearTimeout(timer);
          done();
        };
        look();
      }),
  };
}

const paths = process.argv.slice(2);
if (paths.length === 0) {
  process.stderr.write('usage: node test/system/kubectl.ts PATH-TO-KUBECTL…\n');
  process.exit(2);
}
const server = await startServer({ store: 'memory' });
const outcomes: [name: string, outcome: Outcome][] = [];
try {
  for (const [index, path] of paths.entries()) outcomes.push(await testKubectl(path, index));
} finally {
  await server.stop();
}
for (const [name, { failures }] of outcomes) for (const text of failures) print(`${name}: ${text}\n`);
print('kubectl      passed  failed');
for (const [name, { passed, failures }] of outcomes) {
  print(`${name.padEnd(12)} ${String(passed).padStart(6)}  ${String(failures.length).padStart(6)}`);
}
process.exitCode = outcomes.some(([, { failures }]) => failures.length > 0) ? 1 : 0;
