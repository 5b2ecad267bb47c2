// Ports of one pod that shadow each other.
import { type FieldPath, formatPath } from '../../../kernel/status.ts';
import type { Container, ContainerPort } from '../../typings/core.ts';

interface Placed {
  port: ContainerPort;
  at: string;
}

export function* portWarnings(containers: readonly (readonly [Container, FieldPath])[]): Iterable<string> {
  const ports = containers.flatMap(([container, path]) =>
    (container.ports ?? []).map((port, i): Placed => ({ port, at: formatPath([...path, 'ports', i]) })),
  );
  const byNumber = new Map<string, Placed[]>();
  for (const placed of ports) {
    const { port, at } = placed;
    if (port.hostIP && !port.hostPort) yield `${at}: hostIP set without hostPort: ${goText(port)}`;
    const key = `${port.containerPort}/${port.protocol}`;
    const others = byNumber.get(key) ?? [];
    for (const other of others) {
      const clash = clashOf(port, other.port);
      if (clash) yield `${at}: ${clash} port definition with ${other.at}`;
    }
    byNumber.set(key, [...others, placed]);
  }
  yield* nameWarnings(ports);
}

function clashOf(a: ContainerPort, b: ContainerPort): string | undefined {
  const [hostA, hostB] = [a.hostPort ?? 0, b.hostPort ?? 0];
  const [ipA, ipB] = [a.hostIP ?? '', b.hostIP ?? ''];
  if (ipA === ipB && hostA === hostB) return 'duplicate';
  if (hostA === 0 || hostB === 0) return 'overlapping';
  return hostA === hostB && (ipA === '') !== (ipB === '') ? 'dangerously ambiguous' : undefined;
}

function* nameWarnings(ports: readonly Placed[]): Iterable<string> {
  const byName = new Map<string, string>();
  for (const { port, at } of ports) {
    const name = port.name ?? '';
    const other = byName.get(name);
    if (name && other) {
      yield `${at}: duplicate port name ${JSON.stringify(name)} with ${other}, services and probes that select ports by name will use ${other}`;
    } else if (name) byName.set(name, at);
  }
}

/** A port as Go prints it with %+v. */
const goText = ({ name, hostPort, containerPort, protocol, hostIP }: ContainerPort): string =>
  `{Name:${name ?? ''} HostPort:${hostPort ?? 0} ContainerPort:${containerPort ?? 0} Protocol:${protocol ?? ''} HostIP:${hostIP ?? ''}}`;
