import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { inOwnNamespace } from '../support/own-namespace.ts';
import { type RunningPod, StreamNode, streamPrograms } from './streaming-support.ts';

/** Reads a mebibyte, rests, and so on: the node has to stop the client again and again. */
const slowReader = (mebibytes: number): string =>
  `for i in $(seq ${mebibytes}); do dd bs=1M count=1 iflag=fullblock 2>/dev/null; sleep 0.05; done | md5sum`;

inOwnNamespace(
  import.meta.url,
  () => {
    let node: StreamNode;
    let pod: RunningPod;
    before(async () => {
      node = await StreamNode.start();
      pod = await node.runPod({ containers: { main: 'sleep 3600' } });
    });
    after(() => node.stop());

    for (const adapter of ['uws', 'node'] as const) {
      test(`${adapter}: an upload that is slowed down arrives whole, whatever is sent back meanwhile`, async () => {
        const mebibytes = 48;
        const query = new URLSearchParams([
          ['container', 'main'],
          ['stdin', '1'],
          ['stdout', '1'],
          ...['sh', '-c', slowReader(mebibytes)].map((word) => ['command', word] as [string, string]),
        ]);
        const { port } = node.fronts.find((one) => one.adapter === adapter)!;
        const url = `wss://127.0.0.1:${port}/api/v1/namespaces/default/pods/${pod.name}/exec?${query}`;
        const socket = new WebSocket(url, ['v5.channel.k8s.io'], { rejectUnauthorized: false });
        const output: Buffer[] = [];
        socket.on('message', (data: Buffer) => {
          if (data[0] === 1) output.push(data.subarray(1));
        });
        const closed = once(socket, 'close');
        await once(socket, 'open');
        const sum = createHash('md5');
        for (let sent = 0; sent < mebibytes; sent++) {
          const input = randomBytes(1 << 20);
          sum.update(input);
          for (let at = 0; at < input.length; at += 1 << 15) {
            socket.send(Buffer.concat([Buffer.of(0), input.subarray(at, at + (1 << 15))]));
            socket.ping();
          }
        }
        socket.send(Buffer.of(255, 0));
        assert.equal((await closed)[0], 1000);
        assert.equal(Buffer.concat(output).toString().split(' ')[0], sum.digest('hex'));
      });
    }
  },
  streamPrograms,
);
