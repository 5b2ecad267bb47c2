/** Which container of a pod is meant, in the API server's and the kubelet's words. */
import { apiError } from '../../kernel/index.ts';
import type { Container, ContainerState, ContainerStatus, Pod } from '../../schema/generated/index.ts';
import type { CriClient } from '../cri/types.ts';
import { runtimeLabels } from '../types.ts';

/** Init containers first, then containers, then ephemeral ones: upstream's order. */
function containersOf({ spec }: Pod): readonly Pick<Container, 'name' | 'tty'>[] {
  return [...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...(spec?.ephemeralContainers ?? [])];
}

export const containerSpec = (pod: Pod, name: string): Pick<Container, 'name' | 'tty'> | undefined =>
  containersOf(pod).find((container) => container.name === name);

/** The container that was asked for, or the only one. Throws BadRequest. */
export function chooseContainer(pod: Pod, wanted: string): string {
  const podName = pod.metadata.name ?? '';
  if (wanted !== '') {
    if (containerSpec(pod, wanted)) return wanted;
    throw apiError.badRequest(`container ${wanted} is not valid for pod ${podName}`);
  }
  const [only, ...others] = pod.spec?.containers ?? [];
  if (!only) throw apiError.badRequest(`a container name must be specified for pod ${podName}`);
  if (others.length === 0) return only.name;
  const names = containersOf(pod).map(({ name }) => name);
  throw apiError.badRequest(
    `a container name must be specified for pod ${podName}, choose one of: [${names.join(' ')}]`,
  );
}

/** The runtime's name of the container whose log is meant. Throws BadRequest. */
export function loggedContainer(pod: Pod, name: string, previous: boolean): string {
  const what = `container ${JSON.stringify(name)} in pod ${JSON.stringify(pod.metadata.name ?? '')}`;
  const status = statusOf(pod, name);
  if (!status) throw apiError.badRequest(`${what} is not available`);
  const last = status.lastState?.terminated;
  if (previous) {
    if (!last?.containerID) throw apiError.badRequest(`previous terminated ${what} not found`);
    return last.containerID;
  }
  const { running, terminated } = status.state ?? {};
  if (running) return status.containerID ?? '';
  const ended = terminated?.containerID || last?.containerID;
  if (ended) return ended;
  if (terminated || last) throw apiError.badRequest(`${what} is terminated`);
  throw apiError.badRequest(`${what} ${waitingFor(status.state)}`);
}

function statusOf({ status }: Pod, name: string): ContainerStatus | undefined {
  return [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ].find((container) => container.name === name);
}

const waitingTexts: Readonly<Record<string, string>> = {
  ErrImagePull: "image can't be pulled",
  ImagePullBackOff: 'trying and failing to pull image',
};

function waitingFor(state: ContainerState | undefined): string {
  if (!state?.waiting) return 'is waiting to start - no logs yet';
  const { reason = '' } = state.waiting;
  return `is waiting to start: ${waitingTexts[reason] ?? reason}`;
}

/** `containerd://<id>` → `<id>`. */
export const runtimeId = (containerID: string): string => containerID.replace(/^.*:\/\//, '');

const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** A static pod's mirror carries the uid that the runtime knows the pod by. */
const runtimeUid = ({ metadata }: Pod): string => metadata.annotations?.[mirrorAnnotation] ?? metadata.uid ?? '';

/** The runtime's id of a running container. */
export async function runningContainer(cri: CriClient, pod: Pod, name: string): Promise<string | undefined> {
  const labelSelector = {
    [runtimeLabels.podUid]: runtimeUid(pod),
    [runtimeLabels.containerName]: name,
  };
  const { containers } = await cri.call('ListContainers', {
    filter: { labelSelector, state: { state: 'CONTAINER_RUNNING' } },
  });
  return containers.toSorted((a, b) => b.createdAt - a.createdAt)[0]?.id;
}

/** The runtime's id of the pod's sandbox that is ready. */
export async function readySandbox(cri: CriClient, pod: Pod): Promise<string | undefined> {
  const { items } = await cri.call('ListPodSandbox', {
    filter: {
      labelSelector: { [runtimeLabels.podUid]: runtimeUid(pod) },
      state: { state: 'SANDBOX_READY' },
    },
  });
  return items.toSorted((a, b) => b.createdAt - a.createdAt)[0]?.id;
}
