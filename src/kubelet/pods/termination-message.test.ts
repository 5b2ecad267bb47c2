import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { ContainerStatus } from '../cri/types.ts';
import { runtimeAnnotations } from '../types.ts';
import { lastLines, terminationMessage } from './termination-message.ts';

const folder = mkdtempSync(join(tmpdir(), 'words-'));
after(() => rmSync(folder, { recursive: true }));

const file = join(folder, 'message');
const log = join(folder, '0.log');

function ended(policy: string, exitCode: number): ContainerStatus {
  return {
    exitCode,
    reason: 'Error',
    logPath: log,
    mounts: [{ containerPath: '/dev/termination-log', hostPath: file }],
    annotations: {
      [runtimeAnnotations.terminationMessagePath]: '/dev/termination-log',
      [runtimeAnnotations.terminationMessagePolicy]: policy,
    },
  } as unknown as ContainerStatus;
}

const line = (text: string, tag = 'F'): string => `2026-01-01T00:00:00.0Z stdout ${tag} ${text}\n`;

test('the end of what the container wrote, 4096 bytes of it', async () => {
  writeFileSync(file, `${'a'.repeat(5_000)}end`);
  const message = await terminationMessage(ended('File', 1));
  assert.equal(message.length, 4096);
  assert.ok(message.endsWith('aend'));
});

test('the log speaks only if the container failed, wrote nothing, and wants it so', async () => {
  writeFileSync(file, '');
  writeFileSync(log, line('one') + line('two'));
  assert.equal(await terminationMessage(ended('FallbackToLogsOnError', 1)), 'one\ntwo\n');
  assert.equal(await terminationMessage(ended('FallbackToLogsOnError', 0)), '');
  assert.equal(await terminationMessage(ended('File', 1)), '');
  writeFileSync(file, 'own words');
  assert.equal(await terminationMessage(ended('FallbackToLogsOnError', 1)), 'own words');
});

test('files that are gone are no error', async () => {
  rmSync(file);
  assert.equal(await terminationMessage(ended('File', 1)), '');
});

test('of a log 80 lines and 2048 bytes at most; torn lines are joined', () => {
  const many = Array.from({ length: 100 }, (_, index) => line(`${index}`)).join('');
  const lines = lastLines(Buffer.from(many)).split('\n');
  assert.deepEqual([lines[0], lines.length], ['20', 81]);
  assert.equal(lastLines(Buffer.from(line('x'.repeat(3_000)))).length, 2048);
  assert.equal(lastLines(Buffer.from(line('one ', 'P') + line('two'))), 'one two\n');
});
