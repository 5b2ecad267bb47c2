import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RuntimeError } from './errors.ts';
import { hasSysResource, type Machine, probeMachine, requireMachine } from './machine.ts';
import { chooseHandlers, containerdCommand } from './own.ts';

const able: Machine = {
  isRoot: true,
  isSystemd: false,
  cgroups: { kind: 'v2', unified: '/sys/fs/cgroup', hierarchies: [] },
  canLowerOomScore: true,
  programs: { containerd: '/bin/containerd', runc: '/bin/runc', crun: '/bin/crun' },
  cniBinDir: '/opt/cni/bin',
  missingPlugins: [],
};

const refusal = (text: string) => (error: unknown) => {
  assert.ok(error instanceof RuntimeError);
  assert.ok(error.message.includes(text), error.message);
  assert.ok(!error.message.includes('\n'));
  return true;
};

test('what is lacking is said in one line that names the package', () => {
  requireMachine(able);
  const cases: [Partial<Machine>, string][] = [
    [{ isRoot: false }, 'needs root'],
    [{ programs: { runc: '/bin/runc' } }, 'the program containerd was not found: install the package containerd'],
    [
      { programs: { containerd: '/bin/containerd' } },
      'neither runc nor crun was found: install the package runc or crun',
    ],
    [
      { missingPlugins: ['portmap'] },
      '/opt/cni/bin lacks the CNI plugin portmap: install the package containernetworking-plugins',
    ],
    [{ cgroups: { kind: 'none', hierarchies: [] } }, 'no control groups are mounted'],
    [{ unwritableCgroup: '/sys/fs/cgroup' }, 'the control groups in /sys/fs/cgroup cannot be written'],
  ];
  for (const [lack, text] of cases) assert.throws(() => requireMachine({ ...able, ...lack }), refusal(text));
  const { cniBinDir: _, ...without } = able;
  assert.throws(
    () => requireMachine(without),
    refusal('no CNI plugins were found: install the package containernetworking-plugins'),
  );
});

test('programs and plugins are found where they are', async () => {
  const root = mkdtempSync(join(tmpdir(), 'machine-'));
  const put = (path: string): void => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), '');
    chmodSync(join(root, path), 0o755);
  };
  for (const path of ['a/containerd', 'b/containerd', 'b/crun', 'c/bridge', 'd/bridge', 'd/host-local']) put(path);
  const folders = (...names: string[]): string[] => names.map((name) => join(root, name));
  const machine = await probeMachine({ search: folders('none', 'a', 'b'), cniBinDirs: folders('none', 'c', 'd') });
  assert.deepEqual(machine.programs, { containerd: join(root, 'a/containerd'), crun: join(root, 'b/crun') });
  assert.equal(machine.cniBinDir, join(root, 'd'));
  assert.deepEqual(machine.missingPlugins, ['loopback', 'portmap']);
  const bare = await probeMachine({ search: folders('none'), cniBinDirs: folders('none') });
  assert.equal(bare.cniBinDir, undefined);
  rmSync(root, { recursive: true });
});

test('runc is preferred; what the configuration names must be there', () => {
  const names = (machine: Machine, wanted: 'auto' | 'runc' | 'crun') =>
    chooseHandlers(machine, wanted).map(({ name }) => name);
  assert.deepEqual(names(able, 'auto'), ['runc', 'crun']);
  assert.deepEqual(names(able, 'crun'), ['crun', 'runc']);
  const runcOnly = { ...able, programs: { runc: '/bin/runc' } };
  assert.deepEqual(names(runcOnly, 'auto'), ['runc']);
  assert.throws(() => names(runcOnly, 'crun'), refusal('runtime.handler is crun, but the program crun was not found'));
});

test('the right to lower oom_score_adj is read from the effective capabilities', () => {
  assert.equal(hasSysResource('Name:\tx\nCapEff:\t000001ffffffffff\n'), true);
  assert.equal(hasSysResource('Name:\tx\nCapEff:\t000001fffeffffff\n'), false);
  assert.equal(hasSysResource(''), false);
});

test('how containerd is started follows the machine', () => {
  const programs = { containerd: '/c', runc: '/r', crun: '/u', unshare: '/unshare', nsenter: '/nsenter' };
  const hybrid: Machine = { ...able, programs, cgroups: { kind: 'hybrid', unified: '/cg/unified', hierarchies: [] } };
  const plain = ['/c', '-c', '/config'];
  const file = '/run/x/ns/mnt';
  assert.deepEqual(containerdCommand({ ...able, programs }, 'crun', '/config'), plain);
  assert.deepEqual(containerdCommand(hybrid, 'runc', '/config', { file, exists: true }), plain);
  assert.deepEqual(containerdCommand(hybrid, 'crun', '/config', { file, exists: true }), [
    '/nsenter',
    `--mount=${file}`,
    ...plain,
  ]);
  const first = containerdCommand(hybrid, 'crun', '/config', { file, exists: false });
  assert.deepEqual(first.slice(0, 4), ['/unshare', `--mount=${file}`, '--propagation', 'unchanged']);
  assert.deepEqual(first.slice(-4), ['/cg/unified', ...plain]);
  const systemd = { ...able, isSystemd: true, programs: { ...programs, 'systemd-run': '/sr' } };
  assert.deepEqual(containerdCommand(systemd, 'crun', '/config'), ['/sr', '--scope', '--quiet', '--collect', ...plain]);
});
