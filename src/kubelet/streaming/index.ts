/** Streams into pods: logs, exec, attach, port-forward, and proxies to what pods serve. */
import type { ConnectHandler } from '../../api/index.ts';
import type { Client } from '../../client/types.ts';
import type { Budget } from '../../config/budget.ts';
import type { Clock, Logger } from '../../kernel/index.ts';
import type { CriClient } from '../cri/index.ts';
import type { KubeletPaths } from '../types.ts';
import { portForwardHandler } from './forward/handler.ts';
import { logHandler } from './logs/handler.ts';
import { proxyHandler } from './proxy/handler.ts';
import { nodeTarget, podTarget, serviceTarget } from './proxy/target.ts';
import { attachHandler, execHandler } from './remote/handler.ts';
import { StreamTable } from './streams.ts';

export interface StreamingOptions {
  cri: CriClient;
  client: Client;
  clock: Clock;
  log: Logger;
  nodeName: string;
  paths: KubeletPaths;
  budget: Pick<Budget, 'streams'>;
}

export interface Streaming {
  /** For ApiServerOptions.connects: by `group/version/resource/subresource`. */
  readonly handlers: ReadonlyMap<string, ConnectHandler>;
  /** Cuts every stream; further ones are refused. */
  stop(): void;
}

export function createStreaming({ cri, client, clock, log, budget }: StreamingOptions): Streaming {
  const streams = new StreamTable(budget.streams, clock);
  const proxied = new StreamTable(budget.streams, clock);
  const parts = { cri, clock, log, streams };
  const proxy = { client, clock, log, streams: proxied };
  return {
    handlers: new Map([
      ['/v1/pods/log', logHandler(parts)],
      ['/v1/pods/exec', execHandler(parts)],
      ['/v1/pods/attach', attachHandler(parts)],
      ['/v1/pods/portforward', portForwardHandler(parts)],
      ['/v1/pods/proxy', proxyHandler(proxy, podTarget)],
      ['/v1/services/proxy', proxyHandler(proxy, serviceTarget)],
      ['/v1/nodes/proxy', proxyHandler(proxy, nodeTarget)],
    ]),
    stop() {
      streams.stop();
      proxied.stop();
    },
  };
}
