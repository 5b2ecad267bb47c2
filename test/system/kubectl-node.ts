/**
 * The hello application, as README tells it, with every kubectl named on the command line, against the built program with
 * real pods: `node test/system/kubectl-node.ts PATH…` as root. Exit code 1 when a step failed.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { basename, resolve } from 'node:path';
import { interrupted, runInNamespace } from '../support/netns.ts';
import { type RunningNode, startNode } from '../support/node.ts';

const hello = resolve(import.meta.dirname, '../../examples/hello.yaml');
const marker = 'NANOSHIFT_TEST_NAMESPACE';
const paths = process.argv.slice(2);
if (paths.length === 0) {
  process.stderr.write('usage: node test/system/kubectl-node.ts PATH-TO-KUBECTL…\n');
  process.exit(2);
}

function outside(): Promise<number> {
  const name = `ns-kubectl-${process.pid}`;
  const command = [process.execPath, import.meta.filename, ...paths];
  return runInNamespace(name, command, { stdio: 'inherit', env: { ...process.env, [marker]: name } });
}

async function inside(): Promise<number> {
  const interruption = interrupted();
  const node = await startNode();
  let failures = 0;
  try {
    for (const [index, path] of paths.entries()) {
      const kubectl = new Kubectl(path, node.kubeconfig, `hello-${index}`);
      for (const [what, step] of story) {
        interruption.throwIfAborted();
        const beganMs = performance.now();
        const error = await step(kubectl, node).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (error) {
          failures++;
          process.stderr.write(node.output().slice(-4_000));
        }
        const took = `${Math.round(performance.now() - beganMs)} ms`;
        console.log(`${error ? 'FAIL' : 'ok  '} ${basename(path)}: ${what} (${took})${error ? `\n     ${error}` : ''}`);
      }
    }
  } finally {
    await node.dispose();
  }
  return failures === 0 ? 0 : 1;
}

class Kubectl {
  readonly #path: string;
  readonly #context: readonly string[];
  readonly namespace: string;

  constructor(path: string, kubeconfig: string, namespace: string) {
    this.#path = path;
    this.namespace = namespace;
    this.#context = ['--kubeconfig', kubeconfig, '--namespace', namespace];
  }

  /** Standard output; rejects with everything it said when the exit code is not `code`. */
  run(
    words: string | readonly string[],
    { code = 0, input }: { code?: number; input?: Uint8Array } = {},
  ): Promise<string> {
    const args = [...this.#context, ...(typeof words === 'string' ? words.split(' ') : words)];
    return new Promise((done, fail) => {
      const options = { timeout: 60_000, maxBuffer: 64 << 20, encoding: 'latin1' as const };
      const child = execFile(this.#path, args, options, (error, stdout, stderr) => {
        const ended = error ? error.code : 0;
        if (ended === code) done(stdout);
        else fail(new Error(`kubectl ${args.slice(4).join(' ')}: exit ${ended}\n${stdout}${stderr}`));
      });
      child.stdin?.on('error', () => undefined).end(input);
    });
  }

  commandLine(words: readonly string[]): string {
    return [this.#path, ...this.#context, ...words].map((word) => `'${word}'`).join(' ');
  }

  start(words: string): { child: ChildProcess; output: () => string; until(pattern: RegExp): Promise<void> } {
    const child = spawn(this.#path, [...this.#context, ...words.split(' ')], { stdio: ['pipe', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (text += String(chunk)));
    return {
      child,
      output: () => text,
      until: (pattern) =>
        eventually(
          `${words} says ${pattern}`,
          async () => pattern.test(text),
          () => text,
        ),
    };
  }
}

type Step = (kubectl: Kubectl, node: RunningNode) => Promise<void>;

const story: readonly [string, Step][] = [
  ['get nodes shows Ready', async (k) => expect(await k.run('get nodes'), /^edge-1 +Ready +control-plane/m)],
  [
    'apply: Running within 6 s',
    async (k) => {
      await k.run(`create namespace ${k.namespace}`);
      await k.run(['apply', '-f', hello]);
      await k.run('rollout status deployment/hello --timeout=6s');
      expect(await k.run('get pods'), /hello-\S+ +1\/1 +Running +0 [\s\S]*hello-\S+ +1\/1 +Running +0/);
    },
  ],
  [
    'the Service answers on its ClusterIP from the host',
    async (k) => {
      const address = await k.run('get service hello -o jsonpath={.spec.clusterIP}');
      await eventually('http', async () => /Hello from nanoshift/.test(await get(`http://${address}/`)));
    },
  ],
  [
    'by address and by name from a pod',
    async (k) => {
      const address = await k.run('get service hello -o jsonpath={.spec.clusterIP}');
      for (const name of [address, 'hello', `hello.${k.namespace}`, `hello.${k.namespace}.svc.cluster.local`]) {
        expect(await k.run(`exec deploy/hello -- wget -qO- http://${name}/`), /Hello from nanoshift/);
      }
    },
  ],
  ['logs', async (k) => expect(await k.run('logs deploy/hello --tail=100'), /./)],
  [
    'logs -f shows a request as it comes',
    async (k) => {
      const [pod = ''] = (await k.run('get pods -o name')).trim().split('\n');
      const logs = k.start(`logs -f --since=1s ${pod}`);
      try {
        await eventually(
          'a line',
          async () => {
            await k.run(`exec ${pod} -- wget -qO- http://localhost:8080/?seen-by-logs`).catch(() => '');
            return logs.output().includes('seen-by-logs');
          },
          logs.output,
        );
      } finally {
        logs.child.kill();
      }
    },
  ],
  [
    'exec: exit codes, 5 MB through standard input',
    async (k) => {
      await k.run(['exec', 'deploy/hello', '--', 'sh', '-c', 'exit 9'], { code: 9 });
      const input = randomBytes(5 << 20);
      const sum = createHash('md5').update(input).digest('hex');
      expect(await k.run('exec -i deploy/hello -- md5sum', { input }), new RegExp(sum));
    },
  ],
  [
    'exec -it on a terminal',
    async (k) => {
      const words = ['exec', '-it', 'deploy/hello', '--', 'sh', '-c', 'test -t 0 && stty size && echo terminal'];
      const output = await new Promise<string>((done) => {
        execFile('script', ['-qec', k.commandLine(words), '/dev/null'], { timeout: 20_000 }, (_, stdout) =>
          done(stdout),
        );
      });
      expect(output, /terminal/);
    },
  ],
  [
    'port-forward, three requests',
    async (k) => {
      const forward = k.start('port-forward service/hello 18080:80');
      try {
        await forward.until(/Forwarding from/);
        for (let i = 0; i < 3; i++) expect(await get('http://127.0.0.1:18080/'), /Hello from nanoshift/);
      } finally {
        forward.child.kill();
      }
    },
  ],
  [
    'rollout restart, history and undo',
    async (k) => {
      const before = await k.run('get pods -o name');
      await k.run('rollout restart deployment/hello');
      await k.run('rollout status deployment/hello --timeout=30s');
      await eventually('new pods only', async () => {
        const names = (await k.run('get pods -o name')).trim().split('\n');
        return names.length === 2 && names.every((name) => !before.includes(name));
      });
      expect(await k.run('rollout history deployment/hello'), /2 +<none>/);
    },
  ],
  [
    'scale to 4 and to 1',
    async (k) => {
      await k.run('scale deployment/hello --replicas=4');
      await k.run('rollout status deployment/hello --timeout=30s');
      await k.run('scale deployment/hello --replicas=1');
      await eventually('one pod', async () => (await k.run('get pods -o name')).trim().split('\n').length === 1);
    },
  ],
  [
    'a changed ConfigMap reaches the pod',
    async (k) => {
      await k.run(['patch', 'configmap', 'hello', '-p', '{"data":{"greeting":"Changed"}}']);
      await eventually(
        'the new text',
        async () => /Changed/.test(await k.run('exec deploy/hello -- cat /etc/hello/greeting')),
        undefined,
        90_000,
      );
    },
  ],
  ['describe', async (k) => expect(await k.run('describe pods'), /Started +container hello|Container started/i)],
  [
    'delete: everything is gone',
    async (k) => {
      await k.run(['delete', '-f', hello]);
      await eventually('no pods', async () => (await k.run('get pods -o name')).trim() === '');
      await k.run(`delete namespace ${k.namespace}`);
    },
  ],
];

function expect(text: string, pattern: RegExp): void {
  if (!pattern.test(text)) throw new Error(`expected ${pattern} in:\n${text}`);
}

async function get(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(3_000), headers: { connection: 'close' } });
  return response.text();
}

async function eventually(
  what: string,
  holds: () => Promise<boolean>,
  shown: () => string = () => '',
  limitMs = 30_000,
): Promise<void> {
  for (const beganMs = performance.now(); !(await holds().catch(() => false)); ) {
    if (performance.now() - beganMs > limitMs) throw new Error(`not within ${limitMs / 1000} s: ${what}\n${shown()}`);
    await new Promise((done) => setTimeout(done, 200));
  }
}

process.exitCode = process.env[marker] ? await inside() : await outside();
