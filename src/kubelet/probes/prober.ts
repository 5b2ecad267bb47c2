import type { Clock } from '../../kernel/index.ts';
import { parseIntOrString } from '../../schema/index.ts';
import type { Container, Pod, Probe } from '../../schema/generated/index.ts';
import { expand } from '../config/expansion.ts';
import type { CriClient } from '../cri/types.ts';
import { probeExec } from './exec.ts';
import { probeGrpc } from './grpc.ts';
import { httpTarget, probeHttp } from './http.ts';
import { probeTcp } from './tcp.ts';
import type { Outcome } from './types.ts';

export interface ProbeSubject {
  pod: Pod;
  container: Container;
  /** As the runtime knows it. */
  containerId: string;
  podIP: string;
}

/** A probe that could not be carried out at all is tried this often before it is told of. */
const tries = 3;

/** Carries out one probe. Never throws. */
export async function runProbe(cri: CriClient, clock: Clock, probe: Probe, subject: ProbeSubject): Promise<Outcome> {
  let outcome: Outcome = { result: 'error', output: '' };
  for (let attempt = 0; attempt < tries; attempt++) {
    try {
      outcome = await runOnce(cri, clock, probe, subject);
    } catch (error) {
      outcome = { result: 'error', output: error instanceof Error ? error.message : String(error) };
    }
    if (outcome.result !== 'error') break;
  }
  return outcome;
}

async function runOnce(cri: CriClient, clock: Clock, probe: Probe, subject: ProbeSubject): Promise<Outcome> {
  const { container, podIP, containerId } = subject;
  const timeoutMs = (probe.timeoutSeconds || 1) * 1000;
  const { exec, httpGet, tcpSocket, grpc } = probe;
  if (exec) return probeExec(cri, containerId, commandOf(exec.command ?? [], container), timeoutMs);
  if (httpGet) {
    return probeHttp(httpTarget(httpGet, podIP, portOf(httpGet.port, container)), timeoutMs, clock);
  }
  if (tcpSocket) return probeTcp(tcpSocket.host || podIP, portOf(tcpSocket.port, container), timeoutMs, clock);
  if (grpc) return probeGrpc(podIP, grpc.port, grpc.service ?? '', timeoutMs, clock);
  const { name, namespace, uid } = subject.pod.metadata;
  throw new Error(`missing probe handler for ${name}_${namespace}(${uid}):${container.name}`);
}

/** The command with the variables that the container's manifest gives a value. */
function commandOf(command: readonly string[], { env = [] }: Container): string[] {
  const values = new Map(env.map(({ name, value = '' }) => [name, value]));
  return command.map((part) => expand(part, (name) => values.get(name)));
}

/** A number, or the name of one of the container's ports. */
function portOf(port: number | string, { ports = [] }: Container): number {
  const named = typeof port === 'string' ? ports.find(({ name }) => name === port)?.containerPort : undefined;
  const value = named ?? (typeof port === 'number' ? port : Number(parseIntOrString(port)));
  if (!Number.isInteger(value)) throw new Error(`strconv.Atoi: parsing ${JSON.stringify(port)}: invalid syntax`);
  if (value > 0 && value < 65_536) return value;
  throw new Error(`invalid port number: ${value}`);
}
