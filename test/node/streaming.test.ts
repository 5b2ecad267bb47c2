import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { inOwnNetwork, kubectl, kubectls, type RunningPod, StreamNode } from './streaming-support.ts';

const md5 = (data: Uint8Array): string => createHash('md5').update(data).digest('hex');

if (inOwnNetwork(import.meta.url)) {
  let node: StreamNode;
  let pod: RunningPod;
  before(async () => {
    node = await StreamNode.start();
    pod = await node.runPod({ containers: { main: 'sleep 3600', other: 'sleep 3600' } });
  });
  after(() => node.stop());

  for (const program of kubectls) {
    for (const adapter of ['uws', 'node'] as const) {
      describe(`${program} exec over ${adapter}`, () => {
        const front = () => node.fronts.find((one) => one.adapter === adapter)!;
        const exec = (command: string, ...flags: string[]) =>
          kubectl(program, front(), ['exec', ...flags, pod.name, '-c', 'main', '--', 'sh', '-c', command]);

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
          const { stdout, stderr } = await kubectl(program, front(), args, input);
          assert.equal(stdout.toString().split(' ')[0], md5(input), stderr);
        });

        test('5 MB there and back', async () => {
          const input = randomBytes(5 << 20);
          const args = ['exec', '-i', pod.name, '-c', 'main', '--', 'cat'];
          const { stdout, stderr } = await kubectl(program, front(), args, input);
          assert.equal(md5(stdout), md5(input), stderr);
        });

        test('a container that does not exist', async () => {
          const { code, stderr } = await kubectl(program, front(), ['exec', pod.name, '-c', 'none', '--', 'true']);
          assert.equal(code, 1);
          assert.match(stderr, /container none is not valid for pod pod-/);
        });

        test('a program that does not exist', async () => {
          const args = ['exec', pod.name, '-c', 'main', '--', '/none'];
          const { code, stderr } = await kubectl(program, front(), args);
          assert.notEqual(code, 0);
          assert.match(stderr, /no such file or directory/);
        });
      });
    }
  }
}
