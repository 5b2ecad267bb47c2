/** A containerd of our own, for real: started, adopted, brought back, cleaned up. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/kernel/index.ts';
import type { CriClient, RuntimeEvent } from '../../src/kubelet/cri/index.ts';
import { inOwnNamespace } from '../support/own-namespace.ts';
import { busybox, persistently, processesWith, RuntimeNode, statusOf, until } from './runtime-support.ts';

const mib = 1 << 20;

const pidOf = (runtime: { pid(): number | undefined }): number => {
  const pid = runtime.pid();
  assert.ok(pid);
  return pid;
};

inOwnNamespace(import.meta.url, () => {
  test('started when there is none, adopted when there is one, left running at the end', async () => {
    await using node = new RuntimeNode();
    const beganMs = systemClock.monotonicMs();
    const first = await node.open();
    const startMs = systemClock.monotonicMs() - beganMs;
    const pid = pidOf(first);
    assert.equal(first.name, 'containerd');
    assert.equal(first.isOwn, true);
    await node.close(first);
    const againMs = systemClock.monotonicMs();
    const second = await node.open();
    console.log(
      `started in ${Math.round(startMs)} ms with images, adopted in ${Math.round(systemClock.monotonicMs() - againMs)} ms`,
    );
    assert.equal(pidOf(second), pid);
    await untilOneContainerd(node);
  });

  test('opened for nothing: what was started for it is ended, what was found goes on', async () => {
    await using node = new RuntimeNode();
    const owner = await node.open();
    const pid = pidOf(owner);
    await (await node.open()).abandon();
    assert.equal((await owner.cri.call('Version', {})).runtimeName, 'containerd');
    const pod = await node.pod(owner.cri);
    const container = await pod.run('sleep 1000');
    await owner.abandon();
    assert.deepEqual(processesWith(`-c ${node.paths.run}/containerd.toml`), []);
    const next = await node.open();
    assert.notEqual(pidOf(next), pid);
    assert.equal((await statusOf(next.cri, container)).state, 'CONTAINER_RUNNING');
  });

  test('two that start at the same time end up with the same one', async () => {
    await using node = new RuntimeNode();
    const first = await node.open();
    const pid = pidOf(first);
    await node.close(first);
    process.kill(pid, 'SIGKILL');
    const both = await Promise.all([node.open(), node.open()]);
    assert.equal(pidOf(both[0]), pidOf(both[1]));
    assert.notEqual(pidOf(both[0]), pid);
    await untilOneContainerd(node);
  });

  test('one whose nanoshift was killed is adopted', async () => {
    await using node = new RuntimeNode();
    await node.close(await node.open());
    await node.cleanup();
    const holder = spawn(process.execPath, [join(import.meta.dirname, 'runtime-holder.ts'), node.root], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = await new Promise<number>((resolve) => holder.stdout.once('data', (text) => resolve(Number(text))));
    holder.kill('SIGKILL');
    await new Promise((resolve) => holder.once('close', resolve));
    assert.equal(pidOf(await node.open()), pid);
  });

  for (const handler of ['runc', 'crun'] as const) {
    test(`${handler}: exit codes, memory limits and events`, async () => {
      await using node = new RuntimeNode();
      const { cri } = await node.open({ handler });
      const events: RuntimeEvent[] = [];
      const resumed = Promise.withResolvers<void>();
      const following = cri.events({ event: (event) => events.push(event), resumed: resumed.resolve });
      await resumed.promise;
      const pod = await node.pod(cri, { runtimeHandler: handler });
      const failing = await pod.run('exit 3');
      const greedy = await pod.run('dd if=/dev/zero of=/dev/null bs=200M', 16 * mib);
      const told = await until(
        'events',
        async () => events,
        (all) => all.filter(({ type }) => type === 'stopped').length >= 2 && all.some(({ type }) => type === 'oom'),
      );
      following.stop();
      assert.ok(told.some(({ type, id }) => type === 'stopped' && id === failing));
      assert.ok(told.some(({ type, id }) => type === 'oom' && id === greedy));
      assert.equal((await statusOf(cri, failing)).exitCode, 3);
      const { exitCode, reason } = await statusOf(cri, greedy);
      assert.deepEqual([exitCode, reason], [137, 'OOMKilled']);
    });
  }

  test('killed, it is back within a second; its pods have not noticed', async () => {
    await using node = new RuntimeNode();
    const runtime = await node.open();
    const pod = await node.pod(runtime.cri);
    const steady = await pod.run('sleep 1000');
    const ending = await pod.run('sleep 0.3; exit 7');
    const { startedAt } = await statusOf(runtime.cri, steady);
    const pid = pidOf(runtime);
    process.kill(pid, 'SIGKILL');
    const killedMs = systemClock.monotonicMs();
    await until(
      'a new process',
      async () => runtime.pid(),
      (now) => now !== undefined && now !== pid,
    );
    await persistently(() => runtime.cri.call('Status', {}));
    const awayMs = systemClock.monotonicMs() - killedMs;
    console.log(`back after ${Math.round(awayMs)} ms`);
    assert.ok(awayMs < 3_000);
    assert.equal((await statusOf(runtime.cri, steady)).startedAt, startedAt);
    assert.equal((await statusOf(runtime.cri, steady)).state, 'CONTAINER_RUNNING');
    const ended = await until(
      'the end',
      () => statusOf(runtime.cri, ending),
      ({ state }) => state === 'CONTAINER_EXITED',
    );
    assert.equal(ended.exitCode, 7);
    assert.equal(await pod.run('true').then(() => 'started'), 'started');
  });

  test('another configuration is put into force by a new process; pods go on', async () => {
    await using node = new RuntimeNode();
    const first = await node.open();
    const pod = await node.pod(first.cri);
    const container = await pod.run('sleep 1000');
    const pid = pidOf(first);
    await node.close(first);
    const second = await node.open({ handler: 'crun' });
    assert.notEqual(pidOf(second), pid);
    assert.equal(second.handlers[0], 'crun');
    assert.equal((await statusOf(second.cri, container)).state, 'CONTAINER_RUNNING');
  });

  test('cleaned up, nothing is left, whether containerd runs or is dead', async () => {
    for (const isDead of [false, true]) {
      await using node = new RuntimeNode();
      const runtime = await node.open();
      const pod = await node.pod(runtime.cri);
      await pod.run('sleep 1000');
      const namespace = await networkNamespace(runtime.cri, pod.sandboxId);
      assert.ok(existsSync(namespace));
      const pid = pidOf(runtime);
      await node.close(runtime);
      if (isDead) process.kill(pid, 'SIGKILL');
      assert.deepEqual(await node.cleanup(), { sandboxes: 1, containers: 0 });
      assert.deepEqual(processesWith(node.paths.run), []);
      assert.ok(!existsSync(namespace));
      assert.deepEqual(controlGroups(pod.cgroupParent.split('/')[1] ?? ''), []);
      const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
      assert.ok(!mounts.includes(node.paths.run) && !mounts.includes(node.root), mounts);
      assert.ok(!existsSync(node.paths.run) || readdirSync(node.paths.run).length === 0);
      assert.ok(!existsSync(join(node.paths.containerd, 'root')));
      assert.deepEqual(await node.cleanup(), { sandboxes: 0, containers: 0 });
    }
  });

  test('a pod’s control group has its limits; what still runs there ends with it', async (context) => {
    await using node = new RuntimeNode();
    const { cri, cgroupDriver } = await node.open();
    if (cgroupDriver === 'systemd') return context.skip('systemd has the groups here');
    const resources = { requests: { cpu: '100m', memory: '16Mi' }, limits: { cpu: '200m', memory: '64Mi' } };
    const pod = await node.pod(cri, { spec: { containers: [{ name: 'c', resources }] } });
    const container = await pod.run('sleep 1000');
    const read = (hierarchy: string, file: string): string =>
      readFileSync(
        join('/sys/fs/cgroup', existsSync('/sys/fs/cgroup/cpu') ? hierarchy : '', pod.cgroupParent, file),
        'utf8',
      ).trim();
    if (existsSync('/sys/fs/cgroup/cpu')) {
      assert.equal(read('cpu', 'cpu.shares'), '102');
      assert.equal(read('cpu', 'cpu.cfs_quota_us'), '20000');
      assert.equal(read('memory', 'memory.limit_in_bytes'), String(64 * mib));
    } else {
      assert.equal(read('', 'cpu.max'), '20000 100000');
      assert.equal(read('', 'memory.max'), String(64 * mib));
    }
    const cgroups = await node.cgroups;
    assert.ok(cgroups);
    const [uid = ''] = await cgroups.present();
    await cgroups.removePod(uid);
    assert.deepEqual(await cgroups.present(), []);
    const { exitCode } = await until(
      'the end',
      () => statusOf(cri, container),
      ({ state }) => state === 'CONTAINER_EXITED',
    );
    assert.equal(exitCode, 137);
  });

  test('a named endpoint that serves is used, and its configuration read', async () => {
    await using node = new RuntimeNode();
    const own = await node.open();
    const found = await node.open({ mode: 'auto', endpoint: own.endpoint });
    assert.equal(found.isOwn, false);
    assert.equal(found.cgroupDriver, 'cgroupfs');
    assert.equal(found.cniConfigDir, node.paths.cniConfig);
    assert.deepEqual(new Set(found.handlers), new Set(own.handlers));
    const { image } = await found.cri.call('ImageStatus', { image: { image: busybox } });
    assert.deepEqual(image?.repoTags, [busybox]);
  });

  test('a call costs little, and an idle containerd next to nothing', async () => {
    await using node = new RuntimeNode();
    const runtime = await node.open();
    const beganMs = systemClock.monotonicMs();
    for (let i = 0; i < 300; i++) await runtime.cri.call('ListContainers', {});
    const perCallMs = (systemClock.monotonicMs() - beganMs) / 300;
    const before = cpuTicks(pidOf(runtime));
    await systemClock.sleep(5_000);
    const idle = (cpuTicks(pidOf(runtime)) - before) / 500;
    console.log(`${perCallMs.toFixed(2)} ms a call, containerd idle ${(idle * 100).toFixed(2)} % of a processor`);
    assert.ok(perCallMs < 50);
    assert.ok(idle < 0.1);
  });
});

/** A child on its way to another program has its parent's arguments for a moment. */
const untilOneContainerd = (node: RuntimeNode) =>
  until(
    'one containerd',
    async () => processesWith(`-c ${node.paths.run}/containerd.toml`),
    ({ length }) => length === 1,
  );

/** Folders of this name over all hierarchies. */
const controlGroups = (name: string): string[] =>
  readdirSync('/sys/fs/cgroup')
    .map((hierarchy) => join('/sys/fs/cgroup', hierarchy, name))
    .filter((path) => existsSync(path));

async function networkNamespace(cri: CriClient, podSandboxId: string): Promise<string> {
  const { info } = await cri.call('PodSandboxStatus', { podSandboxId, verbose: true });
  const { runtimeSpec } = JSON.parse(info['info'] ?? '{}');
  return runtimeSpec.linux.namespaces.find(({ type }: { type: string }) => type === 'network').path;
}

/** User and system time in hundredths of a second. */
function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
