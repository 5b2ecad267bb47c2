import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCgroupLayout } from './layout.ts';

const row = (path: string, type: string, options: string): string =>
  `31 23 0:28 / ${path} rw,nosuid,relatime shared:9 - ${type} cgroup rw,${options}`;

const v1 = [
  row('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'cpu,cpuacct'),
  row('/sys/fs/cgroup/memory', 'cgroup', 'memory'),
  row('/sys/fs/cgroup/systemd', 'cgroup', 'xattr,release_agent=/usr/lib/systemd/systemd-cgroups-agent,name=systemd'),
];

test('v1: each hierarchy with its controllers', () => {
  const layout = parseCgroupLayout(v1.join('\n'));
  assert.equal(layout.kind, 'v1');
  assert.deepEqual(layout.hierarchies, [
    { path: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['cpu', 'cpuacct'] },
    { path: '/sys/fs/cgroup/memory', controllers: ['memory'] },
    { path: '/sys/fs/cgroup/systemd', controllers: ['name=systemd'] },
  ]);
});

test('hybrid: a v2 hierarchy beside v1 controllers', () => {
  const layout = parseCgroupLayout([...v1, row('/sys/fs/cgroup/unified', 'cgroup2', 'nsdelegate')].join('\n'));
  assert.equal(layout.kind, 'hybrid');
  assert.equal(layout.unified, '/sys/fs/cgroup/unified');
});

test('v2 alone', () => {
  const layout = parseCgroupLayout(row('/sys/fs/cgroup', 'cgroup2', 'nsdelegate,memory_recursiveprot'));
  assert.deepEqual(layout, { kind: 'v2', unified: '/sys/fs/cgroup', hierarchies: [] });
});

test('a hierarchy that is mounted twice counts once; blanks in paths are read', () => {
  const text = [row('/cg\\040roup/cpu', 'cgroup', 'cpu'), row('/other', 'cgroup', 'cpu')].join('\n');
  assert.deepEqual(parseCgroupLayout(text).hierarchies, [{ path: '/cg roup/cpu', controllers: ['cpu'] }]);
});

test('none', () => {
  assert.equal(parseCgroupLayout(row('/', 'ext4', 'discard')).kind, 'none');
});
