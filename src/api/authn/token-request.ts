import { randomUUID } from 'node:crypto';
import type { Client } from '../../client/types.ts';
import { type Clock, formatTime } from '../../kernel/clock.ts';
import { type FieldError, StatusError, apiError, fieldError, isReason } from '../../kernel/status.ts';
import type { BoundObjectReference, Pod, TokenRequest } from '../../schema/generated/index.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { ActionHandler } from '../types.ts';
import type { BoundClaims, ObjectClaim } from './service-account-claims.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';
import { serviceAccountName } from './users.ts';

const defaultSeconds = 60 * 60;
const minSeconds = 10 * 60;
const maxSeconds = 2 ** 32;
/** The kubelet asks for this long for projected volumes that predate bound tokens: such a token warns first, then ends. */
const warnOnlySeconds = 60 * 60 + 7;
const extendedSeconds = 365 * 24 * 60 * 60;

const kind = { group: 'authentication.k8s.io', resource: 'TokenRequest' };
const v1 = (resource: string) => ({ group: '', version: 'v1', resource });

/** POST serviceaccounts/<name>/token. */
export class TokenRequestHandler implements ActionHandler {
  readonly #tokens: ServiceAccountTokens;
  readonly #clock: Clock;

  constructor(tokens: ServiceAccountTokens, clock: Clock) {
    this.#tokens = tokens;
    this.#clock = clock;
  }

  async act(
    parent: { namespace: string; name: string },
    request: TokenRequest,
    { client }: { client: Client },
  ): Promise<TokenRequest> {
    const { namespace, name } = parent;
    requireSame(request, parent);
    const account = await client.get(v1('serviceaccounts'), name, namespace);
    const uid = account.metadata.uid ?? '';
    requireUid(request.metadata.uid, uid, name);

    const spec: Partial<TokenRequest['spec']> = request.spec ?? {};
    const seconds = spec.expirationSeconds ?? defaultSeconds;
    const errors = [...validate(seconds)];
    if (errors.length > 0) throw apiError.invalid(kind, '', errors);
    const audiences = spec.audiences?.length ? spec.audiences : [this.#tokens.issuer];
    const bound = await bind(client, parent, spec.boundObjectRef);

    const nowMs = this.#clock.nowMs();
    const nowSeconds = Math.floor(nowMs / 1000);
    const extend =
      bound.pod !== undefined &&
      seconds === warnOnlySeconds &&
      audiences.every((audience) => this.#tokens.apiAudiences.includes(audience));
    const token = await this.#tokens.sign({
      aud: audiences,
      exp: nowSeconds + (extend ? extendedSeconds : seconds),
      iat: nowSeconds,
      jti: randomUUID(),
      'kubernetes.io': {
        namespace,
        ...bound,
        serviceaccount: { name, uid },
        ...(extend && { warnafter: nowSeconds + seconds }),
      },
      nbf: nowSeconds,
      sub: serviceAccountName(namespace, name),
    });
    return {
      ...request,
      metadata: { ...request.metadata, name, namespace, uid, creationTimestamp: formatTime(nowMs) },
      spec: { boundObjectRef: null, ...spec, audiences, expirationSeconds: seconds },
      status: { token, expirationTimestamp: formatTime(nowMs + seconds * 1000) },
    };
  }
}

function requireSame(request: TokenRequest, parent: { namespace: string; name: string }): void {
  for (const field of ['name', 'namespace'] as const) {
    const stated = request.metadata[field];
    if (!stated || stated === parent[field]) continue;
    const error = fieldError.invalid(
      ['metadata', field],
      stated,
      `must match the service account ${field} if specified`,
    );
    throw apiError.invalid(kind, parent.name, [error]);
  }
}

function requireUid(stated: string | undefined, actual: string, name: string): void {
  if (!stated || stated === actual) return;
  const detail = `the UID in the token request (${stated}) does not match the UID of the service account (${actual})`;
  throw apiError.conflict(kind, name, detail);
}

function* validate(seconds: number): Iterable<FieldError> {
  const path = ['spec', 'expirationSeconds'];
  if (seconds < minSeconds) yield fieldError.invalid(path, seconds, 'may not specify a duration less than 10 minutes');
  if (seconds > maxSeconds)
    yield fieldError.invalid(path, seconds, 'may not specify a duration larger than 2^32 seconds');
}

/** Claims of the object that the token is to die with. Throws StatusError when it is not there, or another one. */
async function bind(
  client: Client,
  { namespace, name }: { namespace: string; name: string },
  ref: BoundObjectReference | null | undefined,
): Promise<Pick<BoundClaims, 'pod' | 'secret' | 'node'>> {
  if (!ref) return {};
  const refName = ref.name ?? '';
  switch (`${groupOf(ref.apiVersion)}/${ref.kind}`) {
    case '/Pod': {
      const pod = await client.get<Pod>(v1('pods'), refName, namespace);
      if (pod.spec?.serviceAccountName !== name) {
        throw apiError.badRequest(
          `cannot bind token for serviceaccount ${JSON.stringify(name)} to pod running with different serviceaccount name.`,
        );
      }
      requireBoundUid(ref, pod);
      const nodeName = pod.spec.nodeName;
      return { pod: claimOf(pod), ...(nodeName && { node: await nodeClaim(client, nodeName) }) };
    }
    case '/Secret': {
      const secret = await client.get(v1('secrets'), refName, namespace);
      requireBoundUid(ref, secret);
      return { secret: claimOf(secret) };
    }
    case '/Node': {
      const node = await client.get(v1('nodes'), refName);
      requireBoundUid(ref, node);
      return { node: claimOf(node) };
    }
    default:
      throw apiError.badRequest(`cannot bind token to object of type ${gvkText(ref)}`);
  }
}

function requireBoundUid(ref: BoundObjectReference, object: KubeObject): void {
  const uid = object.metadata.uid ?? '';
  if (!ref.uid || ref.uid === uid) return;
  throw apiError.conflict(
    { group: groupOf(ref.apiVersion), resource: ref.kind ?? '' },
    ref.name ?? '',
    `the UID in the bound object reference (${ref.uid}) does not match the UID in record. ` +
      'The object might have been deleted and then recreated',
  );
}

/** A pod's token tells its node; of one that is gone only the name. */
async function nodeClaim(client: Client, name: string): Promise<ObjectClaim> {
  try {
    return claimOf(await client.get(v1('nodes'), name));
  } catch (error) {
    if (isReason(error, 'NotFound')) return { name };
    throw error instanceof StatusError ? apiError.internal(error.message) : error;
  }
}

const claimOf = ({ metadata }: KubeObject): ObjectClaim => ({ name: metadata.name ?? '', uid: metadata.uid ?? '' });

const groupOf = (apiVersion = ''): string => (apiVersion.includes('/') ? apiVersion.split('/')[0]! : '');

function gvkText({ apiVersion = '', kind: refKind = '' }: BoundObjectReference): string {
  const version = apiVersion.split('/').at(-1);
  return `${groupOf(apiVersion)}/${version}, Kind=${refKind}`;
}
