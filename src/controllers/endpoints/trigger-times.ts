/** When what endpoints are about to say came about, for those who measure how long it took to be known. */
import { formatTime } from '../../kernel/index.ts';
import type { Pod, Service } from '../../schema/generated/index.ts';
import { conditionOf } from '../pod-state.ts';

interface Seen {
  serviceMs: number;
  podsMs: Map<string, number>;
}

export class TriggerTimes {
  readonly #services = new Map<string, Seen>();

  /** The earliest change of readiness that the last call for this Service did not know; undefined: nothing new. */
  next(key: string, service: Service, pods: readonly Pod[]): string | undefined {
    const serviceMs = Date.parse(service.metadata.creationTimestamp ?? '');
    const podsMs = new Map<string, number>();
    for (const pod of pods) {
      const ms = Date.parse(conditionOf(pod, 'Ready')?.lastTransitionTime ?? '');
      if (Number.isFinite(ms)) podsMs.set(pod.metadata.name ?? '', ms);
    }
    const before = this.#services.get(key);
    this.#services.set(key, { serviceMs, podsMs });
    if (!before) return Number.isFinite(serviceMs) ? formatTime(serviceMs) : undefined;
    const changes = [...podsMs].filter(([name, ms]) => ms > (before.podsMs.get(name) ?? 0)).map(([, ms]) => ms);
    if (serviceMs > before.serviceMs) changes.push(serviceMs);
    return changes.length ? formatTime(Math.min(...changes)) : undefined;
  }

  forget(key: string): void {
    this.#services.delete(key);
  }
}
