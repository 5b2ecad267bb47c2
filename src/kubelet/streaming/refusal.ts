/** How streams are refused: in the API server's words, or in the kubelet's, which is the bare text. */
import type { ConnectRequest } from '../../api/index.ts';
import { apiError } from '../../kernel/index.ts';
import type { Pod } from '../../schema/generated/index.ts';
import { CriError, grpcCode } from '../cri/index.ts';

export function requireHost(pod: Pod): void {
  if (!pod.spec?.nodeName) throw apiError.badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
}

export function requireUpgrade({ request }: ConnectRequest): void {
  if (!request.isUpgrade && request.switchTo === '') throw apiError.badRequest('Upgrade request required');
}

/** As the kubelet answers before an upgrade: the bare text. */
export function refuse({ response, headers }: ConnectRequest, code: number, text: string): void {
  const more = code === 429 ? ([['Retry-After', '60']] as const) : [];
  response.send(code, [...headers('text/plain; charset=utf-8'), ...more], text);
}

const resourceExhausted = 8;

export function refusalOf(error: unknown): [code: number, text: string] {
  const { message } = error as Error;
  if (!(error instanceof CriError)) return [500, message];
  const text = `rpc error: code = ${goCode(error.code)} desc = ${message}`;
  if (error.code === grpcCode.notFound) return [404, text];
  return [error.code === resourceExhausted ? 429 : 500, text];
}

/** Go's names of gRPC's codes. */
const goCodes: readonly string[] = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
];

const goCode = (code: number): string => goCodes[code] ?? `Code(${code})`;
