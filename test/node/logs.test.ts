import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inOwnNetwork, kubectl, kubectls, type RunningPod, StreamNode } from './streaming-support.ts';

if (inOwnNetwork(import.meta.url)) {
  let node: StreamNode;
  let pod: RunningPod;
  before(async () => {
    node = await StreamNode.start();
    pod = await node.runPod({
      containers: { main: 'for i in 1 2 3 4 5; do echo line $i; done; echo oops >&2; while :; do sleep 1; done' },
    });
  });
  after(() => node.stop());

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
      });
    }
  }
}
