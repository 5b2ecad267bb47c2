/** Real pods: started, restarted, ended, taken over, and gone without a trace. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inOwnNamespace } from '../support/own-namespace.ts';
import { isReady, PodNode, shell, statusOf } from './pods-support.ts';
import { until } from './runtime-support.ts';

const untilTerm = 'trap "exit 0" TERM; while true; do sleep 0.1; done';

inOwnNamespace(import.meta.url, () => {
  test('pods', { timeout: 240_000 }, async (context) => {
    await using node = await PodNode.start();

    await context.test('a pod runs with init container, sidecar and hooks, and is gone without a trace', async () => {
      const { metadata } = await node.run('web', {
        initContainers: [shell('init', 'echo initialized'), shell('sidecar', untilTerm, { restartPolicy: 'Always' })],
        containers: [
          shell('main', `echo hello; ${untilTerm}`, {
            lifecycle: {
              postStart: { exec: { command: ['sh', '-c', 'echo started > /tmp/hook'] } },
              preStop: { exec: { command: ['sh', '-c', 'cat /tmp/hook > /proc/1/fd/1'] } },
            },
          }),
        ],
      });
      const pod = await node.until('it is ready', 'web', isReady);
      assert.equal(pod.status?.phase, 'Running');
      assert.match(pod.status?.podIP ?? '', /^10\.43\.0\.\d+$/);
      assert.equal(pod.status?.hostIP, '192.0.2.10');
      assert.equal(statusOf(pod, 'init')?.state?.terminated?.exitCode, 0);
      assert.match(statusOf(pod, 'main')?.containerID ?? '', /^containerd:\/\/[0-9a-f]{64}$/);
      assert.match(node.log(pod, 'main'), / stdout F hello\n/);
      await node.delete('web', 20);
      await node.gone('web');
      const uid = metadata.uid ?? '';
      await until(
        'nothing is left',
        () => node.leftovers(uid),
        (left) => left.length === 0,
      );
      const told = await node.events('web');
      for (const event of [
        'Started spec.initContainers{init} Container started',
        'Created spec.containers{main} Container created',
        'Killing spec.containers{main} Stopping container main',
        'Killing spec.initContainers{sidecar} Stopping container sidecar',
      ]) {
        assert.ok(told.includes(event), `${event} in ${told.join('; ')}`);
      }
    });

    await context.test('a container that ends is started again; its last words are kept', async () => {
      const script = 'echo "the end $(cat /tmp/x 2>&1 | tail -c 4)" > /dev/termination-log; exit 7';
      await node.run('crash', { containers: [shell('main', script)] });
      const pod = await node.until(
        'it waits',
        'crash',
        (one) => statusOf(one, 'main')?.state?.waiting?.reason === 'CrashLoopBackOff',
      );
      const status = statusOf(pod, 'main');
      assert.equal(status?.restartCount, 1);
      assert.equal(status?.lastState?.terminated?.exitCode, 7);
      assert.equal(status?.lastState?.terminated?.reason, 'Error');
      assert.match(status?.lastState?.terminated?.message ?? '', /^the end/);
      await node.delete('crash', 0);
    });

    await context.test('the end of the log speaks for a container that failed without a word', async () => {
      await node.run('mute', {
        restartPolicy: 'Never',
        containers: [
          shell('main', 'echo one; echo two >&2; exit 1', { terminationMessagePolicy: 'FallbackToLogsOnError' }),
        ],
      });
      const pod = await node.until('it has failed', 'mute', ({ status }) => status?.phase === 'Failed');
      assert.equal(statusOf(pod, 'main')?.state?.terminated?.message?.split('\n').sort().join(), ',one,two');
    });

    await context.test('memory above the limit: OOMKilled', async () => {
      await node.run('greedy', {
        restartPolicy: 'Never',
        containers: [shell('main', 'tail /dev/zero', { resources: { limits: { memory: '20Mi' } } })],
      });
      const pod = await node.until('it has failed', 'greedy', ({ status }) => status?.phase === 'Failed');
      const { exitCode, reason } = statusOf(pod, 'main')?.state?.terminated ?? {};
      assert.deepEqual({ exitCode, reason }, { exitCode: 137, reason: 'OOMKilled' });
    });

    await context.test('an image that is not there, and a command that is not', async () => {
      await node.run('absent', {
        containers: [
          { ...shell('main', ''), image: 'localhost/absent:1' },
          { ...shell('wrong', ''), command: ['/absent'] },
        ],
      });
      const pod = await node.until(
        'the image is missed',
        'absent',
        (one) => statusOf(one, 'main')?.state?.waiting?.reason !== 'ContainerCreating' && statusOf(one, 'main'),
      );
      assert.equal(statusOf(pod, 'main')?.state?.waiting?.reason, 'ErrImageNeverPull');
      const wrong = await node.until(
        'the command is missed',
        'absent',
        (one) => statusOf(one, 'wrong')?.lastState?.terminated,
      );
      assert.equal(statusOf(wrong, 'wrong')?.lastState?.terminated?.reason, 'StartError');
      await node.delete('absent', 0);
    });

    await context.test('a new kubelet keeps what runs and ends what was deleted meanwhile', async () => {
      await node.run('kept', { containers: [shell('main', untilTerm)] });
      const deleted = await node.run('deleted', { containers: [shell('main', untilTerm)] });
      await node.until('it is ready', 'deleted', isReady);
      const before = await node.until('it is ready', 'kept', isReady);
      await node.stopKubelet();
      await node.delete('deleted', 0);
      await node.startKubelet();
      await until(
        'the deleted is gone',
        () => node.leftovers(deleted.metadata.uid ?? ''),
        (left) => left.length === 0,
      );
      const after = await node.pod('kept');
      assert.equal(statusOf(after!, 'main')?.containerID, statusOf(before, 'main')?.containerID);
      assert.equal(statusOf(after!, 'main')?.restartCount, 0);
      assert.ok(isReady(after!));
    });

    await context.test('kill -9 of containerd: pods go on, and what ended meanwhile is known', async () => {
      const before = await node.pod('kept');
      await node.run('short', { restartPolicy: 'Never', containers: [shell('main', 'sleep 2; exit 5')] });
      await node.until('it runs', 'short', (one) => statusOf(one, 'main')?.state?.running);
      process.kill(node.runtime?.pid() ?? 0, 'SIGKILL');
      const pod = await node.until('it has ended', 'short', ({ status }) => status?.phase === 'Failed');
      assert.equal(statusOf(pod, 'main')?.state?.terminated?.exitCode, 5);
      const after = await node.pod('kept');
      assert.equal(statusOf(after!, 'main')?.containerID, statusOf(before!, 'main')?.containerID);
      assert.equal(statusOf(after!, 'main')?.restartCount, 0);
    });
  });
});
