// Issue: what is wrong with the machine is told in one clear line with exit code 1; what is wrong with an object is told
// on that object, in upstream's reasons, and disturbs nothing else.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inOwnNamespace } from '../support/own-namespace.ts';
import { type RunningNode, startNode, until } from '../support/node.ts';

const bundle = resolve(import.meta.dirname, '../../dist/nanoshift.mjs');
const path = '/api/v1/namespaces/default';
const hello = 'docker.io/nanoshift/hello:1';

/** Where Debian and others have it. */
const programPaths = (name: string): string[] =>
  ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin'].map((dir) => `${dir}/${name}`).filter(existsSync);

interface Refusal {
  what: string;
  says: RegExp;
  /** Programs and folders that are not there for it. */
  hides?: readonly string[];
  config?: string;
  uid?: number;
}

const refusals: readonly Refusal[] = [
  {
    what: 'no containerd',
    hides: programPaths('containerd'),
    says: /containerd was not found: install the package containerd/,
  },
  {
    what: 'neither runc nor crun',
    hides: ['runc', 'crun'].flatMap(programPaths),
    says: /neither runc nor crun was found/,
  },
  {
    what: 'no CNI plugins',
    hides: ['/usr/lib/cni'],
    says: /no CNI plugins were found: install the package containernetworking-plugins/,
  },
  {
    what: 'no nftables',
    hides: programPaths('nft'),
    says: /cannot run nft: not found \(Debian: apt install nftables\)/,
  },
  { what: 'no root', uid: 65534, says: /must be run as root/ },
  {
    what: 'a named runtime that does not answer',
    config: 'kubelet: {containerRuntimeEndpoint: unix:///run/nowhere.sock}',
    says: /the container runtime at .*nowhere\.sock .* cannot be used/,
  },
  {
    what: 'an endpoint that is no socket',
    config: 'kubelet: {containerRuntimeEndpoint: "tcp://127.0.0.1:1"}',
    says: /kubelet\.containerRuntimeEndpoint: "tcp:\/\/127\.0\.0\.1:1" is not the address of a Unix socket/,
  },
];

/** Runs in a mount namespace where what is hidden is not there; the machine's own files stay as they are. */
function runWithout({
  hides = [],
  config = '',
  uid,
}: Omit<Refusal, 'what' | 'says'>): Promise<{ code: number | null; lines: string[] }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'ns-'));
  const file = join(dataDir, 'config.yaml');
  writeFileSync(file, `runtime: {mode: ${config.includes('kubelet') ? 'auto' : 'own'}}\n${config}\n`);
  const hiding = hides.map((hidden, index) => withoutFile(hidden, join(dataDir, `layer-${index}`)));
  const common = ['--config', file, '--data-dir', join(dataDir, 'data')];
  const command = [process.execPath, bundle, 'run', ...common];
  const script = [...hiding, `exec ${command.join(' ')}`].join(' && ');
  const namespace = hiding.length > 0 ? ['unshare', '--mount'] : [];
  const [program = '', ...args] = [...namespace, 'sh', '-c', script];
  chmodSync(dataDir, 0o777);
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid !== undefined && { uid }),
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => chunks.push(String(chunk)));
  return new Promise((done) => {
    child.on('close', (code) => {
      // A start that fails late leaves the containerd that it has started to the next start.
      const wasStarted = existsSync(join(dataDir, 'data'));
      if (wasStarted) execFileSync(process.execPath, [bundle, 'cleanup', '--all', ...common]);
      rmSync(dataDir, { recursive: true, force: true });
      const lines = chunks
        .join('')
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('{'));
      done({ code, lines });
    });
  });
}

/** Shell: lays a writable layer over the folder of a file, and removes the file there. */
function withoutFile(hidden: string, layer: string): string {
  for (const name of ['upper', 'work']) mkdirSync(join(layer, name), { recursive: true });
  const folder = dirname(hidden);
  const options = `lowerdir=${folder},upperdir=${layer}/upper,workdir=${layer}/work`;
  return `mount -t overlay overlay -o ${options} ${folder} && rm -r ${hidden}`;
}

interface Pod {
  status?: {
    phase?: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    containerStatuses?: {
      state?: {
        waiting?: { reason?: string; message?: string };
        running?: object;
        terminated?: { reason?: string; message?: string; exitCode: number };
      };
    }[];
  };
}

interface Event {
  reason: string;
  message: string;
  involvedObject: { name: string };
}

const podOf = (name: string, container: object, spec: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image: hello, command: ['sleep', '1000000'], ...container }],
    ...spec,
  },
});

interface BadPod {
  what: string;
  pod: object;
  holds(pod: Pod): boolean;
  event: [reason: string, message: RegExp];
}

const waitsFor =
  (reason: string, message: RegExp) =>
  ({ status }: Pod): boolean => {
    const waiting = status?.containerStatuses?.[0]?.state?.waiting;
    return waiting?.reason === reason && message.test(waiting.message ?? '');
  };

