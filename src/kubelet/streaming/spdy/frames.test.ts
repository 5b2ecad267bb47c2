import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { dataHead, type Frame, FrameParser, frameType, pingFrame, rstStream, synStream } from './frames.ts';

const parseAll = (bytes: Buffer, pieceBytes = bytes.length): Frame[] => {
  const parser = new FrameParser();
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    for (const frame of parser.push(bytes.subarray(at, at + pieceBytes))) {
      frames.push(frame.kind === 'data' ? { ...frame, data: Buffer.from(frame.data) } : frame);
    }
  }
  return frames;
};

/** Name-value pairs of a header block that zlib has unpacked. */
function pairsOf(text: Buffer): Record<string, string> {
  const pairs: Record<string, string> = {};
  let at = 4;
  const next = (): string => {
    const end = at + 4 + text.readUInt32BE(at);
    const value = text.toString('utf8', at + 4, end);
    at = end;
    return value;
  };
  for (let count = text.readUInt32BE(0); count > 0; count--) {
    const name = next();
    pairs[name] = next();
  }
  return pairs;
}

test('header blocks of one connection are one zlib stream', () => {
  const first = { streamtype: 'error', port: '8080', requestid: '0' };
  const second = { streamtype: 'data', grüße: 'x'.repeat(300) };
  const frames = parseAll(Buffer.concat([synStream(1, first, true), synStream(3, second, false)]));
  const blocks = frames.map((frame) => {
    assert.ok(frame.kind === 'control' && frame.type === frameType.synStream);
    return frame.payload.subarray(10);
  });
  assert.deepEqual(
    frames.map((frame) => frame.kind === 'control' && frame.payload.readUInt32BE(0)),
    [1, 3],
  );
  const inflate = (input: Buffer): Buffer => inflateSync(input, { finishFlush: constants.Z_SYNC_FLUSH });
  const one = inflate(blocks[0]!);
  assert.deepEqual(pairsOf(one), first);
  assert.deepEqual(pairsOf(inflate(Buffer.concat(blocks)).subarray(one.length)), second);
});

test('frames are the same however their bytes are cut', () =>
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 0x7fffffff }), fc.boolean(), fc.uint8Array({ maxLength: 300 }))),
      fc.integer({ min: 1, max: 64 }),
      (rows, pieceBytes) => {
        const sent = rows.flatMap(([id, fin, data]) => [
          dataHead(id, fin, data.length),
          Buffer.from(data),
          pingFrame(Buffer.from([0, 0, 0, 2])),
        ]);
        const received = new Map<number, { bytes: Buffer[]; fins: number }>();
        let pings = 0;
        for (const frame of parseAll(Buffer.concat(sent), pieceBytes)) {
          if (frame.kind === 'control') {
            pings++;
            continue;
          }
          const stream = received.get(frame.streamId) ?? { bytes: [], fins: 0 };
          received.set(frame.streamId, stream);
          stream.bytes.push(frame.data);
          if (frame.fin) stream.fins++;
        }
        assert.equal(pings, rows.length);
        for (const [id, { bytes, fins }] of received) {
          const mine = rows.filter(([other]) => other === id);
          assert.deepEqual(Buffer.concat(bytes), Buffer.concat(mine.map(([, , data]) => data)));
          assert.equal(fins, mine.filter(([, fin]) => fin).length);
        }
      },
    ),
  ));

test('a reset names its stream and why', () => {
  const [frame] = parseAll(rstStream(5, 3));
  assert.ok(frame?.kind === 'control' && frame.type === frameType.rstStream);
  assert.deepEqual([frame.payload.readUInt32BE(0), frame.payload.readUInt32BE(4)], [5, 3]);
});

test('what is no SPDY is refused', () => {
  assert.throws(() => parseAll(Buffer.from('\xffTTP/1.1 400 Bad Request', 'latin1')), /not SPDY/);
});
