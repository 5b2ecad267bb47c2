import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const root = resolve(import.meta.dirname, '..');
const has = (command: string): boolean => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
const missing = ['rpmbuild', 'rpm2cpio', 'cpio'].filter((command) => !has(command));

test('the RPM installs a read-only tree that runs', {
  skip: missing.length > 0 && `needs ${missing.join(', ')}`,
}, () => {
  const folder = mkdtempSync(join(tmpdir(), 'rpm-'));
  try {
    const built = spawnSync('sh', [join(root, 'scripts/build-rpm.sh'), folder], { encoding: 'utf8' });
    assert.equal(built.status, 0, built.stdout + built.stderr);
    const rpm = readdirSync(folder).find((name) => name.endsWith('.rpm'));
    assert.ok(rpm, 'an RPM was written');
    const unpacked = spawnSync(
      'sh',
      ['-c', `cd ${folder} && rpm2cpio ${rpm} | cpio -idm --quiet && chmod -R a-w usr`],
      { encoding: 'utf8' },
    );
    assert.equal(unpacked.status, 0, unpacked.stderr);
    const version = spawnSync(join(folder, 'usr/bin/microshift'), ['version'], {
      encoding: 'utf8',
      env: { PATH: '/usr/bin:/bin' },
    });
    assert.equal(version.status, 0, version.stderr);
    assert.match(version.stdout, /^nanoshift Version: /);
  } finally {
    spawnSync('chmod', ['-R', 'u+w', folder]);
    rmSync(folder, { recursive: true, force: true });
  }
});
