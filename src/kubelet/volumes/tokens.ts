import { serviceAccounts } from '../../client/index.ts';
import type { Client } from '../../client/types.ts';
import type { Clock, Logger } from '../../kernel/index.ts';
import type { Pod, ServiceAccountTokenProjection, TokenRequest } from '../../schema/generated/index.ts';
import { messageOf } from './errors.ts';

interface Issued {
  token: string;
  expiresMs: number;
  /** Until then the token is not asked for again. */
  refreshMs: number;
}

const defaultSeconds = 3600;
const maxAgeMs = 24 * 3_600_000;
/** Spreads what was issued together. */
const jitterMs = 10_000;

/**
 * Service account tokens bound to pods, kept in memory and renewed when 80 % of their life or a day has passed. A renewal
 * that fails is no harm while the present token holds. Upstream: pkg/kubelet/token.
 */
export class TokenManager {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** By pod, then by what was asked for. */
  readonly #issued = new Map<string, Map<string, Issued>>();

  constructor(client: Client, clock: Clock, log: Logger) {
    this.#client = client;
    this.#clock = clock;
    this.#log = log;
  }

  async tokenFor(pod: Pod, { audience, expirationSeconds }: ServiceAccountTokenProjection): Promise<string> {
    const uid = pod.metadata.uid ?? '';
    const wanted = { audience: audience ?? '', seconds: expirationSeconds ?? defaultSeconds };
    const key = `${wanted.seconds}/${wanted.audience}`;
    const ofPod = this.#issued.get(uid) ?? new Map<string, Issued>();
    this.#issued.set(uid, ofPod);
    const present = ofPod.get(key);
    if (present && this.#clock.nowMs() < present.refreshMs) return present.token;
    try {
      const issued = await this.#request(pod, wanted);
      ofPod.set(key, issued);
      return issued.token;
    } catch (error) {
      if (!present) throw new Error(`failed to fetch token: ${messageOf(error)}`, { cause: error });
      if (this.#clock.nowMs() > present.expiresMs) {
        throw new Error(`token ${key} expired and refresh failed: ${messageOf(error)}`, { cause: error });
      }
      this.#log.warn('token not renewed', { pod: uid, error: messageOf(error) });
      return present.token;
    }
  }

  forget(podUid: string): void {
    this.#issued.delete(podUid);
  }

  async #request({ metadata, spec }: Pod, wanted: { audience: string; seconds: number }): Promise<Issued> {
    const { name = '', namespace = '', uid = '' } = metadata;
    const request: TokenRequest = {
      metadata: {},
      spec: {
        audiences: wanted.audience ? [wanted.audience] : [],
        expirationSeconds: wanted.seconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    };
    const account = spec.serviceAccountName || 'default';
    const options = { namespace, name: account, subresource: 'token' };
    const { status, spec: granted } = await this.#client.create<TokenRequest>(serviceAccounts, request, options);
    if (!status?.token) throw new Error('the answer holds no token');
    return this.#issue(
      status.token,
      Date.parse(status.expirationTimestamp ?? ''),
      granted.expirationSeconds ?? wanted.seconds,
    );
  }

  #issue(token: string, expiresMs: number, seconds: number): Issued {
    const issuedMs = expiresMs - seconds * 1000;
    const earlierMs = Math.random() * jitterMs;
    const refreshMs = Math.min(issuedMs + maxAgeMs, expiresMs - Math.trunc((seconds * 20) / 100) * 1000) - earlierMs;
    return { token, expiresMs, refreshMs };
  }
}
