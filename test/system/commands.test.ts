import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCommand } from '../support/server.ts';

const folder = mkdtempSync(join(tmpdir(), 'nanoshift-commands-'));
const config = (text: string): string => {
  const path = join(folder, `${Math.random().toString(36).slice(2)}.yaml`);
  writeFileSync(path, text);
  return path;
};

/** One line, exit code 1. */
async function refuses(args: string[], line: RegExp): Promise<void> {
  const { code, output } = await runCommand(...args);
  const complaints = output.split('\n').filter((text) => text.startsWith('nanoshift: '));
  assert.equal(complaints.length, 1, output);
  assert.match(complaints[0] as string, line);
  assert.equal(code, 1, output);
}

test('an unknown command and an unknown flag are refused', async () => {
  await refuses(['dance'], /unknown command "dance"/);
  await refuses(['run', '--tango'], /Unknown option '--tango'/);
  await refuses(['version', '-o', 'xml'], /--output must be yaml or json/);
  await refuses(['show-config', '-m', 'odd'], /--mode must be effective or default/);
});

test('a missing, a broken and a wrong configuration are refused with file or key', async () => {
  await refuses(['run', '--config', join(folder, 'none.yaml')], /none\.yaml: cannot be read/);
  await refuses(['run', '--config', config('node: [')], /invalid configuration: .*\.yaml: /);
  await refuses(['run', '--config', config('node: {nodeIP: 1}')], /node\.nodeIP: must be a string/);
  await refuses(['show-config', '--config', config('hardwareProfile: pdp11')], /no profile is named "pdp11"/);
});

test('a data directory that cannot be made is refused', async () => {
  const file = config('');
  await refuses(
    ['run', '--config', config('runtime: {mode: none}'), '--data-dir', join(file, 'below-a-file')],
    /ENOTDIR|EEXIST|not a directory/,
  );
});

test('a busy port is refused', async () => {
  const blocker = createServer();
  await new Promise<void>((done) => blocker.listen(0, '0.0.0.0', done));
  const { port } = blocker.address() as { port: number };
  try {
    for (const front of ['uws', 'node']) {
      const data = mkdtempSync(join(tmpdir(), 'nanoshift-busy-'));
      await refuses(
        [
          'run',
          '--config',
          config(`apiServer: {port: ${port}, front: ${front}}\nruntime: {mode: none}`),
          '--data-dir',
          data,
        ],
        /cannot listen on 0\.0\.0\.0:\d+: address already in use/,
      );
    }
  } finally {
    blocker.close();
  }
});

test('show-config prints what is in effect, with warnings as comments', async () => {
  const { code, output } = await runCommand(
    'show-config',
    '--config',
    config('node: {hostnameOverride: Edge-7}\nwhat: 1'),
  );
  assert.equal(code, 0);
  assert.match(output, /hostnameOverride: edge-7/);
  assert.match(output, /# WARNING: unknown key what is ignored/);
});
