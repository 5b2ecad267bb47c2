import { serviceAccounts } from '../../client/index.ts';
import type { Client } from '../../client/types.ts';
import type { Clock, Logger, Timer } from '../../kernel/index.ts';
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
/** A renewal that failed is tried again after this long. */
const retryMs = 60_000;

export interface TokensOptions {
  client: Client;
  clock: Clock;
  log: Logger;
  /** A token of the pod is to be renewed: ask for it. */
  onDue(podUid: string): void;
}

interface PodTokens {
  /** By what was asked for. */
  issued: Map<string, Issued>;
  due: Timer | undefined;
}

/**
 * Service account tokens bound to pods, kept in memory and renewed when 80 % of their life or a day has passed. A renewal
 * that fails is no harm while the present token holds. Upstream: pkg/kubelet/token.
 */
export class TokenManager {
  readonly #options: TokensOptions;
  readonly #ofPods = new Map<string, PodTokens>();

  constructor(options: TokensOptions) {
    this.#options = options;
  }

  async tokenFor(pod: Pod, { audience, expirationSeconds }: ServiceAccountTokenProjection): Promise<string> {
    const { clock, log } = this.#options;
    const uid = pod.metadata.uid ?? '';
    const wanted = { audience: audience ?? '', seconds: expirationSeconds ?? defaultSeconds };
    const key = `${wanted.seconds}/${wanted.audience}`;
    const ofPod = this.#ofPods.get(uid) ?? { issued: new Map<string, Issued>(), due: undefined };
    this.#ofPods.set(uid, ofPod);
    const present = ofPod.issued.get(key);
    if (present && clock.nowMs() < present.refreshMs) return present.token;
    try {
      const issued = await this.#request(pod, wanted);
      ofPod.issued.set(key, issued);
      return issued.token;
    } catch (error) {
      if (!present) throw new Error(`failed to fetch token: ${messageOf(error)}`, { cause: error });
      if (clock.nowMs() > present.expiresMs) {
        throw new Error(`token ${key} expired and refresh failed: ${messageOf(error)}`, { cause: error });
      }
      log.warn('token not renewed', { pod: uid, error: messageOf(error) });
      return present.token;
    } finally {
      this.#schedule(uid, ofPod);
    }
  }

  forget(podUid: string): void {
    this.#ofPods.get(podUid)?.due?.cancel();
    this.#ofPods.delete(podUid);
  }

  stop(): void {
    for (const uid of [...this.#ofPods.keys()]) this.forget(uid);
  }

  #schedule(uid: string, ofPod: PodTokens): void {
    const { clock, onDue } = this.#options;
    ofPod.due?.cancel();
    const next = Math.min(...[...ofPod.issued.values()].map(({ refreshMs }) => refreshMs));
    if (!Number.isFinite(next) || this.#ofPods.get(uid) !== ofPod) return;
    ofPod.due = clock.after(Math.max(next - clock.nowMs(), retryMs), () => onDue(uid));
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
    const { status, spec: granted } = await this.#options.client.create<TokenRequest>(
      serviceAccounts,
      request,
      options,
    );
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
