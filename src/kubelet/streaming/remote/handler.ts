/** …/pods/x/exec and …/pods/x/attach. */
import type { ConnectHandler, ConnectRequest } from '../../../api/index.ts';
import { apiError, type Clock, type Logger } from '../../../kernel/index.ts';
import type { Pod } from '../../../schema/generated/index.ts';
import { type CriClient, CriError, grpcCode } from '../../cri/index.ts';
import { chooseContainer, containerSpec, runningContainer } from '../containers.ts';
import { offeredProtocols } from '../sink.ts';
import { dialStreaming } from '../spdy/dial.ts';
import type { StreamTable } from '../streams.ts';
import { chooseProtocol } from './channels.ts';
import { noStreams, parseRemoteOptions, type RemoteOptions } from './options.ts';
import { RemoteSession, runtimeProtocol } from './session.ts';

export interface RemoteParts {
  cri: CriClient;
  clock: Clock;
  log: Logger;
  streams: StreamTable;
}

export const execHandler = (parts: RemoteParts): ConnectHandler => ({
  connect: (request) => serveRemote(parts, request, execUrl),
});

export const attachHandler = (parts: RemoteParts): ConnectHandler => ({
  connect: (request) => serveRemote(parts, request, attachUrl),
});

/** Where the runtime serves it. */
type Location = (cri: CriClient, pod: Pod, options: RemoteOptions) => Promise<string>;

async function serveRemote(parts: RemoteParts, request: ConnectRequest, locate: Location): Promise<void> {
  const pod = request.parent as Pod;
  const options = parseRemoteOptions(request.query);
  const container = chooseContainer(pod, options.container);
  requireHost(pod);
  requireUpgrade(request);
  if (!options.stdin && !options.stdout && !options.stderr) return refuse(request, 400, noStreams);
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
      over: () => stream.leave(),
    });
    if (request.response.closed) stream.leave();
    else request.response.upgrade(protocol, session);
  } catch (error) {
    stream.leave();
    refuse(request, ...refusalOf(error));
  }
}

export function requireHost(pod: Pod): void {
  if (!pod.spec?.nodeName) throw apiError.badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
}

export function requireUpgrade({ request }: ConnectRequest): void {
  if (!request.isUpgrade) throw apiError.badRequest('Upgrade request required');
}

/** As the kubelet answers before an upgrade: the bare text. */
export function refuse({ response, headers }: ConnectRequest, code: number, text: string): void {
  const more = code === 429 ? ([['Retry-After', '60']] as const) : [];
  response.send(code, [...headers('text/plain; charset=utf-8'), ...more], text);
}

const resourceExhausted = 8;

export function refusalOf(error: unknown): [code: number, text: string] {
  const { message } = error as Error;
  if (!(error instanceof CriError)) return [500, message];
  const text = `rpc error: code = ${goCode(error.code)} desc = ${message}`;
  if (error.code === grpcCode.notFound) return [404, text];
  return [error.code === resourceExhausted ? 429 : 500, text];
}

/** Go's names of gRPC's codes. */
const goCodes: readonly string[] = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
];

const goCode = (code: number): string => goCodes[code] ?? `Code(${code})`;

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
