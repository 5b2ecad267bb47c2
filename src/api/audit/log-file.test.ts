import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '../../kernel/clock.ts';
import { type Logger, silentLogger } from '../../kernel/log.ts';
import { auditEvent } from './event.ts';
import { AuditLog, type AuditLogOptions } from './log-file.ts';
import type { AuditEvent } from './types.ts';

function event(auditId: string): AuditEvent {
  const target = { verb: 'get', path: '/x' };
  const facts = { uri: '/x', verb: 'get', user: undefined, impersonated: undefined, sourceIps: [], userAgent: '' };
  return auditEvent(
    { auditId, ...facts, target, decision: undefined, receivedMs: 0 },
    'ResponseComplete',
    { code: 200 },
    0,
  );
}

function opened(context: TestContext, options: Partial<AuditLogOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'audit-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const clock = new ManualClock();
  const file = join(folder, 'log/audit.log');
  const defaults = { file, maxAgeDays: 0, maxFiles: 10, maxFileBytes: 1 << 20, clock, log: silentLogger };
  return { folder, file, clock, log: new AuditLog({ ...defaults, ...options }) };
}

const ids = (file: string): string[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as AuditEvent).auditID);

/** Waits for what no clock of ours controls: the file system. */
async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; !holds(); turn++) {
    if (turn === 100_000) assert.fail('never came');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

test('events of a second are one write; what is left is written at the end', async (context) => {
  const { file, clock, log } = opened(context);
  log.record(event('a'));
  log.record(event('b'));
  clock.advance(999);
  assert.equal(sizeOf(file), 0);
  clock.advance(1);
  await until(() => sizeOf(file) > 0);
  assert.deepEqual(ids(file), ['a', 'b']);
  log.record(event('c'));
  await log.close();
  assert.deepEqual(ids(file), ['a', 'b', 'c']);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(log.stats(), { events: 3, dropped: 0 });
});

test('a full batch does not wait for the second', async (context) => {
  const { file, log } = opened(context);
  for (let index = 0; index < 400; index++) log.record(event(String(index)));
  await until(() => sizeOf(file) > 60_000);
  await log.close();
  assert.equal(ids(file).length, 400);
});

test('the file goes on where the last run ended', async (context) => {
  const { folder, file, log } = opened(context);
  mkdirSync(join(folder, 'log'));
  writeFileSync(file, `${JSON.stringify(event('old'))}\n`);
  log.record(event('new'));
  await log.close();
  assert.deepEqual(ids(file), ['old', 'new']);
});

test('rotated files are kept by number', async (context) => {
  const { folder, file, clock, log } = opened(context, { maxFiles: 2, maxFileBytes: 300 });
  for (const id of ['a', 'b', 'c', 'd']) {
    const before = sizeOf(file);
    const files = readdirSync(folder, { recursive: true }).length;
    log.record(event(id));
    clock.advance(1_000);
    await until(() => before === 0 || readdirSync(folder, { recursive: true }).length > files || id === 'd');
    await until(() => sizeOf(file) > 0 && ids(file)[0] === id);
  }
  await log.close();
  const rotated = readdirSync(join(folder, 'log')).sort();
  assert.deepEqual(rotated, ['audit-2026-01-01T00-00-03.000.log', 'audit-2026-01-01T00-00-04.000.log', 'audit.log']);
  assert.deepEqual(
    rotated.map((name) => ids(join(folder, 'log', name))),
    [['b'], ['c'], ['d']],
  );
});

test('rotated files are kept by age, and strangers are left alone', async (context) => {
  const { folder, file, log } = opened(context, { maxAgeDays: 7, maxFileBytes: 300 });
  const logs = join(folder, 'log');
  mkdirSync(logs);
  for (const name of ['audit-2025-12-24T23-59-59.000.log', 'audit-2025-12-26T00-00-00.000.log', 'other.log']) {
    writeFileSync(join(logs, name), '');
  }
  writeFileSync(file, 'x'.repeat(300));
  log.record(event('a'));
  await log.close();
  assert.deepEqual(readdirSync(logs).sort(), [
    'audit-2025-12-26T00-00-00.000.log',
    'audit-2026-01-01T00-00-00.000.log',
    'audit.log',
    'other.log',
  ]);
});

test('a disk that refuses costs events, is told of once, and is tried again', async (context) => {
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (message) => warnings.push(message) };
  const { folder, file, clock, log } = opened(context, { log: logger });
  writeFileSync(join(folder, 'log'), 'in the way');
  for (const id of ['a', 'b']) {
    const { dropped } = log.stats();
    log.record(event(id));
    clock.advance(1_000);
    await until(() => log.stats().dropped > dropped);
  }
  rmSync(join(folder, 'log'));
  log.record(event('c'));
  clock.advance(1_000);
  await until(() => sizeOf(file) > 0);
  await log.close();
  assert.deepEqual(ids(file), ['c']);
  assert.deepEqual(log.stats(), { events: 3, dropped: 2 });
  assert.deepEqual(warnings, ['audit log could not be written']);
});

test('what a slow disk leaves waiting is bounded', async (context) => {
  const { file, log } = opened(context, { maxFileBytes: 64 << 20 });
  const large = { ...event('x'), userAgent: 'x'.repeat(100_000) };
  for (let index = 0; index < 100; index++) log.record(large);
  const { dropped } = log.stats();
  assert.ok(dropped > 50 && dropped < 60, `${dropped}`);
  await log.close();
  assert.equal(ids(file).length, 100 - dropped);
});
