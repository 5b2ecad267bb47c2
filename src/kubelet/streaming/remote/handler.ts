/** …/pods/x/exec and …/pods/x/attach. */
import type { ConnectHandler, ConnectRequest } from '../../../api/index.ts';
import type { Pod } from '../../../schema/generated/index.ts';
import type { CriClient } from '../../cri/index.ts';
import { chooseContainer, containerSpec, runningContainer } from '../containers.ts';
import { refusalOf, refuse, requireHost, requireUpgrade } from '../refusal.ts';
import { offeredProtocols } from '../sink.ts';
import { dialStreaming } from '../spdy/dial.ts';
import { passThrough } from '../spdy/pass-through.ts';
import type { StreamParts } from '../streams.ts';
import { chooseProtocol } from './channels.ts';
import { noStreams, parseRemoteOptions, type RemoteOptions } from './options.ts';
import { RemoteSession, runtimeProtocol } from './session.ts';

export const execHandler = (parts: StreamParts): ConnectHandler => ({
  connect: (request) => serveRemote(parts, request, execUrl),
});

export const attachHandler = (parts: StreamParts): ConnectHandler => ({
  connect: (request) => serveRemote(parts, request, attachUrl),
});

/** Where the runtime serves it. */
type Location = (cri: CriClient, pod: Pod, options: RemoteOptions) => Promise<string>;

async function serveRemote(parts: StreamParts, request: ConnectRequest, locate: Location): Promise<void> {
  const pod = request.parent as Pod;
  const options = parseRemoteOptions(request.query);
  const container = chooseContainer(pod, options.container);
  requireHost(pod);
  requireUpgrade(request);
  if (!options.stdin && !options.stdout && !options.stderr) return refuse(request, 400, noStreams);
  if (!request.request.isUpgrade) {
    return passThrough(parts, request, () => locate(parts.cri, pod, { ...options, container }));
  }
  const protocol = chooseProtocol(offeredProtocols(request.request));
  if (protocol === undefined) return refuse(request, 403, unsupportedProtocol(request));

  let session: RemoteSession | undefined;
  const stream = parts.streams.enter(() => session?.cut());
  try {
    const url = await locate(parts.cri, pod, { ...options, container });
    session = new RemoteSession({
      protocol,
      options,
      dial: () => dialStreaming(url, [runtimeProtocol], parts.clock),
      touch: () => stream.touch(),
      waits: (bytes) => stream.waits(bytes),
      over: () => stream.leave(),
    });
    if (request.response.closed) stream.leave();
    else request.response.upgrade(protocol, session);
  } catch (error) {
    stream.leave();
    refuse(request, ...refusalOf(error));
  }
}

const unsupportedProtocol = ({ request }: ConnectRequest): string =>
  `unable to upgrade websocket connection: requested protocol(s) are not supported: [${offeredProtocols(request).join(' ')}]`;

const execUrl: Location = async (cri, pod, { container, command, stdin, stdout, stderr, tty }) => {
  const containerId = await runningContainer(cri, pod, container);
  if (!containerId) throw new Error(`container not found (${JSON.stringify(container)})`);
  return (await cri.call('Exec', { containerId, cmd: command, stdin, stdout, stderr, tty })).url;
};

/** Whether there is a terminal was decided when the container started. */
const attachUrl: Location = async (cri, pod, { container, stdin, stdout, stderr }) => {
  const containerId = await runningContainer(cri, pod, container);
  const fullName = `${pod.metadata.name}_${pod.metadata.namespace}`;
  if (!containerId) throw new Error(`container ${container} not found in pod ${fullName}`);
  const tty = containerSpec(pod, container)?.tty ?? false;
  return (await cri.call('Attach', { containerId, stdin, stdout, stderr, tty })).url;
};
