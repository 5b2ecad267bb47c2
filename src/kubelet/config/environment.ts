import type { ConfigMap, Container, EnvVarSource, Pod, Secret } from '../../schema/generated/index.ts';
import { containerNamed, goQuote, resourceField } from '../volumes/index.ts';
import { keyNotInFile, variableInFile } from './env-file.ts';
import { expand } from './expansion.ts';
import { podField, type PodFacts } from './pod-field.ts';
import { textOfBytes } from './raw-text.ts';

/** Where variables come from beside the pod itself. */
export interface EnvironmentSources {
  /** Undefined when there is none. */
  configMap(name: string): Promise<ConfigMap | undefined>;
  secret(name: string): Promise<Secret | undefined>;
  /** Limits that the node puts where a container has none. */
  allocatable(): Promise<Readonly<Record<string, string>>>;
  /** A file of a volume as text. */
  volumeFile(volume: string, path: string): Promise<{ path: string; text: string }>;
  services: ReadonlyMap<string, string>;
  facts: PodFacts;
}

/**
 * A container's environment: envFrom in order, then env in order (a name given twice has its last value), then the
 * services. Upstream: makeEnvironmentVariables in pkg/kubelet/kubelet_pods.go.
 */
export async function makeEnvironment(
  pod: Pod,
  container: Container,
  sources: EnvironmentSources,
): Promise<Map<string, string>> {
  const read = reader(sources);
  const variables = new Map<string, string>();
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const contents = configMapRef
      ? await read.configMap(configMapRef.name ?? '', configMapRef.optional)
      : secretRef && (await read.secret(secretRef.name ?? '', secretRef.optional));
    for (const [key, value] of Object.entries(contents ?? {})) variables.set(prefix + key, value);
  }
  const lookup = (name: string): string | undefined => variables.get(name) ?? sources.services.get(name);
  for (const { name, value = '', valueFrom } of container.env ?? []) {
    const resolved = value !== '' || !valueFrom ? expand(value, lookup) : await resolve(valueFrom);
    if (resolved !== undefined) variables.set(name, resolved);
  }
  for (const [name, value] of sources.services) if (!variables.has(name)) variables.set(name, value);
  return variables;

  function resolve(source: EnvVarSource): Promise<string | undefined> | string {
    const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = source;
    if (fieldRef) return podField(pod, fieldRef, sources.facts);
    if (resourceFieldRef) return resource(resourceFieldRef);
    if (configMapKeyRef) return keyOf('ConfigMap', read.configMap, configMapKeyRef);
    if (secretKeyRef) return keyOf('Secret', read.secret, secretKeyRef);
    return fileKeyRef ? fileKey(fileKeyRef) : '';
  }

  async function resource(selector: NonNullable<EnvVarSource['resourceFieldRef']>): Promise<string> {
    const of = selector.containerName ? containerNamed(pod, selector.containerName) : container;
    return resourceField(selector, of, withPodLimits(pod, await sources.allocatable()));
  }

  async function keyOf(kind: string, from: Read, ref: { name?: string; key: string; optional?: boolean }) {
    const contents = await from(ref.name ?? '', ref.optional);
    const found = contents && Object.hasOwn(contents, ref.key) ? contents[ref.key] : undefined;
    if (found !== undefined || ref.optional) return found;
    throw new Error(`couldn't find key ${ref.key} in ${kind} ${pod.metadata.namespace}/${ref.name}`);
  }

  async function fileKey({ volumeName, path, key, optional }: NonNullable<EnvVarSource['fileKeyRef']>) {
    const file = await sources.volumeFile(volumeName, path);
    const value = parsed(file.text, key);
    if (value !== '') return value;
    if (optional) return undefined;
    throw keyNotInFile(key, file.path);
  }
}

type Contents = Readonly<Record<string, string>>;
type Read = (name: string, optional: boolean | undefined) => Promise<Contents | undefined>;

/** Reads each object once a container; Secrets decoded. */
function reader({ configMap, secret }: EnvironmentSources): { configMap: Read; secret: Read } {
  const once = <T>(
    kind: string,
    read: (name: string) => Promise<T | undefined>,
    contents: (object: T) => Contents,
  ): Read => {
    const known = new Map<string, Contents>();
    return async (name, optional) => {
      const present = known.get(name);
      if (present) return present;
      const object = await read(name);
      if (object) known.set(name, contents(object));
      else if (!optional) throw new Error(`${kind} ${goQuote(name)} not found`);
      return known.get(name);
    };
  };
  return {
    configMap: once('configmap', configMap, ({ data = {} }) => data),
    secret: once('secret', secret, ({ data = {} }) =>
      Object.fromEntries(Object.entries(data).map(([key, value]) => [key, textOfBytes(Buffer.from(value, 'base64'))])),
    ),
  };
}

function parsed(text: string, key: string): string {
  try {
    return variableInFile(text, key);
  } catch (error) {
    throw new Error("couldn't parse env file", { cause: error });
  }
}

/** A limit of the whole pod stands for what the node has to give. */
function withPodLimits({ spec }: Pod, allocatable: Contents): Contents {
  const limits = spec.resources?.limits ?? {};
  const own = ['cpu', 'memory'].filter((name) => name in allocatable && limits[name] !== undefined);
  return { ...allocatable, ...Object.fromEntries(own.map((name) => [name, limits[name]!])) };
}
