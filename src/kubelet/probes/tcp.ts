import { connect } from 'node:net';
import type { Clock } from '../../kernel/index.ts';
import { dialError, joinHostPort } from './dial.ts';
import type { Outcome } from './types.ts';

/** Succeeds when a connection can be made. */
export function probeTcp(host: string, port: number, timeoutMs: number, clock: Clock): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const socket = connect({ host, port, noDelay: true });
  const timer = clock.after(timeoutMs, () => fail(`dial tcp ${joinHostPort(host, port)}: i/o timeout`));
  const fail = (output: string): void => {
    timer.cancel();
    socket.destroy();
    resolve({ result: 'failure', output });
  };
  socket.once('connect', () => {
    timer.cancel();
    socket.destroySoon();
    resolve({ result: 'success', output: '' });
  });
  socket.on('error', (error) => fail(dialError(error, host, port)));
  return promise;
}
