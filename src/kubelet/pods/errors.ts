import { type CriError, grpcCode } from '../cri/types.ts';

/** Go's names of the gRPC codes. */
const codeNames: Record<number, string> = {
  [grpcCode.cancelled]: 'Canceled',
  [grpcCode.unknown]: 'Unknown',
  [grpcCode.invalidArgument]: 'InvalidArgument',
  [grpcCode.deadlineExceeded]: 'DeadlineExceeded',
  [grpcCode.notFound]: 'NotFound',
  [grpcCode.unimplemented]: 'Unimplemented',
  [grpcCode.internal]: 'Internal',
  [grpcCode.unavailable]: 'Unavailable',
};

export const isCriError = (error: unknown, code: number): error is CriError =>
  error instanceof Error && error.name === 'CriError' && (error as CriError).code === code;

/** The runtime is away. */
export const isAway = (error: unknown): boolean => isCriError(error, grpcCode.unavailable);

/** An error as the kubelet prints it. */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name !== 'CriError') return error.message;
  const { code, message } = error as CriError;
  return `rpc error: code = ${codeNames[code] ?? `Code(${code})`} desc = ${message}`;
}

/** Done, or there was nothing to do it to. */
export async function unlessGone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isCriError(error, grpcCode.notFound)) throw error;
  }
}
