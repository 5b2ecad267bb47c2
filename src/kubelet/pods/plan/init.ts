/** Which init containers start or stop next; sidecars stay up (pkg/kubelet computeInitContainerActions). */
import type { Container } from '../../../schema/generated/index.ts';
import { containerHash } from '../../config/index.ts';
import { isSidecar, newest, restartsAfter, restartsOnFailure } from '../containers.ts';
import type { ObservedContainer, PodView } from '../types.ts';
import type { RunPlan } from './run.ts';

/** How far the init containers are. */
export type Initialization = 'done' | 'underWay' | 'failed';

/** Adds what the init containers want to `plan`. Looks at the last first: earlier ones may have been removed since. */
export function planInit(view: PodView, plan: RunPlan): Initialization {
  const containers = view.pod.spec.initContainers ?? [];
  if (containers.length === 0) return 'done';
  const progress: Progress = { isInitialized: hasRegularContainers(view), isReached: false, starts: new Set() };
  progress.isReached = progress.isInitialized;
  for (let index = containers.length - 1; index >= 0; index--) {
    const container = containers[index] as Container;
    const seen = newest(view.observed, container.name);
    if (!seen) {
      if (progress.isReached && isSidecar(container)) progress.starts.add(index);
      continue;
    }
    if (progress.isReached && !isSidecar(container)) continue;
    const outcome = isSidecar(container)
      ? sidecar(view, plan, container, seen)
      : initContainer(view, plan, container, seen);
    if (outcome === 'fails') return 'failed';
    if (outcome === 'start') progress.starts.add(index);
    if (outcome === 'passed') {
      if (index === containers.length - 1) progress.isInitialized = true;
      else if (!progress.isReached) progress.starts.add(index + 1);
    }
    progress.isReached = true;
  }
  if (!progress.isReached) progress.starts.add(0);
  for (const index of [...progress.starts].sort((a, b) => a - b)) {
    plan.starts.push({ kind: 'init', container: containers[index] as Container });
  }
  return progress.isInitialized ? 'done' : 'underWay';
}

interface Progress {
  isInitialized: boolean;
  /** A later container was seen, so this one is over. */
  isReached: boolean;
  starts: Set<number>;
}

/** Exited ones do not count: they may be of the sandbox before. */
const hasRegularContainers = ({ pod, observed }: PodView): boolean =>
  pod.spec.containers.some(({ name }) => {
    const state = newest(observed, name)?.state;
    return state === 'created' || state === 'running';
  });

/** wait: nothing to do now. passed: the next one may run. */
type Outcome = 'wait' | 'start' | 'passed' | 'fails';

function initContainer(view: PodView, plan: RunPlan, container: Container, seen: ObservedContainer): Outcome {
  switch (seen.state) {
    case 'created':
      return 'start';
    case 'running':
      return 'wait';
    case 'exited':
      if (seen.exitCode === 0 && seen.reason !== 'OOMKilled') return 'passed';
      return restartsAfter(container, view.pod.spec, seen.exitCode) ? 'start' : 'fails';
    case 'unknown':
      if (!restartsOnFailure(container, view.pod.spec)) return 'fails';
      plan.kill(seen, 'Init container is in "unknown" state, try killing it before restart');
      return 'start';
  }
}

function sidecar(view: PodView, plan: RunPlan, container: Container, seen: ObservedContainer): Outcome {
  if (seen.state === 'unknown') plan.kill(seen, 'Init container is in "unknown" state, try killing it before restart');
  if (seen.state !== 'running') return 'start';
  const isDying = view.memory.kills.has(seen.id);
  const { started, failed } = view.probes(container, `${view.node.runtimeName}://${seen.id}`);
  if (failed?.probe === 'startup') {
    if (!isDying)
      plan.kill(seen, `Init container ${container.name} failed startup probe`, { probe: container.startupProbe });
    return 'wait';
  }
  if (!started) return 'wait';
  if (isDying) return 'passed';
  if (seen.hash !== containerHash(container)) {
    plan.kill(seen, `Init container ${container.name} definition changed`, { restart: true });
  } else if (failed) {
    plan.kill(seen, `Init container ${container.name} failed liveness probe`, { probe: container.livenessProbe });
  }
  return 'passed';
}
