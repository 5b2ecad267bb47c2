/**
 * A power cut at any moment: the writer's system calls are recorded, the disk is rebuilt as it may stand at each sync,
 * with unsynced writes dropped, torn and reordered, and every acknowledged hard write must be there each time.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { unwrapEnvelope } from '../../src/schema/index.ts';
import { sqliteBackend } from '../../src/store/index.ts';
import { decodeSample } from '../../src/store/testing.ts';
import { Disk, type DiskEvent, type Survival } from './disk.ts';
import { type Line, parseLines, promised } from './lines.ts';
import { readTrace, tracedCalls } from './strace.ts';

const program = join(import.meta.dirname, 'writer.ts');
const skip = spawnSync('strace', ['-V']).status === 0 ? false : 'strace is not installed (Debian: strace)';
/** Images are small and many: in memory where there is such a place. */
const imageParent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Runs the writer to its end and returns what it did to its disk. */
async function record(sync: boolean): Promise<DiskEvent[]> {
  const parent = mkdtempSync(join(tmpdir(), 'store-power-'));
  const [directory, told, trace] = ['disk', 'told', 'trace'].map((name) => join(parent, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(directory);
  const options = {
    run: 0,
    seed: 7,
    clients: 4,
    operations: 70,
    sessions: 2,
    keys: 12,
    softKeys: 3,
    payloadBytes: 90_000,
    sync,
  };
  const files = ['', '/state.db', '/state.db-wal', '/state.db-journal'].flatMap((file) => ['-P', directory + file]);
  const output = openSync(told, 'a');
  const child = spawn(
    'strace',
    [
      ...['-f', '-y', '-xx', '-s', '100000', '-o', trace, '-e', `trace=${tracedCalls}`, ...files, '-P', told],
      ...[process.execPath, program, directory, JSON.stringify(options)],
    ],
    { stdio: ['ignore', output, 'inherit'] },
  );
  closeSync(output);
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
  const events = [...readTrace(readFileSync(trace, 'latin1'), directory, told)];
  rmSync(parent, { recursive: true });
  return events;
}

/** What is wrong with the objects that a restart would find. */
async function problemsOf(disk: Disk, survival: Survival, lines: readonly Line[]): Promise<string[]> {
  const directory = mkdtempSync(join(imageParent, 'store-image-'));
  try {
    disk.writeImage(directory, survival);
    const backend = await sqliteBackend(join(directory, 'state.db'), { cacheBytes: 1 << 20 });
    const found = new Map<string, { revision: number; value: string }>();
    const { revision } = await backend.load((record) => {
      const { name, payload } = decodeSample(unwrapEnvelope(record.value).message);
      found.set(name, { revision: record.revision, value: payload!.split('/', 1)[0]! });
    });
    await backend.close();
    return [...lostWrites(found, lines), ...strangers(found, lines), ...repeatedRevisions(revision, lines)];
  } catch (error) {
    return [`the database cannot be opened: ${(error as Error).message}`];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

type Found = ReadonlyMap<string, { revision: number; value: string }>;

const lostWrites = (found: Found, lines: readonly Line[]): string[] =>
  [...promised(lines)]
    .filter(([key, revision]) => (found.get(key)?.revision ?? 0) < revision)
    .map(([key, revision]) => `revision ${revision} of ${key} is lost`);

const strangers = (found: Found, lines: readonly Line[]): string[] => {
  const written = new Set(lines.map((line) => (line.step === 'begin' ? `${line.key} ${line.value}` : '')));
  return [...found].filter(([key, { value }]) => !written.has(`${key} ${value}`)).map(([key]) => `${key} is damaged`);
};

const repeatedRevisions = (revision: number, lines: readonly Line[]): string[] =>
  lines
    .filter((line) => line.step === 'end' && line.revision > revision)
    .map(() => `a restart would go on at ${revision} and issue revisions again`);

/** Ways in which a disk may lose what was not synced: all, none, single sectors, the older or the newer part. */
function survivals(): Survival[] {
  let seed = 1;
  const random = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  return [
    () => false,
    () => true,
    () => random() < 0.7,
    (place) => place > 0.25,
    (place) => place > 0.5,
    (place) => place > 0.75,
    (place) => place < 0.5,
  ];
}

/** Cuts the power at every sync, in several ways. Returns the number of images and what was wrong. */
async function cutEverywhere(events: readonly DiskEvent[]): Promise<{ images: number; problems: string[] }> {
  const ways = survivals();
  const disk = new Disk();
  let told = '';
  const problems: string[] = [];
  let images = 0;
  for (const [at, event] of [...events, { type: 'syncDirectory' } as const].entries()) {
    if (event.type === 'told') told += event.text;
    if (event.type.startsWith('sync')) {
      const lines = parseLines(told);
      for (const survival of ways) {
        images++;
        for (const problem of await problemsOf(disk, survival, lines)) problems.push(`event ${at}: ${problem}`);
      }
    }
    disk.apply(event);
  }
  return { images, problems };
}

test('every acknowledged hard write survives a power cut at any moment', { skip, timeout: 600_000 }, async (t) => {
  const events = await record(true);
  const syncsOf = (file: string): number =>
    events.filter((event) => event.type === 'sync' && event.file === file).length;
  assert.ok(
    syncsOf('state.db-wal') > 50 && syncsOf('state.db') >= 4,
    'too few commits or checkpoints to prove anything',
  );
  const { images, problems } = await cutEverywhere(events);
  t.diagnostic(`${images} images, ${syncsOf('state.db-wal')} syncs of the log, ${syncsOf('state.db')} of the database`);
  assert.deepEqual(problems.slice(0, 10), []);
});

test('the same check finds lost writes when commits are answered before they are durable', {
  skip,
  timeout: 600_000,
}, async () => {
  const { problems } = await cutEverywhere(await record(false));
  assert.ok(
    problems.some((problem) => problem.includes('is lost')),
    'no lost write was found',
  );
});
