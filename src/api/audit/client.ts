/** The in-process Client's calls, told to an audit sink. */
import { randomUUID } from 'node:crypto';
import type {
  Client,
  DeleteOptions,
  ListOptions,
  ListResult,
  PatchType,
  ResourceRef,
  Watch,
  WatchHandler,
  WatchOptions,
  WriteOptions,
} from '../../client/types.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { AccessAttributes, Authorizer, UserInfo } from '../types.ts';
import { type AuditedRequest, auditEvent, failureOf, type ResponseStatus } from './event.ts';
import type { AuditSink } from './types.ts';

const loopback = ['127.0.0.1'];

export interface AuditedClientParts {
  client: Client;
  user: UserInfo;
  sink: AuditSink;
  /** Asked once more for the reason: it is synchronous, and nothing changes in between. */
  authorizer: Authorizer;
  clock: Clock;
}

interface Target {
  namespace?: string | undefined;
  name?: string | undefined;
  subresource?: string | undefined;
}

export class AuditedClient implements Client {
  readonly #parts: AuditedClientParts;
  readonly #client: Client;

  constructor(parts: AuditedClientParts) {
    this.#parts = parts;
    this.#client = parts.client;
  }

  get<T extends KubeObject>(ref: ResourceRef, name: string, namespace = ''): Promise<T> {
    return this.#told('get', ref, { namespace, name }, 200, () => this.#client.get<T>(ref, name, namespace));
  }

  list<T extends KubeObject>(ref: ResourceRef, options: ListOptions = {}): Promise<ListResult<T>> {
    return this.#told('list', ref, options, 200, () => this.#client.list<T>(ref, options));
  }

  watch<T extends KubeObject>(ref: ResourceRef, options: WatchOptions, handler: WatchHandler<T>): Watch {
    const request = this.#request('watch', ref, options);
    if (!request) return this.#client.watch(ref, options, handler);
    let ended = false;
    const end = (status: ResponseStatus): void => {
      if (!ended) this.#record(request, 'ResponseComplete', status);
      ended = true;
    };
    try {
      const watch = this.#client.watch<T>(ref, options, {
        event: (event) => handler.event(event),
        closed: (error) => {
          end({ code: 200 });
          handler.closed(error);
        },
      });
      this.#record(request, 'ResponseStarted', { code: 200 });
      return {
        stop: () => {
          end({ code: 200 });
          watch.stop();
        },
      };
    } catch (error) {
      end(failureOf(error));
      throw error;
    }
  }

  create<T extends KubeObject, R = T>(
    ref: ResourceRef,
    object: T,
    options: WriteOptions & { namespace?: string; name?: string } = {},
  ): Promise<R> {
    const target = {
      namespace: options.namespace ?? object.metadata?.namespace,
      name: options.subresource ? options.name : object.metadata?.name,
      subresource: options.subresource,
    };
    return this.#told('create', ref, target, 201, () => this.#client.create<T, R>(ref, object, options));
  }

  update<T extends KubeObject>(ref: ResourceRef, object: T, options: WriteOptions = {}): Promise<T> {
    const { namespace, name } = object.metadata;
    const target = { namespace, name, subresource: options.subresource };
    return this.#told('update', ref, target, 200, () => this.#client.update(ref, object, options));
  }

  patch<T extends KubeObject>(
    ref: ResourceRef,
    name: string,
    type: PatchType,
    body: unknown,
    options: WriteOptions & { namespace?: string } = {},
  ): Promise<T> {
    const { namespace, subresource } = options;
    const target = { namespace, name, subresource };
    return this.#told('patch', ref, target, 200, () => this.#client.patch<T>(ref, name, type, body, options));
  }

  delete(ref: ResourceRef, name: string, options: DeleteOptions & { namespace?: string } = {}): Promise<void> {
    const target = { namespace: options.namespace, name };
    return this.#told('delete', ref, target, 200, () => this.#client.delete(ref, name, options));
  }

  deleteCollection(ref: ResourceRef, selection: ListOptions, options: DeleteOptions = {}): Promise<void> {
    const run = (): Promise<void> => this.#client.deleteCollection(ref, selection, options);
    return this.#told('deletecollection', ref, selection, 200, run);
  }

  async #told<T>(verb: string, ref: ResourceRef, target: Target, code: number, run: () => Promise<T>): Promise<T> {
    const request = this.#request(verb, ref, target);
    if (!request) return run();
    try {
      const result = await run();
      this.#record(request, 'ResponseComplete', { code });
      return result;
    } catch (error) {
      this.#record(request, 'ResponseComplete', failureOf(error));
      throw error;
    }
  }

  /** undefined when the policy leaves the call out. */
  #request(verb: string, ref: ResourceRef, target: Target): AuditedRequest | undefined {
    const { user, sink, authorizer, clock } = this.#parts;
    const { namespace = '', name = '', subresource = '' } = target;
    const attributes: AccessAttributes = { user, verb, ...ref, subresource, namespace, name };
    if (!sink.wants(attributes, 'in-process')) return undefined;
    return {
      auditId: randomUUID(),
      uri: uriOf(verb, ref, namespace, verb === 'create' && !subresource ? '' : name, subresource),
      verb,
      user,
      impersonated: undefined,
      sourceIps: loopback,
      userAgent: user.name.slice(user.name.lastIndexOf(':') + 1),
      target: attributes,
      // Names of objects to be created are unknown to authorization.
      decision: authorizer.authorize(verb === 'create' && !subresource ? { ...attributes, name: '' } : attributes),
      receivedMs: clock.nowMs(),
    };
  }

  #record(request: AuditedRequest, stage: 'ResponseStarted' | 'ResponseComplete', status: ResponseStatus): void {
    const { sink, clock } = this.#parts;
    sink.record(auditEvent(request, stage, status, clock.nowMs()));
  }
}

/** The path that the same request has over HTTP. */
function uriOf(verb: string, ref: ResourceRef, namespace: string, name: string, subresource: string): string {
  const root = ref.group === '' ? `/api/${ref.version}` : `/apis/${ref.group}/${ref.version}`;
  const within = namespace === '' ? '' : `/namespaces/${namespace}`;
  const path = [`${root}${within}/${ref.resource}`, name, subresource].filter((part) => part !== '').join('/');
  return verb === 'watch' ? `${path}?watch=true` : path;
}
