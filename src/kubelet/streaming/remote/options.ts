/** PodExecOptions and PodAttachOptions: reading and checking. */
import { flag } from '../query.ts';

export interface RemoteOptions {
  container: string;
  command: readonly string[];
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}

/** As the kubelet reads them: a terminal has one output. */
export function parseRemoteOptions(query: URLSearchParams): RemoteOptions {
  const tty = flag(query, 'tty');
  return {
    container: query.get('container') ?? '',
    command: query.getAll('command'),
    stdin: flag(query, 'stdin'),
    stdout: flag(query, 'stdout'),
    stderr: flag(query, 'stderr') && !tty,
    tty,
  };
}

export const noStreams = 'you must specify at least 1 of stdin, stdout, stderr';
