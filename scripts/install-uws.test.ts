import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { rebind } from './elf-rebind.ts';
import { install, mendedAddon, planInstall } from './install-uws.ts';

const host = { platform: 'linux', arch: 'x64', abi: '137', glibc: '2.36' };
const directory = dirname(createRequire(import.meta.url).resolve('uWebSockets.js'));
const addon = (arch: string) => join(directory, `uws_linux_${arch}_137.node`);

describe('which hosts need the addon mended', () => {
  const doneOn = (change: Partial<typeof host> | { glibc: undefined }) => planInstall({ ...host, ...change }).do;

  test('all that load it: older versions of glibc do not', () => {
    const versions = ['2.28', '2.34', '2.35', '2.36', '2.37', '2.38', '2.41'];
    assert.deepEqual(
      versions.filter((glibc) => doneOn({ glibc }) === 'mend'),
      ['2.36', '2.37', '2.38', '2.41'],
    );
  });

  test('musl does not load it; where no recipe is known it may, and that is said', () => {
    assert.equal(doneOn({ glibc: undefined }), 'nothing');
    assert.equal(doneOn({ platform: 'darwin', glibc: undefined }), 'warn');
    assert.equal(doneOn({ abi: '115' }), 'warn');
  });
});

describe('the mended addon', () => {
  for (const arch of ['x64', 'arm64']) {
    test(`${arch}: only the expected imports and one instruction change`, { skip: !existsSync(addon(arch)) }, () => {
      const plan = planInstall({ ...host, arch });
      assert.ok(plan.do === 'mend');
      const before = readFileSync(addon(arch));
      const after = mendedAddon(before, plan.recipe);
      assert.equal(after.length, before.length);
      const changed = after.filter((byte, i) => byte !== before[i]).length;
      assert.ok(changed > 4 && changed < 48, `${changed} bytes changed`);
      assert.throws(() => mendedAddon(after, plan.recipe), 'twice is refused');
    });
  }

  test('another instruction at that place is refused', { skip: !existsSync(addon('x64')) }, () => {
    const plan = planInstall(host);
    assert.ok(plan.do === 'mend');
    const fix = { ...plan.recipe.fix, offset: plan.recipe.fix.offset + 1 };
    assert.throws(() => mendedAddon(readFileSync(addon('x64')), { ...plan.recipe, fix }), /unexpected instruction/);
  });

  test('what is no such addon is refused', () => {
    const plan = planInstall(host);
    assert.ok(plan.do === 'mend');
    const { rule } = plan.recipe;
    assert.throws(() => rebind(new Uint8Array(100), rule), /not a little-endian ELF-64 file/);
    assert.throws(() => mendedAddon(readFileSync(process.execPath).subarray(0, 1000), plan.recipe), /unknown addon/);
  });
});

describe('installing', () => {
  const name = 'uws_linux_x64_137';
  const inFolder = (run: (folder: string) => void) => () => {
    const folder = mkdtempSync(join(tmpdir(), 'uws-'));
    try {
      run(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  const skip = !existsSync(addon('x64')) && 'no addon for x64';

  for (const glibc of ['2.36', '2.41']) {
    test(
      `glibc ${glibc}: writes it once, and never touches the addon itself`,
      { skip },
      inFolder((folder) => {
        const original = join(folder, `${name}.node`);
        copyFileSync(addon('x64'), original);
        assert.equal(install(folder, { ...host, glibc }).isWarning, false);
        const { ino } = statSync(join(folder, `${name}.rebound.node`));
        assert.equal(install(folder, { ...host, glibc }).text, 'uWebSockets.js: already mended');
        assert.equal(statSync(join(folder, `${name}.rebound.node`)).ino, ino);
        assert.ok(readFileSync(original).equals(readFileSync(addon('x64'))));
        assert.deepEqual(readdirSync(folder).sort(), [`${name}.node`, `${name}.rebound.node`]);
      }),
    );
  }

  test(
    'what only was rebound is replaced',
    { skip },
    inFolder((folder) => {
      copyFileSync(addon('x64'), join(folder, `${name}.node`));
      writeFileSync(join(folder, `${name}.rebound.node`), 'of another version');
      install(folder, host);
      assert.ok(statSync(join(folder, `${name}.rebound.node`)).size > 1000);
    }),
  );

  test(
    'an addon that nobody knows is left alone with one line that says what may happen',
    inFolder((folder) => {
      writeFileSync(join(folder, `${name}.node`), 'of another version');
      writeFileSync(join(folder, `${name}.rebound.node`), 'of this one');
      const { text, isWarning } = install(folder, host);
      assert.equal(isWarning, true);
      assert.match(text, /^uWebSockets.js: unknown addon, sha256 \w{64}: .*slow uploads.*$/);
      assert.deepEqual(readdirSync(folder), [`${name}.node`]);
    }),
  );
});
