import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { nodes } from '../../client/index.ts';
import type { Container, Node, Pod } from '../../schema/generated/index.ts';
import type { ContainerConfig, DNSConfig, Init, Mount, PodSandboxConfig, Signal } from '../cri/types.ts';
import { type Cgroups, type ConfigBuilder, type ContainerContext, type KubeletEnv, PodStartError } from '../types.ts';
import { type Mounter, podFolder, systemMounter } from '../volumes/index.ts';
import { parseResolvConf, podDns } from './dns.ts';
import { makeEnvironment } from './environment.ts';
import { environmentSources } from './environment-sources.ts';
import { expand } from './expansion.ts';
import { podName } from './hostname.ts';
import { hostNetworkHosts, podHosts } from './hosts-file.ts';
import { containerAnnotations, containerLabels } from './identity.ts';
import { type Machine, probeMachine } from './machine.ts';
import { absolute, volumeMounts } from './mounts.ts';
import { containerResources } from './resources.ts';
import { bytesOfText } from './raw-text.ts';
import { podLogFolder, sandboxConfig } from './sandbox.ts';
import { containerSecurity, verifyNonRoot } from './security.ts';
import { podRejection } from './sysctls.ts';
import { assertSupported } from './unsupported.ts';

export type ConfigEnv = Pick<KubeletEnv, 'client' | 'log' | 'recorder' | 'nodeName' | 'nodeIPs' | 'paths'>;

export interface ConfigOptions {
  cgroups: Pick<Cgroups, 'ensurePod'>;
  clusterDomain: string;
  dns: {
    /** Addresses of the cluster's DNS. */
    servers: readonly string[];
    /** Of the host: whom pods with dnsPolicy Default ask. */
    hostResolvConf: string;
  };
  mounter?: Mounter;
  machine?: () => Promise<Machine>;
}

const hostsPath = '/etc/hosts';
/** Of one container: more than the runtime keeps ended ones of, so that what may still be read is there. */
const keptInstances = 5;

/** Builds what the runtime is asked for, from pods. Makes the files and folders that this needs on the way. */
export function createConfigBuilder(env: ConfigEnv, options: ConfigOptions): ConfigBuilder {
  const builder = new Builder(env, options);
  return {
    sandbox: (pod, attempt) => failingWith('FailedCreatePodSandBox', builder.sandbox(pod, attempt)),
    container: (pod, container, context) =>
      failingWith('CreateContainerConfigError', builder.container(pod, container, context)),
  };
}

async function failingWith<T>(reason: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof PodStartError) throw error;
    throw new PodStartError(reason, error instanceof Error ? error.message : String(error));
  }
}

class Builder {
  readonly #env: ConfigEnv;
  readonly #options: ConfigOptions;
  readonly #mounter: Mounter;
  #machine: Promise<Machine> | undefined;

  constructor(env: ConfigEnv, options: ConfigOptions) {
    this.#env = env;
    this.#options = options;
    this.#mounter = options.mounter ?? systemMounter;
  }

