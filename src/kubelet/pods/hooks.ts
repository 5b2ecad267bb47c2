/** Lifecycle hooks: postStart and preStop by command, HTTP request or sleep (pkg/kubelet/lifecycle). */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '../../kernel/index.ts';
import type { Container, HTTPGetAction, LifecycleHandler, Pod } from '../../schema/generated/index.ts';
import { type CriClient, CriError } from '../cri/types.ts';
import { podText } from './containers.ts';

export interface HookTarget {
  pod: Pod;
  container: Container;
  containerId: string;
  /** Of the pod. */
  ips: readonly string[];
  limitMs: number;
  signal: AbortSignal;
}

export interface HookEnv {
  cri: CriClient;
  clock: Clock;
  /** An HTTPS hook was answered in plain HTTP, and was repeated so. */
  fellBack(pod: Pod, host: string): void;
}

/** Failed hooks tell their text to the pod's status, never to events: a command's output may hold secrets. */
export class HookError extends Error {
  override readonly name = 'HookError';
}

/** Rejects with HookError, or with the signal's reason. */
export async function runHook(env: HookEnv, handler: LifecycleHandler, target: HookTarget): Promise<void> {
  const { container, pod } = target;
  const of = `for Container ${JSON.stringify(container.name)} in Pod ${JSON.stringify(podText(pod))} failed - error: `;
  try {
    if (handler.exec) await runCommand(env, handler.exec.command ?? [], target);
    else if (handler.httpGet) await runRequest(env, handler.httpGet, target);
    else if (handler.sleep) await env.clock.sleep(handler.sleep.seconds * 1000, target.signal);
    else throw new Error('invalid handler');
  } catch (error) {
    target.signal.throwIfAborted();
    throw new HookError(`${describe(handler)} ${of}${text(error)}`);
  }
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function describe({ exec, httpGet, sleep }: LifecycleHandler): string {
  if (exec) return `Exec lifecycle hook ([${(exec.command ?? []).join(' ')}])`;
  if (httpGet) return `HTTP lifecycle hook (${httpGet.path})`;
  return `Sleep lifecycle hook (${sleep?.seconds})`;
}

async function runCommand({ cri }: HookEnv, cmd: readonly string[], target: HookTarget): Promise<void> {
  const { containerId, limitMs, signal } = target;
  const request = { containerId, cmd, timeout: Math.ceil(limitMs / 1000) };
  const { stdout, stderr, exitCode } = await cri
    .call('ExecSync', request, { timeoutMs: limitMs + 2_000, signal })
    .catch((error) => {
      throw error instanceof CriError ? new Error(`rpc error: ${error.message}, message: ""`) : error;
    });
  if (exitCode === 0) return;
  const output = Buffer.concat([stdout, stderr]).toString();
  throw new Error(`command '${cmd.join(' ')}' exited with ${exitCode}: ${output}, message: ${JSON.stringify(output)}`);
}

async function runRequest(env: HookEnv, action: HTTPGetAction, target: HookTarget): Promise<void> {
  const host = action.host || target.ips[0];
  if (!host) throw new Error('failed to find networking container');
  const url = `${host.includes(':') ? `[${host}]` : host}:${portOf(action.port, target.container)}`;
  const isSecure = action.scheme === 'HTTPS';
  try {
    await get(isSecure, url, action, target);
  } catch (error) {
    if (!isSecure || !/wrong version number/i.test(text(error))) throw error;
    await get(false, url, action, target);
    env.fellBack(target.pod, url);
  }
}

function portOf(port: HTTPGetAction['port'], container: Container): number {
  const named = container.ports?.find(({ name }) => name === port)?.containerPort;
  const number = named ?? Number(port);
  if (!Number.isInteger(number) || number < 1 || number > 65_535) throw new Error(`invalid port number: ${port}`);
  return number;
}

const answerLimitBytes = 10 << 10;

/** Any answer will do. */
function get(isSecure: boolean, url: string, action: HTTPGetAction, { limitMs, signal }: HookTarget): Promise<void> {
  const headers: Record<string, string> = { 'user-agent': 'kube-lifecycle/1.36', accept: '*/*' };
  for (const { name, value } of action.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  const path = action.path?.startsWith('/') ? action.path : `/${action.path ?? ''}`;
  return new Promise((resolve, reject) => {
    const options = { headers, timeout: limitMs, signal, agent: false as const };
    const sent = isSecure
      ? httpsRequest(`https://${url}${path}`, { ...options, rejectUnauthorized: false })
      : httpRequest(`http://${url}${path}`, options);
    sent.on('response', (response) => {
      // A short answer is taken whole, so that the server sees it received; one without end is not.
      let leftBytes = answerLimitBytes;
      response.on('data', ({ length }: Buffer) => {
        leftBytes -= length;
        if (leftBytes < 0) response.destroy();
      });
      resolve();
    });
    sent.on('timeout', () => sent.destroy(new Error('request timed out')));
    sent.on('error', reject);
    sent.end();
  });
}