const badPods: readonly BadPod[] = [
  {
    what: 'a bad image name',
    pod: podOf('bad-image-name', { image: 'UPPER/Case' }),
    holds: waitsFor('InvalidImageName', /couldn't parse image name "UPPER\/Case": invalid reference format/),
    event: ['InspectFailed', /Failed to apply default image tag "UPPER\/Case"/],
  },
  {
    what: 'an image that nobody has',
    pod: podOf('no-image', { image: 'registry.invalid/none:1' }),
    holds: ({ status }) =>
      /^(ErrImagePull|ImagePullBackOff)$/.test(status?.containerStatuses?.[0]?.state?.waiting?.reason ?? ''),
    event: ['Failed', /Failed to pull image "registry\.invalid\/none:1": /],
  },
  {
    what: 'an image that must not be pulled',
    pod: podOf('never-pull', { image: 'registry.invalid/none:2', imagePullPolicy: 'Never' }),
    holds: waitsFor(
      'ErrImageNeverPull',
      /Container image "registry\.invalid\/none:2" is not present with pull policy of Never/,
    ),
    event: ['ErrImageNeverPull', /is not present with pull policy of Never/],
  },
  {
    what: 'a command that does not exist',
    pod: podOf('no-command', { command: ['/does-not-exist'] }, { restartPolicy: 'Never' }),
    holds: ({ status }) => {
      const ended = status?.containerStatuses?.[0]?.state?.terminated;
      return status?.phase === 'Failed' && ended?.reason === 'StartError' && ended.exitCode === 128;
    },
    event: ['Failed', /Error: failed to create containerd task: .*does-not-exist/],
  },
  {
    what: 'a request that no node has room for',
    pod: podOf('too-big', { resources: { requests: { cpu: '1000' } } }),
    holds: ({ status }) =>
      status?.conditions?.some(
        ({ type, reason, message }) =>
          type === 'PodScheduled' &&
          reason === 'Unschedulable' &&
          /^0\/1 nodes are available: 1 Insufficient cpu\./.test(message ?? ''),
      ) ?? false,
    event: ['FailedScheduling', /^0\/1 nodes are available: 1 Insufficient cpu\./],
  },
  {
    what: 'a variable from a ConfigMap that does not exist',
    pod: podOf('no-config-map', { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'nope', key: 'a' } } }] }),
    holds: waitsFor('CreateContainerConfigError', /^configmap "nope" not found$/),
    event: ['Failed', /Error: configmap "nope" not found/],
  },
  {
    what: 'a volume from a Secret that does not exist',
    pod: podOf(
      'no-secret',
      { volumeMounts: [{ name: 'a', mountPath: '/a' }] },
      { volumes: [{ name: 'a', secret: { secretName: 'nope' } }] },
    ),
    holds: waitsFor('ContainerCreating', /^$/),
    event: ['FailedMount', /MountVolume\.SetUp failed for volume "a" : secret "nope" not found/],
  },
];

inOwnNamespace(import.meta.url, () => {
  describe('a machine that cannot run pods', () => {
    for (const { what, says, ...refusal } of refusals) {
      test(`${what}: one line, exit code 1`, async () => {
        const { code, lines } = await runWithout(refusal);
        assert.equal(code, 1, lines.join('\n'));
        assert.equal(lines.length, 1, lines.join('\n'));
        assert.match(lines[0] ?? '', /^nanoshift: /);
        assert.match(lines[0] ?? '', says);
      });
    }

    test('a port that is taken: one line, exit code 1', async () => {
      const holder = createServer().listen(6443, '0.0.0.0');
      try {
        const { code, lines } = await runWithout({});
        assert.equal(code, 1);
        assert.equal(lines.length, 1, lines.join('\n'));
        assert.match(lines[0] ?? '', /6443/);
      } finally {
        holder.close();
      }
    });
  });

  describe('objects that cannot run', () => {
    let node: RunningNode;
    const staticPods = mkdtempSync(join(tmpdir(), 'ns-static-'));

    before(async () => {
      writeFileSync(join(staticPods, 'broken.yaml'), 'kind: Pod\nspec: [this is no pod');
      writeFileSync(
        join(staticPods, 'invalid.yaml'),
        JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'no-containers' }, spec: {} }),
      );
      writeFileSync(join(staticPods, 'good.json'), JSON.stringify(podOf('good-static', {})));
      node = await startNode({ config: `kubelet: {staticPodPath: ${staticPods}}` });
      for (const { pod } of badPods) await node.ask('POST', `${path}/pods`, pod);
      await node.ask('POST', `${path}/pods`, podOf('good', {}));
    });
    after(async () => {
      await node?.dispose();
      rmSync(staticPods, { recursive: true, force: true });
    });

    const isRunning = async (name: string): Promise<boolean> => {
      const pod = await node.ask<Pod>('GET', `${path}/pods/${name}`).catch((): Pod => ({}));
      return pod.status?.phase === 'Running' && pod.status.containerStatuses?.[0]?.state?.running !== undefined;
    };

    for (const { what, pod, holds, event } of badPods) {
      test(`${what}: the pod says so`, async () => {
        const { name } = (pod as { metadata: { name: string } }).metadata;
        let found: Pod = {};
        let events: Event[] = [];
        const [reason, message] = event;
        try {
          await until('status and event', async () => {
            found = await node.ask<Pod>('GET', `${path}/pods/${name}`);
            const list = await node.ask<{ items: Event[] }>(
              'GET',
              `${path}/events?fieldSelector=involvedObject.name%3D${name}`,
            );
            events = list.items;
            return holds(found) && events.some((one) => one.reason === reason && message.test(one.message));
          });
        } catch (error) {
          assert.fail(
            `${error}: ${JSON.stringify(found.status)} ${JSON.stringify(events.map((one) => [one.reason, one.message]))}`,
          );
        }
      });
    }

    test('a good pod beside them runs', () => until('it runs', () => isRunning('good')));

    test('a good static pod beside broken files runs, and the log names each broken file once', async () => {
      await until('it runs', () => isRunning('good-static-edge-1'));
      for (const file of ['broken.yaml', 'invalid.yaml']) {
        const told = node
          .output()
          .split('\n')
          .filter((line) => line.includes(file));
        assert.equal(told.length, 1, told.join('\n'));
      }
    });
  });
});
