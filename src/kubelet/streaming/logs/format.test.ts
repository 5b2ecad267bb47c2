import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type LogFormat, LogFormatter } from './format.ts';

const everything: LogFormat = {
  timestamps: false,
  stream: 'All',
  sinceMs: undefined,
  limitBytes: undefined,
  limitLines: undefined,
};

function format(text: string, options: Partial<LogFormat> = {}, pieceBytes = Number.POSITIVE_INFINITY): string {
  const formatter = new LogFormatter({ ...everything, ...options });
  const bytes = Buffer.from(text);
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    out.push(...formatter.push(bytes.subarray(at, at + pieceBytes)).map((piece) => Buffer.from(piece)));
  }
  return Buffer.concat(out).toString();
}

const time = '2026-01-02T03:04:05.5Z';
const lines = [
  `${time} stdout F one`,
  `${time} stderr F oops`,
  `${time} stdout P tw`,
  `${time} stdout F o`,
  `${time} stdout F `,
  '2026-01-02T03:04:06.123456789+02:00 stdout F:tag three',
  '',
].join('\n');

describe('CRI log lines', () => {
  test('lose their header; parts are joined', () => assert.equal(format(lines), 'one\noops\ntwo\n\nthree\n'));

  test('keep their time, with nine digits, once a line', () =>
    assert.equal(
      format(lines, { timestamps: true }),
      [
        '2026-01-02T03:04:05.500000000Z one',
        '2026-01-02T03:04:05.500000000Z oops',
        '2026-01-02T03:04:05.500000000Z two',
        '2026-01-02T03:04:05.500000000Z ',
        '2026-01-02T03:04:06.123456789+02:00 three',
        '',
      ].join('\n'),
    ));

  test('of +00:00 are UTC', () =>
    assert.match(
      format('2026-01-02T03:04:05+00:00 stdout F x\n', { timestamps: true }),
      /^2026-01-02T03:04:05\.0{9}Z x/,
    ));

  test('of one stream', () => {
    assert.equal(format(lines, { stream: 'Stderr' }), 'oops\n');
    assert.equal(format(lines, { stream: 'Stdout' }), 'one\ntwo\n\nthree\n');
  });

  test('older than asked for are left out', () => {
    const sinceMs = Date.parse('2026-01-02T03:04:05.500Z');
    assert.equal(format(lines, { sinceMs }), 'one\noops\ntwo\n\n'); // the last one is two hours older
    assert.equal(format(lines, { sinceMs: sinceMs + 1 }), '');
  });

  test('stop at a number of bytes, headers not counted but times', () => {
    assert.equal(format(lines, { limitBytes: 6 }), 'one\noo');
    assert.equal(format(lines, { limitBytes: 12, timestamps: true }), '2026-01-02T0');
  });

  test('stop at a number of lines of the file', () => assert.equal(format(lines, { limitLines: 3 }), 'one\noops\ntw'));

  test('that are none are left out', () => {
    const foreign = `garbage\n${time} stdfoo F x\n{"log":"x"}\n\n${'y'.repeat(500)}\n${time} stdout F kept\n`;
    assert.equal(format(foreign), 'kept\n');
  });

  test('without an end are shown as far as they go', () => assert.equal(format(`${time} stdout F half`), 'half'));

  test('are the same however the file is cut into pieces', () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('stdout', 'stderr'), fc.constantFrom('F', 'P'), fc.string()), {
          maxLength: 8,
        }),
        fc.integer({ min: 1, max: 200 }),
        fc.record({
          timestamps: fc.boolean(),
          stream: fc.constantFrom('All' as const, 'Stdout' as const, 'Stderr' as const),
          limitBytes: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
          limitLines: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
        }),
        (rows, pieceBytes, options) => {
          const text = rows
            .map(([stream, tag, line]) => `${time} ${stream} ${tag} ${line.replaceAll('\n', '')}\n`)
            .join('');
          assert.equal(format(text, options, pieceBytes), format(text, options));
        },
      ),
    ));
});
