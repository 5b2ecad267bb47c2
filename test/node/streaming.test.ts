import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import { freePort } from '../support/server.ts';
import { inOwnNamespace } from '../support/own-namespace.ts';
import {
  kubectl,
  kubectls,
  lineOf,
  type RunningPod,
  run,
  serverFlags,
  startKubectl,
  StreamNode,
  streamPrograms,
} from './streaming-support.ts';

/** What comes on each channel. */
function channelsOf(socket: WebSocket, isBase64: boolean): Map<number, string> {
  const channels = new Map<number, string>();
  socket.on('message', (data) => {
    const message = data as Buffer;
    const number = isBase64 ? message[0]! - 48 : message[0]!;
    const rest = message.subarray(1);
    const text = isBase64 ? Buffer.from(rest.toString(), 'base64').toString('latin1') : rest.toString('latin1');
    channels.set(number, (channels.get(number) ?? '') + text);
  });
  return channels;
}

const withoutWebSockets = {
  KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false',
  KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false',
};

const md5 = (data: Uint8Array): string => createHash('md5').update(data).digest('hex');

inOwnNamespace(
  import.meta.url,
  () => {
    let node: StreamNode;
    let pod: RunningPod;
    let web: RunningPod;
    before(async () => {
      node = await StreamNode.start();
      pod = await node.runPod({ containers: { main: 'sleep 3600', other: 'sleep 3600' } });
      const serve =
        'mkdir /www; echo hello > /www/small; head -c 5242880 /dev/zero > /www/big; httpd -f -p 8080 -h /www';
      web = await node.runPod({ containers: { main: serve } });
    });
    after(() => node.stop());

    for (const adapter of ['uws', 'node'] as const) {
      const open = (path: string, protocol: string): WebSocket => {
        const { port } = node.fronts.find((one) => one.adapter === adapter)!;
        const url = `wss://127.0.0.1:${port}/api/v1/namespaces/default/pods/${path}`;
        return new WebSocket(url, [protocol], { rejectUnauthorized: false });
      };
      const echo = 'container=main&stdout=1&stderr=1&command=sh&command=-c&command=echo+remote+execution;exit+3';

      describe(`WebSockets of ${adapter}`, () => {
        for (const [protocol, error] of [
          ['channel.k8s.io', 'command terminated with non-zero exit code: error executing command'],
          ['base64.channel.k8s.io', 'command terminated with non-zero exit code: error executing command'],
          ['v4.channel.k8s.io', '"message":"3"'],
          ['v5.channel.k8s.io', '"message":"3"'],
        ] as const) {
          test(`exec in ${protocol}`, async () => {
            const socket = open(`${pod.name}/exec?${echo}`, protocol);
            const channels = channelsOf(socket, protocol.startsWith('base64'));
            const [code] = (await once(socket, 'close')) as [number];
            assert.deepEqual([code, channels.get(1)], [1000, 'remote execution\n']);
            assert.ok(channels.get(3)?.includes(error), channels.get(3));
          });
        }

        test('port-forward in v4.channel.k8s.io', async () => {
          const socket = open(`${web.name}/portforward?ports=8080`, 'v4.channel.k8s.io');
          const channels = channelsOf(socket, false);
          await once(socket, 'open');
          socket.send(Buffer.from('\0GET /small HTTP/1.0\r\n\r\n'));
          await once(socket, 'close');
          const answer = channels.get(0) ?? '';
          assert.ok(answer.startsWith('\x90\x1fHTTP/1.') && answer.endsWith('\r\n\r\nhello\n'), answer);
          assert.equal(channels.get(1), '\x90\x1f');
        });

        test('a client that vanishes ends what it ran', async () => {
          const socket = open(`${pod.name}/exec?container=main&stdin=1&stdout=1&command=cat`, 'v5.channel.k8s.io');
          await once(socket, 'message');
          socket.send(Buffer.from('\0x'));
          await once(socket, 'message');
          socket.terminate();
          const { containers } = pod;
          const list = { containerId: containers['main']!, cmd: ['sh', '-c', 'ps | grep -c "[c]at$"'] };
          for (let running = '1'; running !== '0'; ) {
            running = Buffer.from((await node.cri.call('ExecSync', list)).stdout)
              .toString()
              .trim();
          }
        });

        test('what is no upgrade is refused', async () => {
          const path = `/api/v1/namespaces/default/pods/${pod.name}/exec?${echo}`;
          const { status, json } = await node.cluster.ask('POST', path);
          assert.deepEqual([status, (json as { message: string }).message], [400, 'Upgrade request required']);
        });

        test('no streams, and a protocol that nobody knows, are refused', async () => {
          for (const [query, protocol, code, text] of [
            ['command=true', 'v5.channel.k8s.io', 400, 'you must specify at least 1 of stdin, stdout, stderr'],
            ['stdout=1&command=true', 'v9.channel.k8s.io', 403, 'requested protocol(s) are not supported'],
            ['stdout=1&container=x&command=true', 'v5.channel.k8s.io', 400, 'container x is not valid for pod'],
          ] as const) {
            const socket = open(
              `${pod.name}/exec?container=main&${query}`.replace(/container=main&(.*container=)/, '$1'),
              protocol,
            );
            socket.on('error', () => {});
            const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
            assert.equal(answer.statusCode, code);
            assert.ok((await buffer(answer)).includes(text), text);
          }
        });
      });
    }

    for (const program of kubectls) {
      for (const [adapter, transport] of [
        ['uws', 'WebSockets'],
        ['node', 'WebSockets'],
        ['node', 'SPDY'],
      ] as const) {
        describe(`${program} exec over ${adapter} by ${transport}`, () => {
          const env = transport === 'SPDY' ? withoutWebSockets : {};
          const front = () => node.fronts.find((one) => one.adapter === adapter)!;
          const ask = (args: readonly string[], input?: Uint8Array) => kubectl(program, front(), args, input, env);
          const exec = (command: string, ...flags: string[]) =>
            ask(['exec', ...flags, pod.name, '-c', 'main', '--', 'sh', '-c', command]);

          test('output, errors and exit code', async () => {
            const { code, stdout, stderr } = await exec('echo out; echo err >&2; exit 9');
            assert.deepEqual(
              [code, stdout.toString(), stderr],
              [9, 'out\n', 'err\ncommand terminated with exit code 9\n'],
            );
          });

          test('input of 5 MB, and its end', async () => {
            const input = randomBytes(5 << 20);
            const args = ['exec', '-i', pod.name, '-c', 'main', '--', 'md5sum'];
            const { stdout, stderr } = await ask(args, input);
            assert.equal(stdout.toString().split(' ')[0], md5(input), stderr);
          });

          test('5 MB there and back', async () => {
            const input = randomBytes(5 << 20);
            const args = ['exec', '-i', pod.name, '-c', 'main', '--', 'cat'];
            const { stdout, stderr } = await ask(args, input);
            assert.equal(md5(stdout), md5(input), stderr);
          });

          test('a terminal, its size and its changes', async () => {
            const until = (size: string): string => `until stty size | grep "${size}"; do sleep 0.1; done`;
            const inside = `${until('33 99')}; tty; ${until('40 120')}`;
            const exec = `${program} ${serverFlags(front()).join(' ')} exec -it ${pod.name} -c main -- sh -c '${inside}'`;
            // Not before the first size has been seen inside.
            const record = join(node.directory, `terminal-${randomUUID()}`);
            const seen = `until grep -q "^33 99" ${record}; do sleep 0.1; done`;
            const resize = `terminal=$(tty); (${seen}; stty -F $terminal rows 40 cols 120) &`;
            const { stdout } = await run('script', ['-qefc', `stty rows 33 cols 99; ${resize} ${exec}`, record], {
              env: { ...process.env, ...env },
              timeout: 60_000,
            });
            assert.match(stdout, /33 99\r\n\/dev\/pts\/\d+\r\n.*40 120\r\n/s);
          });

          test('attach: output and input of what runs already', async () => {
            const cat = await node.runPod({
              containers: { main: 'read a; echo got $a; read b; echo got $b; sleep 0.5' },
              stdin: true,
            });
            const { stdout, stderr } = await ask(['attach', '-i', cat.name], Buffer.from('one\ntwo\n'));
            assert.equal(stdout.toString(), 'got one\ngot two\n', stderr);
          });

          test('many at once', async () => {
            const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => exec(`echo ${i}; exit ${i}`)));
            assert.deepEqual(
              answers.map(({ code, stdout }) => [code, stdout.toString()]),
              answers.map((_, i) => [i, `${i}\n`]),
            );
          });

          test('a program that reads slowly makes kubectl wait', async () => {
            const input = Buffer.alloc(48 << 20, 'x');
            const before = process.memoryUsage().rss;
            const { code, stdout, stderr } = await ask(
              ['exec', '-i', pod.name, '-c', 'main', '--', 'sh', '-c', 'sleep 1.5; wc -c'],
              input,
            );
            assert.deepEqual([code, stdout.toString()], [0, `${input.length}\n`], stderr);
            const grown = process.memoryUsage().rss - before;
            assert.ok(grown < 24 << 20, `${grown >> 20} MiB more`);
          });

          test('a container that does not exist', async () => {
            const { code, stderr } = await ask(['exec', pod.name, '-c', 'none', '--', 'true']);
            assert.equal(code, 1);
            assert.match(stderr, /container none is not valid for pod pod-/);
          });

          test('port-forward: several requests, large answers, one after the other and at once', async () => {
            const local = await freePort();
            const forward = startKubectl(program, front(), ['port-forward', web.name, `${local}:8080`], env);
            try {
              await lineOf(forward, /Forwarding from 127/);
              const answers = await Promise.all([1, 2, 3, 4].map(() => fetch(`http://127.0.0.1:${local}/big`)));
              for (const answer of answers) assert.equal((await answer.arrayBuffer()).byteLength, 5 << 20);
              assert.equal(await (await fetch(`http://127.0.0.1:${local}/small`)).text(), 'hello\n');
            } finally {
              forward.kill();
            }
          });

          test('a program that does not exist', async () => {
            const args = ['exec', pod.name, '-c', 'main', '--', '/none'];
            const { code, stderr } = await ask(args);
            assert.notEqual(code, 0);
            assert.match(stderr, /no such file or directory/);
          });
        });
      }
    }
  },
  streamPrograms,
);
