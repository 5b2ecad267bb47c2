/** One question to one other server. */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import type { Clock } from '../../kernel/index.ts';
import { encodeQuestion, flags, headerBytes, type Query } from './wire.ts';

export type Transport = 'udp' | 'tcp';

const port = 53;
const answerLimitMs = 2_000;

/** The answer as it came, but for its id, which is the client's. Rejects when there is none in time. */
export function exchange(clock: Clock, server: string, query: Query, transport: Transport): Promise<Buffer> {
  const id = randomInt(0x10000);
  const question = encodeQuestion(query, id);
  const accept = (message: Buffer): Buffer | undefined => {
    if (!answers(message, id, query)) return undefined;
    message.writeUInt16BE(query.id, 0);
    return message;
  };
  const send = transport === 'udp' ? sendDatagram : sendStream;
  return new Promise((resolve, reject) => {
    let close = (): void => {};
    const settle = (outcome: Buffer | Error): void => {
      timer.cancel();
      close();
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    };
    const timer = clock.after(answerLimitMs, () => settle(new Error(`${server} gave no answer`)));
    close = send(server, question, accept, settle);
  });
}

type Send = (
  server: string,
  question: Buffer,
  accept: (message: Buffer) => Buffer | undefined,
  settle: (outcome: Buffer | Error) => void,
) => () => void;

/** A socket of its own for each question: its port cannot be guessed, and the kernel lets only the server speak. */
const sendDatagram: Send = (server, question, accept, settle) => {
  const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4');
  let closed = false;
  socket.on('error', settle);
  socket.on('message', (message) => {
    const answer = accept(message);
    if (answer) settle(answer);
  });
  socket.connect(port, server, (error?: Error) => {
    if (error) settle(error);
    else if (!closed) socket.send(question);
  });
  return () => {
    if (!closed) socket.close();
    closed = true;
  };
};

const sendStream: Send = (server, question, accept, settle) => {
  const socket = connect({ host: server, port });
  let received = Buffer.alloc(0);
  socket.on('error', settle);
  socket.on('close', () => settle(new Error(`${server} closed the connection`)));
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
    settle(
      accept(received.subarray(2, 2 + received.readUInt16BE(0))) ?? new Error(`${server} answered something else`),
    );
  });
  socket.write(Buffer.concat([Buffer.of(question.length >> 8, question.length & 0xff), question]));
  return () => socket.destroy();
};

function answers(message: Buffer, id: number, { question }: Query): boolean {
  return (
    message.length >= headerBytes + question.length &&
    message.readUInt16BE(0) === id &&
    (message.readUInt16BE(2) & flags.response) !== 0 &&
    sameQuestion(message.subarray(headerBytes, headerBytes + question.length), question)
  );
}

/** Some servers answer in lower case. */
const sameQuestion = (a: Buffer, b: Buffer): boolean =>
  a.equals(b) || a.toString('latin1').toLowerCase() === b.toString('latin1').toLowerCase();
