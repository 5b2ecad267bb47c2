/** Opens a connection to a container runtime's streaming server. */
import { type IncomingMessage, request as httpRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../../kernel/index.ts';

export interface UpgradedSocket {
  socket: Duplex;
  /** What came with the answer. */
  head: Buffer;
  headers: IncomingMessage['headers'];
}

/** The server answered with something else. Worded as client-go words it. */
export class UpgradeRefused extends Error {
  override readonly name = 'UpgradeRefused';
}

const answerTimeoutMs = 30_000;
const refusalLimitBytes = 2_048;

/** `url` is what CRI's Exec, Attach or PortForward returned. `protocols` are offered in this order. */
export async function dialStreaming(
  url: string,
  protocols: readonly string[],
  clock: Clock,
  more: Readonly<Record<string, string>> = {},
): Promise<UpgradedSocket> {
  const target = new URL(url);
  const request = target.protocol === 'https:' ? (await import('node:https')).request : httpRequest;
  return new Promise((resolve, reject) => {
    const headers = {
      Connection: 'Upgrade',
      Upgrade: 'SPDY/3.1',
      'X-Stream-Protocol-Version': [...protocols],
      'Content-Length': '0',
      ...more,
    };
    // A runtime's certificate on the loopback is its own; the one-time token in the path is what authenticates.
    const outgoing = request(target, { method: 'POST', headers, agent: false, rejectUnauthorized: false });
    const timer = clock.after(answerTimeoutMs, () => outgoing.destroy(new Error(`no answer from ${target.host}`)));
    const settle = (): void => timer.cancel();
    outgoing.on('upgrade', (answer, socket, head) => {
      settle();
      resolve({ socket, head, headers: answer.headers });
    });
    outgoing.on('response', (answer) => {
      void refusal(answer).then((refused) => {
        settle();
        reject(refused);
      });
    });
    outgoing.on('error', (error) => {
      settle();
      reject(error);
    });
    outgoing.end();
  });
}

async function refusal(answer: IncomingMessage): Promise<UpgradeRefused> {
  let text = '';
  try {
    for await (const chunk of answer) {
      text += String(chunk);
      if (text.length > refusalLimitBytes) break;
    }
  } catch {
    // what came before the connection broke says enough
  }
  return new UpgradeRefused(`unable to upgrade connection: ${text.slice(0, refusalLimitBytes).trim()}`);
}
