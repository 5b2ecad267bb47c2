import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { systemClock } from '../../src/kernel/index.ts';
import { inOwnNamespace } from '../support/own-namespace.ts';
import {
  kubectl,
  kubectls,
  lineOf,
  type RunningPod,
  StreamNode,
  streamPrograms,
  startKubectl,
} from './streaming-support.ts';

inOwnNamespace(
  import.meta.url,
  () => {
    let node: StreamNode;
    let pod: RunningPod;
    before(async () => {
      node = await StreamNode.start();
      pod = await node.runPod({
        containers: {
          main: 'for i in 1 2 3 4 5; do echo line $i; done; sleep 0.2; echo oops >&2; while :; do sleep 1; done',
        },
      });
      const path = `/api/v1/namespaces/default/pods/${pod.name}/log`;
      while (!(await node.cluster.ask('GET', path)).text.includes('oops')) await systemClock.sleep(20);
    });
    after(() => node.stop());

    for (const adapter of ['uws', 'node'] as const) {
      const open = (query: string, protocols: string[]): WebSocket => {
        const { port } = node.fronts.find((one) => one.adapter === adapter)!;
        const url = `wss://127.0.0.1:${port}/api/v1/namespaces/default/pods/${pod.name}/log?${query}`;
        return new WebSocket(url, protocols, { rejectUnauthorized: false });
      };

      for (const protocol of ['binary.k8s.io', 'base64.binary.k8s.io']) {
        test(`logs over a WebSocket of ${adapter}, ${protocol}`, async () => {
          const socket = open('tailLines=2', [protocol]);
          const messages: Buffer[] = [];
          socket.on('message', (data) => messages.push(data as Buffer));
          const [code] = (await once(socket, 'close')) as [number];
          assert.deepEqual([code, socket.protocol, messages[0]?.length], [1000, protocol, 0]);
          const text = Buffer.concat(messages).toString();
          assert.equal(protocol.startsWith('base64') ? Buffer.from(text, 'base64').toString() : text, 'line 5\noops\n');
        });
      }

      test(`logs over a WebSocket of ${adapter}: another protocol is refused`, async () => {
        const socket = open('', ['v9.k8s.io']);
        socket.on('error', () => {});
        const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
        assert.equal(answer.statusCode, 403);
      });
    }

    test('logs of a container before its present life', async () => {
      const twice = await node.runPod({ containers: { main: 'echo first life' } });
      const before = { terminated: { exitCode: 0, containerID: `containerd://${twice.containers['main']}` } };
      const path = `/api/v1/namespaces/default/pods/${twice.name}/log`;
      await node.setContainer(twice, { state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: before });
      assert.equal((await node.cluster.ask('GET', `${path}?previous=true`)).text, 'first life\n');
      assert.equal((await node.cluster.ask('GET', path)).text, 'first life\n');
      await node.setContainer(twice, { state: { waiting: { reason: 'ContainerCreating' } }, lastState: {} });
      const { status, json } = await node.cluster.ask('GET', path);
      assert.equal(status, 400);
      assert.equal(
        (json as { message: string }).message,
        `container "main" in pod "${twice.name}" is waiting to start: ContainerCreating`,
      );
    });

    for (const program of kubectls) {
      for (const adapter of ['uws', 'node'] as const) {
        describe(`${program} logs over ${adapter}`, () => {
          const logs = async (...args: string[]): Promise<string> => {
            const front = node.fronts.find((one) => one.adapter === adapter)!;
            const { stdout, stderr } = await kubectl(program, front, ['logs', pod.name, ...args]);
            return stdout.toString() + stderr;
          };
          const all = 'line 1\nline 2\nline 3\nline 4\nline 5\noops\n';

          test('everything', async () => assert.equal(await logs(), all));
          test('--tail', async () => assert.equal(await logs('--tail=2'), 'line 5\noops\n'));
          test('--limit-bytes', async () => assert.equal(await logs('--limit-bytes=9'), 'line 1\nli'));
          test('--timestamps', async () =>
            assert.match(await logs('--timestamps', '--tail=1'), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}\S+ oops\n$/));
          test('--since', async () => {
            assert.equal(await logs('--since=1h'), all);
          });
          test('--previous of none', async () =>
            assert.match(await logs('--previous'), /previous terminated container "main" in pod "\S+" not found/));

          test('--follow, until the container ends', async () => {
            const short = await node.runPod({
              containers: { main: 'echo one; read line; echo $line; echo last' },
              stdin: true,
            });
            const front = node.fronts.find((one) => one.adapter === adapter)!;
            const following = startKubectl(program, front, ['logs', '-f', short.name]);
            let text = '';
            following.stdout?.on('data', (chunk: Buffer) => {
              text += chunk;
            });
            const ended = once(following, 'close');
            await lineOf(following, /one/);
            await kubectl(program, front, ['attach', '-i', short.name], 'two\n');
            assert.deepEqual(await ended, [0, null]);
            assert.equal(text, 'one\ntwo\nlast\n');
          });
        });
      }
    }
  },
  streamPrograms,
);
