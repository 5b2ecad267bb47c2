import type { Clock } from '../../kernel/index.ts';
import type { CriClient, RuntimeCondition, StatusResponse } from '../cri/types.ts';

/** The runtime may be silent for this long (it is restarted, say) before the node is not ready. */
const graceMs = 30_000;
const askLimitMs = 5_000;

/** What the container runtime last said of itself. */
export class RuntimeState {
  readonly #cri: CriClient;
  readonly #clock: Clock;
  #answeredAtMs: number | undefined;
  #status: StatusResponse | undefined;
  /** `containerd://1.6.20` */
  version = 'Unknown';

  constructor(cri: CriClient, clock: Clock) {
    this.#cri = cri;
    this.#clock = clock;
  }

  get status(): StatusResponse | undefined {
    return this.#status;
  }

  /** Asks. A runtime that does not answer leaves what is known as it is. */
  async ask(): Promise<void> {
    try {
      if (this.version === 'Unknown') await this.#askVersion();
      this.#status = await this.#cri.call('Status', {}, { timeoutMs: askLimitMs });
      this.#answeredAtMs = this.#clock.monotonicMs();
    } catch {
      // It may be another one when it is back.
      this.version = 'Unknown';
    }
  }

  async #askVersion(): Promise<void> {
    const { runtimeName, runtimeVersion } = await this.#cri.call('Version', {}, { timeoutMs: askLimitMs });
    this.version = `${runtimeName}://${runtimeVersion}`;
  }

  /** Why the node is not ready on the runtime's account; empty when it is. */
  problems(): string[] {
    if (this.#answeredAtMs === undefined) return ['container runtime status check may not have completed yet'];
    if (this.#clock.monotonicMs() - this.#answeredAtMs >= graceMs) return ['container runtime is down'];
    const conditions = this.#status?.status?.conditions ?? [];
    const find = (type: string): RuntimeCondition | undefined => conditions.find((one) => one.type === type);
    const runtime = find('RuntimeReady');
    const network = find('NetworkReady');
    return [
      ...(runtime?.status ? [] : [`container runtime not ready: ${text(runtime)}`]),
      ...(network?.status ? [] : [`container runtime network not ready: ${text(network)}`]),
    ];
  }
}

const text = (condition: RuntimeCondition | undefined): string =>
  condition ? `${condition.type}=${condition.status} reason:${condition.reason} message:${condition.message}` : '<nil>';
