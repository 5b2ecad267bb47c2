/** …/pods/x/portforward. */
import type { ConnectHandler, ConnectRequest } from '../../../api/index.ts';
import type { Pod } from '../../../schema/generated/index.ts';
import { readySandbox } from '../containers.ts';
import { refusalOf, refuse, requireHost, requireUpgrade } from '../refusal.ts';
import { chooseProtocol } from '../remote/channels.ts';
import { offeredProtocols } from '../sink.ts';
import { dialStreaming } from '../spdy/dial.ts';
import { passThrough } from '../spdy/pass-through.ts';
import type { StreamParts } from '../streams.ts';
import { ChannelForward } from './channels.ts';
import { TunnelSession } from './pipe.ts';

const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io';
const runtimeProtocol = 'portforward.k8s.io';
const channelProtocols = ['', 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];

export const portForwardHandler = (parts: StreamParts): ConnectHandler => ({
  connect: (request) => servePortForward(parts, request),
});

async function servePortForward(parts: StreamParts, request: ConnectRequest): Promise<void> {
  const pod = request.parent as Pod;
  requireHost(pod);
  requireUpgrade(request);
  const offered = offeredProtocols(request.request);
  if (!request.request.isUpgrade) return passThrough(parts, request, () => portForwardUrl(parts, pod, []));
  if (offered.includes(tunnelProtocol)) return tunnel(parts, request);
  await channels(parts, request, offered);
}

/** The client speaks SPDY inside the WebSocket: the runtime answers it. */
async function tunnel(parts: StreamParts, request: ConnectRequest): Promise<void> {
  let session: TunnelSession | undefined;
  const stream = parts.streams.enter(() => session?.cut());
  try {
    const url = await portForwardUrl(parts, request.parent as Pod, []);
    const { socket, head } = await dialStreaming(url, [runtimeProtocol], parts.clock);
    if (head.length > 0) socket.unshift(head);
    session = new TunnelSession(socket, {
      touch: () => stream.touch(),
      waits: (bytes) => stream.waits(bytes),
      over: () => stream.leave(),
    });
    if (request.response.closed) session.close();
    else request.response.upgrade(tunnelProtocol, session);
  } catch (error) {
    stream.leave();
    refuse(request, ...refusalOf(error));
  }
}

async function channels(parts: StreamParts, request: ConnectRequest, offered: readonly string[]): Promise<void> {
  const protocol = chooseProtocol(offered.filter((name) => channelProtocols.includes(name)));
  if (protocol === undefined || (protocol === '' && offered.length > 0)) {
    return refuse(request, 403, `requested protocol(s) are not supported: [${offered.join(' ')}]`);
  }
  const ports = portsOf(request.query);
  if (typeof ports === 'string') return refuse(request, 400, ports);
  let session: ChannelForward | undefined;
  const stream = parts.streams.enter(() => session?.cut());
  try {
    const url = await portForwardUrl(parts, request.parent as Pod, ports);
    const { socket, head } = await dialStreaming(url, [runtimeProtocol], parts.clock);
    session = new ChannelForward({
      protocol,
      ports,
      socket,
      head,
      touch: () => stream.touch(),
      waits: (bytes) => stream.waits(bytes),
      over: () => stream.leave(),
    });
    if (request.response.closed) session.close();
    else request.response.upgrade(protocol, session);
  } catch (error) {
    stream.leave();
    refuse(request, ...refusalOf(error));
  }
}

async function portForwardUrl({ cri }: StreamParts, pod: Pod, port: readonly number[]): Promise<string> {
  const podSandboxId = await readySandbox(cri, pod);
  if (!podSandboxId) throw new Error(`pod not found ("${pod.metadata.name}_${pod.metadata.namespace}")`);
  return (await cri.call('PortForward', { podSandboxId, port })).url;
}

/** Channels are numbered by a byte. */
const portLimit = 100;

/** The ports that were asked for, or what is wrong with them. */
export function portsOf(query: URLSearchParams): number[] | string {
  const texts = query.getAll('ports').flatMap((text) => text.split(','));
  if (texts.length === 0) return 'query parameter "port" is required';
  if (texts.length > portLimit) return `at most ${portLimit} ports can be forwarded at once`;
  const ports: number[] = [];
  for (const text of texts) {
    if (text === '') return 'query parameter "port" cannot be empty';
    const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
    if (!(port <= 0xffff)) {
      const why = /^\d+$/.test(text) ? 'value out of range' : 'invalid syntax';
      return `unable to parse "${text}" as a port: strconv.ParseUint: parsing "${text}": ${why}`;
    }
    if (port < 1) return `port "${text}" must be > 0`;
    ports.push(port);
  }
  return ports;
}