  async sandbox(pod: Pod, attempt: number): Promise<Init<PodSandboxConfig>> {
    const rejection = podRejection(pod, release());
    if (rejection) throw new PodStartError(rejection.reason, rejection.message);
    const { client, nodeName } = this.#env;
    await assertSupported(pod, await this.#machineFacts(), () => client.get<Node>(nodes, nodeName));
    const { cgroups, clusterDomain } = this.#options;
    const logDirectory = podLogFolder(this.#env.paths.podLogs, pod);
    await mkdir(logDirectory, { recursive: true, mode: 0o755 });
    const dns = await this.#dns(pod);
    return sandboxConfig(pod, {
      attempt,
      clusterDomain,
      cgroupParent: await cgroups.ensurePod(pod),
      logDirectory,
      dns,
    });
  }

  async container(pod: Pod, container: Container, context: ContainerContext): Promise<Init<ContainerConfig>> {
    const { paths, log } = this.#env;
    const podIPs = this.#podIPs(pod, context);
    const variables = await makeEnvironment(
      pod,
      container,
      await environmentSources(this.#env, pod, podIPs, context.volumes),
    );
    const concealed = (message: string, error: unknown): void =>
      log.warn(message, { pod: pod.metadata.uid, error: String(error) });
    const mounts = await volumeMounts(pod, container, {
      root: paths.root,
      volumes: context.volumes,
      variables,
      mounter: this.#mounter,
      concealed,
    });
    verifyNonRoot(pod, container, context.imageUser);
    await mkdir(join(podLogFolder(paths.podLogs, pod), container.name), { recursive: true, mode: 0o755 });
    const lookup = (name: string): string | undefined => variables.get(name);
    const machine = await this.#machineFacts();
    return {
      metadata: { name: container.name, attempt: context.restartCount },
      image: { image: context.imageRef, userSpecifiedImage: container.image ?? '' },
      command: (container.command ?? []).map((part) => expand(part, lookup)),
      args: (container.args ?? []).map((part) => expand(part, lookup)),
      workingDir: container.workingDir ?? '',
      envs: [...variables].map(([key, value]) => ({ key, value: bytesOfText(value) })),
      mounts: [
        ...mounts,
        ...(await this.#hosts(pod, container, podIPs)),
        ...(await this.#terminationLog(pod, container, context.restartCount)),
      ],
      labels: containerLabels(pod, container),
      annotations: containerAnnotations(pod, container, context.restartCount),
      logPath: join(container.name, `${context.restartCount}.log`),
      stdin: container.stdin ?? false,
      stdinOnce: container.stdinOnce ?? false,
      tty: container.tty ?? false,
      stopSignal: (container.lifecycle?.stopSignal as Signal | undefined) ?? 'RUNTIME_DEFAULT',
      linux: {
        resources: containerResources(pod, container, machine),
        securityContext: containerSecurity(pod, container, context.imageUser, {
          seccompFolder: join(paths.root, 'seccomp'),
          maskedPaths: machine.maskedPaths,
          targetContainerId: context.targetContainerId,
        }),
      },
    };
  }

  #machineFacts(): Promise<Machine> {
    this.#machine ??= (this.#options.machine ?? probeMachine)();
    return this.#machine;
  }

  /** A pod on the host's network has the node's addresses. */
  #podIPs({ spec }: Pod, { podIPs }: ContainerContext): readonly string[] {
    const own = podIPs.filter((address) => address !== '');
    return own.length === 0 && spec.hostNetwork ? this.#env.nodeIPs : own;
  }

  async #dns(pod: Pod): Promise<DNSConfig> {
    const { clusterDomain, dns } = this.#options;
    const host = parseResolvConf(await readFile(dns.hostResolvConf, 'utf8'));
    const { config, warnings } = podDns(pod, host, { servers: dns.servers, clusterDomain });
    for (const warning of warnings) this.#env.recorder.event(pod, 'Warning', 'DNSConfigForming', warning);
    return config;
  }

  /** The pod's /etc/hosts, unless the container mounts its own. Without an address there is nothing to say yet. */
  async #hosts(pod: Pod, container: Container, podIPs: readonly string[]): Promise<Init<Mount>[]> {
    const { hostNetwork, hostAliases } = pod.spec;
    const isMounted = container.volumeMounts?.some(({ mountPath }) => mountPath === hostsPath);
    if (isMounted || (podIPs.length === 0 && !hostNetwork)) return [];
    const text = hostNetwork
      ? hostNetworkHosts(await readFile(hostsPath, 'utf8'), hostAliases)
      : podHosts(podIPs, podName(pod, this.#options.clusterDomain), hostAliases);
    const folder = podFolder(this.#env.paths.root, pod.metadata.uid ?? '');
    await mkdir(folder, { recursive: true, mode: 0o750 });
    const hostPath = join(folder, 'etc-hosts');
    await writeFile(hostPath, text);
    await chmod(hostPath, 0o644);
    return [{ containerPath: hostsPath, hostPath }];
  }

  /** A file of this instance's own, which the container writes its last words to. */
  async #terminationLog(
    pod: Pod,
    { name, terminationMessagePath }: Container,
    restartCount: number,
  ): Promise<Init<Mount>[]> {
    if (!terminationMessagePath) return [];
    const folder = join(podFolder(this.#env.paths.root, pod.metadata.uid ?? ''), 'containers', name);
    await mkdir(folder, { recursive: true, mode: 0o750 });
    await rm(join(folder, String(restartCount - keptInstances)), { force: true });
    const hostPath = join(folder, String(restartCount));
    await writeFile(hostPath, '');
    await chmod(hostPath, 0o666);
    return [{ containerPath: absolute(terminationMessagePath), hostPath }];
  }
}
