/** Termination messages of all containers of a pod together may hold 12 KiB. */
import type { ContainerState, ContainerStatus, Pod, PodStatus } from '../../../schema/generated/index.ts';

const limitBytes = 12 << 10;

/** Shortens what is too long, to an even share each. */
export function limitMessages({ spec }: Pod, status: PodStatus): PodStatus {
  const containers =
    spec.containers.length + (spec.initContainers?.length ?? 0) + (spec.ephemeralContainers?.length ?? 0);
  const share = Math.floor(limitBytes / Math.max(containers, 1));
  const limited = (statuses: readonly ContainerStatus[] | undefined): ContainerStatus[] | undefined =>
    statuses?.map((one) => ({
      ...one,
      ...(one.state && { state: shorten(one.state, share) }),
      ...(one.lastState && { lastState: shorten(one.lastState, share) }),
    }));
  const { containerStatuses, initContainerStatuses, ephemeralContainerStatuses } = status;
  return {
    ...status,
    ...(containerStatuses && { containerStatuses: limited(containerStatuses) as ContainerStatus[] }),
    ...(initContainerStatuses && { initContainerStatuses: limited(initContainerStatuses) as ContainerStatus[] }),
    ...(ephemeralContainerStatuses && {
      ephemeralContainerStatuses: limited(ephemeralContainerStatuses) as ContainerStatus[],
    }),
  };
}

function shorten(state: ContainerState, share: number): ContainerState {
  const message = state.terminated?.message;
  if (!state.terminated || !message || message.length * 3 <= share || Buffer.byteLength(message) <= share) return state;
  return { ...state, terminated: { ...state.terminated, message: firstBytes(message, share) } };
}

/** The longest beginning of at most `limit` bytes, without a torn character. */
function firstBytes(text: string, limit: number): string {
  const bytes = Buffer.from(text);
  let end = limit;
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end).toString();
}
