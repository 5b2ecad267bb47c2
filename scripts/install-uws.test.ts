import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { rebind } from './elf-rebind.ts';
import { planInstall, reboundAddon } from './install-uws.ts';

const host = { platform: 'linux', arch: 'x64', abi: '137', glibc: '2.36' };
const directory = dirname(createRequire(import.meta.url).resolve('uWebSockets.js'));
const addon = (arch: string) => join(directory, `uws_linux_${arch}_137.node`);

describe('which hosts need the rebind', () => {
  const doneOn = (change: Partial<typeof host> | { glibc: undefined }) => planInstall({ ...host, ...change }).do;

  test('glibc 2.36 and 2.37 do; older ones cannot load it at all, newer ones load it as it is', () => {
    const versions = ['2.28', '2.34', '2.35', '2.36', '2.37', '2.38', '2.41'];
    assert.deepEqual(
      versions.filter((glibc) => doneOn({ glibc }) === 'rebind'),
      ['2.36', '2.37'],
    );
  });

  test('musl, other platforms and other versions of Node do not', () => {
    assert.equal(doneOn({ glibc: undefined }), 'nothing');
    assert.equal(doneOn({ platform: 'darwin' }), 'nothing');
    assert.equal(doneOn({ abi: '115' }), 'nothing');
  });
});

describe('the rebound addon', () => {
  for (const arch of ['x64', 'arm64']) {
    test(`${arch}: only the expected imports change`, { skip: !existsSync(addon(arch)) }, () => {
      const plan = planInstall({ ...host, arch });
      assert.ok(plan.do === 'rebind');
      const before = readFileSync(addon(arch));
      const after = reboundAddon(before, plan.recipe);
      assert.equal(after.length, before.length);
      const changed = after.filter((byte, i) => byte !== before[i]).length;
      assert.ok(changed > 0 && changed < 40, `${changed} bytes changed`);
      assert.throws(() => reboundAddon(after, plan.recipe), 'twice is refused');
    });
  }

  test('what is no such addon is refused', () => {
    const plan = planInstall(host);
    assert.ok(plan.do === 'rebind');
    const { rule } = plan.recipe;
    assert.throws(() => rebind(new Uint8Array(100), rule), /not a little-endian ELF-64 file/);
    assert.throws(() => reboundAddon(readFileSync(process.execPath).subarray(0, 1000), plan.recipe), /unknown addon/);
  });
});
