import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { serveConnection } from './server.ts';

const framed = (text: string): Buffer => Buffer.concat([Buffer.of(0, text.length), Buffer.from(text)]);
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** A connection whose client takes one answer at a time. */
function connection(respond: (message: Buffer) => Buffer) {
  const answers: string[] = [];
  let taken: (() => void) | undefined;
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      answers.push(chunk.toString('latin1', 2));
      taken = done;
    },
  });
  serveConnection(socket as Socket, { respond });
  return { socket, answers, take: () => taken?.() };
}

test('a client that does not take its answers is asked for no more questions', async () => {
  let asked = 0;
  const { socket, answers, take } = connection((message) => {
    asked++;
    return message;
  });
  socket.push(Buffer.concat(['a', 'b', 'c'].map(framed)));
  await settle();
  assert.deepEqual([asked, answers], [1, ['a']]);
  assert.ok(socket.isPaused());
  take();
  await settle();
  take();
  await settle();
  take();
  await settle();
  assert.deepEqual(answers, ['a', 'b', 'c']);
  assert.ok(!socket.isPaused());
});

test('a question may come in pieces', async () => {
  const { socket, answers, take } = connection((message) => message);
  for (const byte of framed('whole')) {
    socket.push(Buffer.of(byte));
    await settle();
  }
  take();
  assert.deepEqual(answers, ['whole']);
});
