/** The port for streams and proxies: log, exec, attach, port-forward, proxy. The kubelet and the network fill it. */
import type { KubeObject } from '../../schema/object.ts';
import type { HttpRequest, HttpResponse } from '../http/types.ts';
import type { UserInfo } from '../types.ts';

export interface ConnectRequest {
  request: HttpRequest;
  response: HttpResponse;
  /** The parent, frozen; undefined when it does not exist (a proxied name may carry a scheme and a port). */
  parent: KubeObject | undefined;
  namespace: string;
  name: string;
  /** What follows the subresource in the path: '' or '/a/b'. */
  path: string;
  query: URLSearchParams;
  user: UserInfo;
  /** Headers that every answer must carry (audit id, warnings), for this content type. */
  headers(contentType: string): readonly (readonly [string, string])[];
}

/** Answers the request itself. Throws StatusError before it has begun an answer. */
export interface ConnectHandler {
  connect(request: ConnectRequest): Promise<void> | void;
}
