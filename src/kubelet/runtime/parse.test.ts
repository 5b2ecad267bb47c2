import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { systemClock } from '../../kernel/index.ts';
import type { StatusResponse, VersionResponse } from '../cri/index.ts';
import { containerdConfig } from './containerd-config.ts';
import { RuntimeError } from './errors.ts';
import { exclusively } from './lock.ts';
import { mountOf, parseMounts } from './mounts.ts';
import { findByArguments, findProcess, parseStat } from './processes.ts';
import { factsOf, isPrepared } from './runtime-facts.ts';

test('a process whose name holds blanks and brackets is read', () => {
  const rest = Array.from({ length: 17 }, (_, index) => index).join(' ');
  assert.deepEqual(parseStat(`12 (a) b (c)) S 1 ${rest} 4711 5`), { state: 'S', parent: 1, startTicks: 4711 });
  assert.equal(parseStat(''), undefined);
});

test('this process is found, one that is not there is not', async () => {
  const self = await findProcess(process.pid);
  assert.equal(self?.pid, process.pid);
  assert.equal(await findProcess(0), undefined);
  const last = readFileSync('/proc/self/cmdline', 'utf8').split('\0').slice(-2, -1);
  assert.ok((await findByArguments(last)).some(({ pid }) => pid === process.pid));
});

test('of two mounts that hold a path the inner one counts, of two at one place the later one', () => {
  const mounts = parseMounts(
    [
      '27 1 254:0 / / rw,relatime - ext4 /dev/vda rw',
      '45 27 254:0 /d /d/kube\\040let rw shared:4 - ext4 /dev/vda rw',
      '46 45 254:0 /d /d/kube\\040let rw master:3 - ext4 /dev/vda rw',
    ].join('\n'),
  );
  assert.deepEqual(mountOf(mounts, '/d'), { path: '/', isShared: false });
  assert.deepEqual(mountOf(mounts, '/d/kube let/x'), { path: '/d/kube let', isShared: false });
  assert.deepEqual(mountOf(mounts.slice(0, 2), '/d/kube let'), { path: '/d/kube let', isShared: true });
  assert.deepEqual(mountOf(mounts, '/d/kube lets'), { path: '/', isShared: false });
});

test('what is done exclusively is done one after the other, also when it fails', async () => {
  const order: string[] = [];
  const name = `test-${process.pid}`;
  const step = (label: string) =>
    exclusively(name, systemClock, 5_000, async () => {
      order.push(`${label} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      order.push(`${label} ends`);
      if (label === 'a') throw new Error('a');
    });
  await Promise.allSettled([step('a'), step('b')]);
  assert.deepEqual(order, ['a begins', 'a ends', 'b begins', 'b ends']);
});

test('who waits for too long is told so', async () => {
  const name = `test-${process.pid}-long`;
  const held = Promise.withResolvers<void>();
  const holder = exclusively(name, systemClock, 1_000, () => held.promise);
  await assert.rejects(
    exclusively(name, systemClock, 0, async () => {}),
    RuntimeError,
  );
  held.resolve();
  await holder;
});

const version: VersionResponse = { version: '0.1.0', runtimeName: 'x', runtimeVersion: '1', runtimeApiVersion: 'v1' };
const status = (config: unknown, handlers: string[] = []): StatusResponse => ({
  info: config === undefined ? {} : { config: JSON.stringify(config) },
  runtimeHandlers: handlers.map((name) => ({ name })),
});

test('what containerd 1.6 shows of its configuration', () => {
  const facts = factsOf(
    version,
    status({
      containerd: { defaultRuntimeName: 'crun', runtimes: { runc: {}, crun: { options: { SystemdCgroup: true } } } },
      cni: { binDir: '/usr/lib/cni', confDir: '/etc/x' },
    }),
    undefined,
  );
  assert.deepEqual(facts.handlers, ['crun', 'runc']);
  assert.equal(facts.cgroupDriver, 'systemd');
  assert.deepEqual([facts.cniConfigDir, facts.cniBinDir], ['/etc/x', '/usr/lib/cni']);
});

test('a runtime that tells its handlers and its driver by CRI is believed; one that tells nothing gets the defaults', () => {
  assert.deepEqual(factsOf(version, status(undefined, ['', 'runc']), 'systemd').handlers, ['runc']);
  const bare = factsOf(version, { info: { config: 'not json' }, runtimeHandlers: [] }, undefined);
  assert.deepEqual(bare, {
    name: 'x',
    version: '1',
    handlers: [],
    cgroupDriver: 'cgroupfs',
    cniConfigDir: '/etc/cni/net.d',
    cniBinDir: '/opt/cni/bin',
  });
});

test('containerd’s configuration follows the machine', () => {
  const settings = {
    root: '/d/root',
    state: '/r/state',
    socket: '/r/c.sock',
    certsDir: '/d/certs.d',
    cniConfigDir: '/d/cni "x"',
    cniBinDir: '/usr/lib/cni',
    sandboxImage: 'registry.k8s.io/pause:3.10',
    snapshotter: 'overlayfs' as const,
    handlers: [{ name: 'crun', program: '/usr/bin/crun' }],
    usesSystemdCgroups: false,
    canLowerOomScore: false,
  };
  const text = containerdConfig(settings);
  assert.match(text, /^oom_score = 0$/m);
  assert.match(text, /^restrict_oom_score_adj = true$/m);
  assert.match(text, /^conf_dir = "\/d\/cni \\"x\\""$/m);
  assert.match(text, /^default_runtime_name = "crun"$/m);
  const able = containerdConfig({ ...settings, canLowerOomScore: true });
  assert.match(able, /^oom_score = -999$/m);
  assert.match(able, /^restrict_oom_score_adj = false$/m);
});

test("a containerd without a network is nobody else's node; CRI-O always is", () => {
  const status = (isReady: boolean) => ({
    status: { conditions: [{ type: 'NetworkReady', status: isReady, reason: '', message: '' }] },
  });
  assert.equal(isPrepared('containerd', status(true)), true);
  assert.equal(isPrepared('containerd', status(false)), false);
  assert.equal(isPrepared('containerd', {}), false);
  assert.equal(isPrepared('cri-o', status(false)), true);
});
