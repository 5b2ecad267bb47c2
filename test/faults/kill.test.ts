/**
 * kill -9 at random moments under load: every acknowledged hard write is there afterwards, no revision is issued
 * twice, and what the clients saw, over all crashes, is linearizable object by object.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/kernel/clock.ts';
import { type Line, parseLines, promised, type WriterOptions } from './lines.ts';
import { explainHistory, type Operation } from './linearizability.ts';

const kills = 50;
const program = join(import.meta.dirname, 'writer.ts');

/** Runs the writer until `killAfterMs` after it has opened the store. */
async function runAndKill(directory: string, options: WriterOptions, killAfterMs: number): Promise<Line[]> {
  const child = spawn(process.execPath, [program, directory, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  let isArmed = false;
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  child.stdout.on('data', (chunk) => {
    output += chunk;
    if (isArmed) return;
    isArmed = true;
    void systemClock.sleep(killAfterMs).then(() => child.kill('SIGKILL'));
  });
  const signal = await new Promise((resolve) => child.on('close', (_code, by) => resolve(by)));
  assert.equal(signal, 'SIGKILL', errors);
  return parseLines(output);
}

/** Each object's history over all runs. */
function histories(runs: readonly (readonly Line[])[]): Map<string, Operation[]> {
  const byKey = new Map<string, Operation[]>();
  const of = (key: string): Operation[] => {
    const known = byKey.get(key);
    if (known) return known;
    const fresh: Operation[] = [];
    byKey.set(key, fresh);
    return fresh;
  };
  const keys = new Set(runs.flat().flatMap((line) => ('key' in line ? [line.key] : [])));
  for (const lines of runs) {
    const ends = new Map(lines.flatMap((line) => (line.step === 'end' ? [[line.id, line.at]] : [])));
    const refused = new Set(lines.flatMap((line) => (line.step === 'conflict' ? [line.id] : [])));
    for (const line of lines) {
      if (line.step === 'open') {
        const { begin, end, state } = line;
        for (const key of keys) of(key).push({ type: 'read', begin, end, value: state[key]?.value ?? null });
      } else if (line.step === 'read') {
        of(line.key).push({ type: 'read', begin: line.begin, end: line.end, value: line.value });
      } else if (line.step === 'begin' && !refused.has(line.id)) {
        const { at, expected, id, key, value } = line;
        of(key).push({ type: 'swap', begin: at, end: ends.get(id) ?? Number.POSITIVE_INFINITY, expected, value });
      }
    }
  }
  return byKey;
}

test(`${kills} times kill -9 under load`, { timeout: 600_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'store-kill-'));
  const runs: Line[][] = [];
  for (let run = 0; run <= kills; run++) {
    const options = { run, seed: run + 1, clients: 8, operations: 1e9, sessions: 1, keys: 12, softKeys: 4 };
    runs.push(await runAndKill(directory, { ...options, payloadBytes: 3000, sync: true }, Math.random() * 120));
  }
  rmSync(directory, { recursive: true });

  let acknowledged = 0;
  let newest = 0;
  runs.forEach((lines, run) => {
    const open = lines[0]!;
    assert.ok(open.step === 'open' && open.revision >= newest, `run ${run} begins below revision ${newest}`);
    for (const [key, revision] of promised(runs[run - 1] ?? [])) {
      assert.ok((open.state[key]?.revision ?? 0) >= revision, `run ${run} has lost revision ${revision} of ${key}`);
    }
    const issued = lines.flatMap((line) => (line.step === 'end' ? [line.revision] : []));
    assert.equal(new Set(issued).size, issued.length, `run ${run} has issued a revision twice`);
    assert.ok(issued.every((revision) => revision > open.revision));
    acknowledged += issued.length;
    newest = Math.max(newest, ...issued);
  });
  assert.ok(acknowledged > kills * 5, `only ${acknowledged} writes were acknowledged`);

  for (const [key, history] of histories(runs)) {
    if (key.startsWith('soft')) continue;
    const unexplained = explainHistory(history, null);
    assert.deepEqual(unexplained?.slice(-5), undefined, `${key} is not linearizable`);
  }
});
