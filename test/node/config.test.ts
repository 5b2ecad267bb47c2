/** What containers see of their configuration, on a real runtime. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { Volume, VolumeMount } from '../../src/schema/generated/index.ts';
import { inOwnNamespace } from '../support/own-namespace.ts';
import { ConfigNode } from './config-support.ts';
import { streamPrograms } from './streaming-support.ts';

inOwnNamespace(
  import.meta.url,
  () => {
    suite('container configuration', { timeout: 180_000 }, () => {
      let node: ConfigNode;
      before(async () => {
        node = await ConfigNode.start();
        node.api.put('configmaps', { metadata: { name: 'c', namespace: 'shop' }, data: { key: 'config' } } as never);
        node.api.put('secrets', { metadata: { name: 's', namespace: 'shop' }, data: { key: 'c2VjcmV0' } } as never);
        const spec = { clusterIP: '10.96.0.1', ports: [{ port: 443 }] };
        node.api.put('services', { metadata: { name: 'kubernetes', namespace: 'default' }, spec } as never);
      });
      after(() => node.stop());

      test('environment, expansion and arguments', async () => {
        const env = [
          { name: 'A', value: 'one' },
          { name: 'B', value: '$(A)-two' },
          { name: 'odd !"#$%&', value: 'odd' },
          { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          { name: 'C', valueFrom: { configMapKeyRef: { name: 'c', key: 'key' } } },
          { name: 'S', valueFrom: { secretKeyRef: { name: 's', key: 'key' } } },
          { name: 'MEM', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
        ];
        const output = await node.run(`tr '\\0' '\\n' < /proc/1/environ; echo "$0 $1"`, {
          env,
          args: ['<$(B)>', '$$(B)'],
        });
        for (const line of [
          'A=one',
          'B=one-two',
          'odd !"#$%&=odd',
          'IP=192.0.2.7',
          'C=config',
          'S=secret',
          'MEM=1024',
          'KUBERNETES_SERVICE_HOST=10.96.0.1',
          '<one-two> $(B)',
        ]) {
          assert.ok(output.split('\n').includes(line), `${line} in\n${output}`);
        }
        assert.match(output, /^POD=pod-\d+$/m);
      });

      test('user, groups, capabilities and privileges', async () => {
        const securityContext = {
          runAsUser: 1000,
          runAsGroup: 2000,
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
          seccompProfile: { type: 'RuntimeDefault' as const },
        };
        const script = 'id; grep -E "^(NoNewPrivs|Seccomp|CapBnd):" /proc/self/status; touch /x 2>&1';
        const output = await node.run(
          script,
          { securityContext },
          { securityContext: { fsGroup: 3000, supplementalGroups: [4000] } },
        );
        assert.match(output, /uid=1000 gid=2000 groups=(2000,)?3000,4000/);
        assert.match(output, /NoNewPrivs:\s+1/);
        assert.match(output, /CapBnd:\s+0{13}400/);
        assert.match(output, /Seccomp:\s+2/);
        assert.match(output, /Read-only file system/);
      });

      test('a plain container is neither privileged nor confined beyond the default', async () => {
        const output = await node.run(
          'grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status; wc -c < /proc/timer_list; echo 1 > /proc/sys/kernel/hostname 2>&1',
        );
        assert.match(output, /NoNewPrivs:\s+0/);
        assert.match(output, /Seccomp:\s+0/);
        assert.match(output, /^0$/m);
        assert.match(output, /Read-only file system/);
      });

      test('a privileged container may do what the host may', async () => {
        const securityContext = { privileged: true };
        assert.equal(await node.run('mount -t tmpfs tmpfs /tmp && echo done', { securityContext }), 'done');
      });

      test('a seccomp profile of the kubelet’s folder', async () => {
        await mkdir(join(node.root, 'seccomp'), { recursive: true });
        const rule = { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' };
        await writeFile(
          join(node.root, 'seccomp/no-mkdir.json'),
          JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [rule] }),
        );
        const seccompProfile = { type: 'Localhost' as const, localhostProfile: 'no-mkdir.json' };
        const output = await node.run('mkdir /tmp/x 2>&1; touch /tmp/y && echo touched', {
          securityContext: { seccompProfile },
        });
        assert.match(output, /not permitted(.|\n)*touched/);
      });

      test('limits reach the control group', async () => {
        const resources = { limits: { memory: '64Mi', cpu: '500m' } };
        const script =
          'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max';
        assert.match(await node.run(script, { resources }), /^67108864\n50000( 100000)?$/);
      });

      test('a sysctl of the pod’s own IPC namespace', async () => {
        const securityContext = { sysctls: [{ name: 'kernel.shm_rmid_forced', value: '1' }] };
        assert.equal(await node.run('cat /proc/sys/kernel/shm_rmid_forced', {}, { securityContext }), '1');
      });

      test('last words, and the hosts file', async () => {
        const script = 'echo bye > /dev/termination-log; head -1 /etc/hosts';
        const started = await node.begin(script, { terminationMessagePath: '/dev/termination-log' });
        const { mounts } = await node.exited(started.containerId);
        const words = mounts.find(({ containerPath }) => containerPath === '/dev/termination-log');
        assert.equal(await readFile(words?.hostPath ?? '', 'utf8'), 'bye\n');
        assert.equal(await node.output(started.pod), '# Kubernetes-managed hosts file (host network).');
        await node.end(started);
      });

      const volumes: Volume[] = [
        { name: 'c', configMap: { name: 'c', defaultMode: 0o400 } },
        { name: 's', secret: { secretName: 's', defaultMode: 0o440 } },
        { name: 'e', emptyDir: {} },
        { name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '4Mi' } },
        { name: 'd', downwardAPI: { items: [{ path: 'sub/labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
        {
          name: 'p',
          projected: { sources: [{ serviceAccountToken: { path: 'token' } }, { configMap: { name: 'c' } }] },
        },
      ];
      const volumeMounts: VolumeMount[] = volumes.map(({ name }) => ({ name, mountPath: `/v/${name}` }));

      test('volumes of every sort', async () => {
        const script = `
      cat /v/c/key /v/s/key /v/d/sub/labels /v/p/token /v/p/key; echo
      stat -Lc '%a %n' /v/c/key /v/s/key /v/e
      stat -fc '%T %n' /v/m /v/s /v/p
      touch /v/e/x /v/m/x && echo written
      touch /v/c/x 2>&1`;
        const output = await node.run(script, { volumeMounts }, { volumes });
        assert.match(output, /^configsecretapp="web"token-\d+config$/m);
        for (const line of [
          '400 /v/c/key',
          '440 /v/s/key',
          '777 /v/e',
          'tmpfs /v/m',
          'tmpfs /v/s',
          'tmpfs /v/p',
          'written',
        ]) {
          assert.ok(output.split('\n').includes(line), `${line} in\n${output}`);
        }
        assert.match(output, /Read-only file system/);
      });

      test('someone who is not root reads what the pod’s group may', async () => {
        const securityContext = { runAsUser: 1000, fsGroup: 1001 };
        const script =
          "cat /v/s/key; stat -Lc ' %a %g' /v/s/key; stat -Lc '%a %u' /v/p/token; cat /v/p/token > /dev/null && echo read; touch /v/e/x && stat -c %g /v/e/x";
        const output = await node.run(script, { volumeMounts }, { volumes, securityContext });
        assert.equal(output, 'secret 440 1001\n640 1000\nread\n1001');
      });

      test('sub-paths: a file, a folder that is made, a file over one that exists', async () => {
        const mounts = [
          { name: 'c', mountPath: '/file', subPath: 'key' },
          { name: 'e', mountPath: '/folder', subPathExpr: '$(WHO)/logs' },
          { name: 'e', mountPath: '/whole' },
          { name: 'd', mountPath: '/etc/hosts', subPath: 'sub/labels' },
        ];
        const script = 'cat /file /etc/hosts; echo; touch /folder/x && ls /whole/web/logs; stat -c %a /whole/web';
        const output = await node.run(
          script,
          { volumeMounts: mounts, env: [{ name: 'WHO', value: 'web' }] },
          { volumes },
        );
        assert.equal(output, 'configapp="web"\nx\n777');
      });

      test('what changes is seen by a container that runs; a sub-path by its next instance', async () => {
        const mounts = [...volumeMounts, { name: 'c', mountPath: '/file', subPath: 'key' }];
        const started = await node.begin('cat /file; sleep 60 & wait', { volumeMounts: mounts }, { volumes });
        node.api.put('configmaps', { metadata: { name: 'c', namespace: 'shop' }, data: { key: 'changed' } } as never);
        assert.ok(node.changed.includes(started.pod.metadata.uid ?? ''));
        await node.volumes.prepare(started.pod);
        assert.equal(await node.exec(started, 'cat /v/c/key /v/p/key /file'), 'changedchangedconfig');
        await node.runtime.cri.call('StopContainer', { containerId: started.containerId, timeout: 0 });
        const next = { ...started, containerId: await node.startAgain(started, 1) };
        assert.equal(await node.exec(next, 'cat /file'), 'changed');
        await node.end(started);
      });
    });
  },
  streamPrograms,
);
