import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodSpec } from '../../typings/core.ts';
import { validateHostProcess, validateOs, validateWindowsOptions } from './windows.ts';

const texts = (errors: Iterable<{ field: string; message: string }>): string[] =>
  [...errors].map((error) => `${error.field}: ${error.message}`);

test('what the declared operating system excludes is refused', () => {
  const cases: readonly (readonly [PodSpec, readonly string[]])[] = [
    [{}, []],
    [{ os: { name: 'linux' } }, []],
    [{ os: { name: '' } }, ['spec.os.name: Required value']],
    [{ os: { name: 'plan9' } }, ['spec.os: Unsupported value: "plan9": supported values: "linux", "windows"']],
    [
      { os: { name: 'linux' }, containers: [{ name: 'c', securityContext: { windowsOptions: {} } }] },
      ['spec.containers[0].securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod'],
    ],
    [
      { os: { name: 'windows' }, hostPID: true, securityContext: { fsGroup: 1, sysctls: [] } },
      [
        'spec.hostPID: Forbidden: cannot be set for a windows pod',
        'spec.securityContext.fsGroup: Forbidden: cannot be set for a windows pod',
      ],
    ],
  ];
  for (const [spec, expected] of cases) assert.deepEqual(texts(validateOs(spec, ['spec'])), expected);
});

test('containers in the process space of the host need each other and its network', () => {
  const host = { name: 'a', securityContext: { windowsOptions: { hostProcess: true } } };
  assert.deepEqual(texts(validateHostProcess({ containers: [host], hostNetwork: true }, ['spec'])), []);
  assert.deepEqual(texts(validateHostProcess({ containers: [host, { name: 'b' }] }, ['spec'])), [
    'spec: Invalid value: "": If pod contains any hostProcess containers then all containers must be HostProcess containers',
    'spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers',
  ]);
});

test('names of Windows users are checked', () => {
  const problem = (runAsUserName: string): string[] => texts(validateWindowsOptions({ runAsUserName }, ['o']));
  for (const name of ['ContainerUser', 'DOMAIN\\user', 'corp.example.com\\user']) assert.deepEqual(problem(name), []);
  for (const name of ['', 'a\\b\\c', 'a\nb', '...', 'a:b', 'x'.repeat(105)])
    assert.equal(problem(name).length, 1, name);
});
