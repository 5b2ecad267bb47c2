/**
 * The in-process Client's writes, told to an audit sink. Its reads are of the cache, as upstream's components read their
 * informers: no request to tell of.
 */
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

  get<T extends KubeObject>(ref: ResourceRef, name: string, namespace?: string): Promise<T> {
    return this.#client.get<T>(ref, name, namespace);
  }

  list<T extends KubeObject>(ref: ResourceRef, options?: ListOptions): Promise<ListResult<T>> {
    return this.#client.list<T>(ref, options);
  }

  watch<T extends KubeObject>(ref: ResourceRef, options: WatchOptions, handler: WatchHandler<T>): Watch {
    return this.#client.watch(ref, options, handler);
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
      this.#record(request, { code });
      return result;
    } catch (error) {
      this.#record(request, failureOf(error));
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
      uri: uriOf(ref, namespace, verb === 'create' && !subresource ? '' : name, subresource),
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

  #record(request: AuditedRequest, status: ResponseStatus): void {
    const { sink, clock } = this.#parts;
    sink.record(auditEvent(request, 'ResponseComplete', status, clock.nowMs()));
  }
}

/** The path that the same request has over HTTP. */
function uriOf(ref: ResourceRef, namespace: string, name: string, subresource: string): string {
  const root = ref.group === '' ? `/api/${ref.version}` : `/apis/${ref.group}/${ref.version}`;
  const within = namespace === '' ? '' : `/namespaces/${namespace}`;
  return [`${root}${within}/${ref.resource}`, name, subresource].filter((part) => part !== '').join('/');
}
