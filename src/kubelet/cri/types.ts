/** How the kubelet speaks to a container runtime: CRI runtime.v1, and the runtime's events. */
import type { CriCalls } from './generated/messages.ts';

export type * from './generated/messages.ts';

/** What a caller gives: every field may be left out (protobuf's zero value). */
export type Init<T> = T extends Uint8Array | string | number | boolean | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Init<Item>[]
    : T extends Record<string, string>
      ? T
      : { [Key in keyof T]?: Init<T[Key]> | undefined };

export interface CallOptions {
  /** Default 2 minutes, as the kubelet's runtimeRequestTimeout. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface CriClient {
  /** Rejects with CriError. While the runtime is away: code Unavailable, at once. */
  call<Method extends keyof CriCalls>(
    method: Method,
    request: Init<CriCalls[Method]['request']>,
    options?: CallOptions,
  ): Promise<CriCalls[Method]['response']>;
  /** What containers do, as it happens. A stream that was lost is made anew and calls `resumed`: relist then. */
  events(handler: RuntimeEventHandler): { stop(): void };
  close(): void;
}

export interface RuntimeEventHandler {
  event(event: RuntimeEvent): void;
  resumed(): void;
}

/** `id` is a container's or a sandbox's. */
export interface RuntimeEvent {
  type: 'created' | 'started' | 'stopped' | 'deleted' | 'oom';
  id: string;
}

/** gRPC status codes that we look at. */
export const grpcCode = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/** A call that the runtime refused; the message is the runtime's own text. */
export class CriError extends Error {
  override readonly name = 'CriError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}
