import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { systemClock } from '../../../kernel/index.ts';
import type { ByteSink } from '../sink.ts';
import type { LogOptions } from './options.ts';
import { readLog } from './read.ts';

const options: LogOptions = {
  container: '',
  follow: false,
  previous: false,
  timestamps: false,
  stream: 'All',
  sinceMs: undefined,
  tailLines: undefined,
  limitBytes: undefined,
};

/** Collects; `until` waits for a text. */
class TestSink implements ByteSink {
  text = '';
  closed = false;
  full = false;
  #onClosed: (() => void)[] = [];
  #wake: () => void = () => {};
  #drain: () => void = () => {};

  onClosed(callback: () => void): void {
    this.#onClosed.push(callback);
  }

  write(chunk: Uint8Array): boolean {
    this.text += Buffer.from(chunk).toString();
    this.#wake();
    return !this.full;
  }

  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#drain = resolve;
    });
  }

  drain(): void {
    this.full = false;
    this.#drain();
  }

  end(): void {}

  abort(): void {
    this.closed = true;
    for (const callback of this.#onClosed) callback();
  }

  async until(text: string): Promise<void> {
    while (!this.text.includes(text)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

let folder: string;
let path: string;
let sink: TestSink;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'logs-'));
  path = join(folder, '0.log');
  sink = new TestSink();
});
afterEach(() => rm(folder, { recursive: true }));

const line = (text: string): string => `2026-01-02T03:04:05.5Z stdout F ${text}\n`;
const source = (isRunning = async () => true) => ({ path, isRunning, clock: systemClock });

describe('reading a log', { timeout: 20_000 }, () => {
  test('to its end', async () => {
    await writeFile(path, line('one') + line('two'));
    await readLog(source(), options, sink);
    assert.equal(sink.text, 'one\ntwo\n');
  });

  test('from its end', async () => {
    await writeFile(path, line('one') + line('two') + line('three'));
    await readLog(source(), { ...options, tailLines: 2 }, sink);
    assert.equal(sink.text, 'two\nthree\n');
  });

  test('that is missing fails', () => assert.rejects(readLog(source(), options, sink), { code: 'ENOENT' }));

  test('follows what is written, through rotations, until the container has ended', async () => {
    await writeFile(path, line('one'));
    let running = true;
    const done = readLog(
      source(async () => running),
      { ...options, follow: true },
      sink,
    );
    await sink.until('one');
    await appendFile(path, line('two'));
    await sink.until('two');
    const rotated = `${path}.1`;
    await rename(path, rotated);
    await appendFile(rotated, line('late, into the old file'));
    await sink.until('late');
    await writeFile(path, line('three'));
    await sink.until('three');
    await appendFile(path, line('last'));
    running = false;
    await done;
    assert.equal(sink.text, 'one\ntwo\nlate, into the old file\nthree\nlast\n');
  });

  test('follows the last lines only', async () => {
    await writeFile(path, line('one') + line('two'));
    const done = readLog(source(), { ...options, follow: true, tailLines: 1 }, sink);
    await sink.until('two');
    await appendFile(path, line('three'));
    await sink.until('three');
    sink.abort();
    await done;
    assert.equal(sink.text, 'two\nthree\n');
  });

  test('stops following when enough has been shown', async () => {
    await writeFile(path, line('one'));
    const done = readLog(source(), { ...options, follow: true, limitBytes: 6 }, sink);
    await sink.until('one');
    await appendFile(path, line('two'));
    await done;
    assert.equal(sink.text, 'one\ntw');
  });

  test('waits for a reader that is slow', async () => {
    await writeFile(path, line('x'.repeat(1_000)).repeat(1_000));
    sink.full = true;
    const done = readLog(source(), options, sink);
    await sink.until('x');
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(sink.text.length < 70_000, `${sink.text.length}`);
    sink.drain();
    await done;
    assert.equal(sink.text.length, 1_001_000);
  });
});
