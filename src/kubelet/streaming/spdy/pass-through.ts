/** Clients that speak SPDY themselves: their bytes go to the runtime's server as they are. */
import type { Duplex } from 'node:stream';
import type { ConnectRequest } from '../../../api/index.ts';
import { joinSockets } from '../forward/pipe.ts';
import { refusalOf, refuse } from '../refusal.ts';
import type { StreamParts } from '../streams.ts';
import { dialStreaming } from './dial.ts';

const versionHeader = 'x-stream-protocol-version';

/** `locate` asks the runtime for the address of its server. */
export async function passThrough(
  parts: StreamParts,
  request: ConnectRequest,
  locate: () => Promise<string>,
): Promise<void> {
  let joined: { cut(): void } | undefined;
  const stream = parts.streams.enter(() => joined?.cut());
  let runtime: Duplex | undefined;
  try {
    const { socket, head, headers } = await dialStreaming(await locate(), versionsOf(request), parts.clock);
    runtime = socket;
    const chosen = headers[versionHeader];
    const client = request.response.takeOver(
      chosen === undefined ? [] : [['X-Stream-Protocol-Version', String(chosen)]],
    );
    if (!client) throw new Error('the client has gone');
    if (head.length > 0) socket.unshift(head);
    joined = joinSockets(
      client,
      socket,
      () => stream.touch(),
      () => stream.leave(),
    );
  } catch (error) {
    stream.leave();
    runtime?.destroy();
    refuse(request, ...refusalOf(error));
  }
}

function versionsOf({ request }: ConnectRequest): string[] {
  const versions: string[] = [];
  for (const [name, value] of request.headers()) {
    if (name === versionHeader) versions.push(...value.split(',').map((version) => version.trim()));
  }
  return versions;
}
