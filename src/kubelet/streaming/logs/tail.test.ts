import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { tailStart } from './tail.ts';

/** A file in memory, in blocks that are smaller than asked for at times. */
const fileOf = (bytes: Buffer) => ({
  read: async (buffer: Buffer, offset: number, length: number, position: number) => {
    const bytesRead = bytes.copy(buffer, offset, position, position + length);
    return { bytesRead, buffer };
  },
});

const startOf = (text: string, lines: number): Promise<number> => {
  const bytes = Buffer.from(text);
  return tailStart(fileOf(bytes) as never, bytes.length, lines);
};

test('the last lines begin after the line end before them', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ maxLength: 3_000 }), { maxLength: 60 }),
      fc.boolean(),
      fc.nat(70),
      async (texts, isWhole, wanted) => {
        const lines = texts.map((text) => `${text.replaceAll(/[^ -~]/g, '')}\n`);
        const whole = lines.join('') + (isWhole ? '' : 'half');
        const expected = lines.slice(0, Math.max(0, lines.length - wanted)).join('').length;
        assert.equal(await startOf(whole, wanted), expected);
      },
    ),
    { numRuns: 50 },
  ));

test('of a large file only the end is read', async () => {
  const bytes = Buffer.from('0123456789abcde\n'.repeat(1 << 16));
  let readBytes = 0;
  const file = fileOf(bytes);
  const counting = {
    read: (...args: Parameters<typeof file.read>) => {
      readBytes += args[2];
      return file.read(...args);
    },
  };
  assert.equal(await tailStart(counting as never, bytes.length, 10), bytes.length - 160);
  assert.ok(readBytes <= 64 << 10, `${readBytes}`);
});
