/** GET …/pods/x/log. */
import type { ConnectHandler, ConnectRequest } from '../../../api/index.ts';
import { StatusError } from '../../../kernel/index.ts';
import type { Pod } from '../../../schema/generated/index.ts';
import { type CriClient, CriError, grpcCode } from '../../cri/index.ts';
import { chooseContainer, loggedContainer, runtimeId } from '../containers.ts';
import { type ByteSink, httpSink, readerProtocol, webSocketSink } from '../sink.ts';
import type { OpenStream, StreamParts } from '../streams.ts';
import { type LogOptions, parseLogOptions } from './options.ts';
import { readLog } from './read.ts';

export function logHandler(parts: StreamParts): ConnectHandler {
  return { connect: (request) => serveLog(parts, request) };
}

async function serveLog(parts: StreamParts, request: ConnectRequest): Promise<void> {
  const pod = request.parent as Pod;
  const options = parseLogOptions(request.query, request.name, parts.clock.nowMs());
  const container = chooseContainer(pod, options.container);
  if (!pod.spec?.nodeName) {
    request.response.send(204, request.headers('text/plain'), '');
    return;
  }
  const containerID = loggedContainer(pod, container, options.previous);
  let sink: ByteSink | undefined;
  const stream = parts.streams.enter(() => sink?.abort());
  try {
    sink = openSink(request);
    if (sink) await copyLog(parts, options, containerID, touching(sink, stream));
  } catch (error) {
    if (!sink) throw error;
    parts.log.error('log stream failed', { pod: request.name, container, error: String(error) });
    sink.abort();
  } finally {
    stream.leave();
  }
}

function openSink({ request, response, headers }: ConnectRequest): ByteSink | undefined {
  if (!request.isUpgrade) return httpSink(response, headers('text/plain'));
  const protocol = readerProtocol(request);
  if (protocol !== undefined) return webSocketSink(response, protocol);
  response.send(
    403,
    headers('text/plain'),
    'requested protocol(s) are not supported: supports [binary.k8s.io base64.binary.k8s.io]',
  );
  return undefined;
}

/** The answer has begun: from here on a failure is text in it, as upstream's kubelet has it. */
async function copyLog(parts: StreamParts, options: LogOptions, containerID: string, sink: ByteSink): Promise<void> {
  const id = runtimeId(containerID);
  try {
    const path = await logPath(parts.cri, id, containerID);
    const isRunning = (): Promise<boolean> => stillRuns(parts.cri, id);
    await readLog({ path, isRunning, clock: parts.clock }, options, sink);
  } catch (error) {
    sink.write(Buffer.from(failureText(error)));
  }
  sink.end();
}

async function logPath(cri: CriClient, id: string, containerID: string): Promise<string> {
  const { status } = await cri.call('ContainerStatus', { containerId: id }).catch(() => ({ status: undefined }));
  if (status?.logPath) return status.logPath;
  throw new StatusError('NotFound', `unable to retrieve container logs for ${containerID}`);
}

/** A runtime that is away says nothing about its containers. */
async function stillRuns(cri: CriClient, id: string): Promise<boolean> {
  try {
    const { status } = await cri.call('ContainerStatus', { containerId: id });
    return status?.state === 'CONTAINER_RUNNING';
  } catch (error) {
    return error instanceof CriError && error.code === grpcCode.unavailable;
  }
}

function failureText(error: unknown): string {
  const { code, path, message } = error as NodeJS.ErrnoException;
  if (code !== 'ENOENT') return message;
  return `failed to try resolving symlinks in path ${JSON.stringify(path)}: lstat ${path}: no such file or directory`;
}

const touching = (sink: ByteSink, stream: OpenStream): ByteSink => ({
  get closed() {
    return sink.closed;
  },
  onClosed: (callback) => sink.onClosed(callback),
  write: (chunk) => {
    stream.touch();
    return sink.write(chunk);
  },
  drained: () => sink.drained(),
  end: () => sink.end(),
  abort: () => sink.abort(),
});
