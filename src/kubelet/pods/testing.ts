/** For tests: pods and what the runtime has of them, with as little said as possible. */
import type { Container, Pod, PodSpec, PodStatus } from '../../schema/generated/index.ts';
import { containerHash } from '../config/index.ts';
import { WorkerMemory } from './memory.ts';
import type { ObservedContainer, ObservedSandbox, PodView } from './types.ts';

export const app = (name: string, more: Partial<Container> = {}): Container => ({ name, image: 'app:1', ...more });

export const sidecar = (name: string): Container => app(name, { restartPolicy: 'Always' });

export const podOf = (spec: Partial<PodSpec> = {}, status?: PodStatus): Pod => ({
  metadata: { name: 'web', namespace: 'default', uid: 'u1', generation: 1 },
  spec: {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    ...spec,
    containers: spec.containers ?? [app('main')],
  },
  ...(status && { status }),
});

export const sandbox: ObservedSandbox = {
  id: 's1',
  attempt: 0,
  ready: true,
  createdAtMs: 1_000,
  hostNetwork: false,
  ips: ['10.0.0.1'],
};

let order = 0;

/** An instance of a container of `app`. Later ones are newer. */
export const instance = (
  name: string,
  state: ObservedContainer['state'],
  more: Partial<ObservedContainer> = {},
): ObservedContainer => ({
  id: `${name}-${++order}`,
  name,
  sandboxId: 's1',
  state,
  restartCount: 0,
  hash: containerHash(app(name)),
  image: 'app:1',
  imageRef: 'sha256:1',
  createdAtMs: 1_000 + order,
  startedAtMs: 1_000,
  finishedAtMs: state === 'exited' ? 2_000 : 0,
  exitCode: 0,
  reason: state === 'exited' ? 'Completed' : '',
  message: '',
  ...more,
});

export interface ViewOptions extends Partial<Omit<PodView, 'observed' | 'memory'>> {
  containers?: ObservedContainer[];
  sandboxes?: ObservedSandbox[];
  memory?: Partial<WorkerMemory>;
}

/** What a worker would plan by, an hour after all of it. */
export function viewOf({ containers = [], sandboxes = [sandbox], memory = {}, ...more }: ViewOptions = {}): PodView {
  const pod = more.pod ?? podOf();
  return {
    pod,
    isStatic: false,
    isRemoved: false,
    refusal: undefined,
    observed: { sandboxes, containers: containers.toSorted((a, b) => b.createdAtMs - a.createdAtMs) },
    status: pod.status ?? {},
    memory: Object.assign(new WorkerMemory(), memory),
    resizeProblem: undefined,
    isBusy: false,
    probes: () => ({ started: true, ready: true }),
    node: { ips: ['192.0.2.1'], runtimeName: 'containerd' },
    nowMs: 3_600_000,
    monotonicMs: more.nowMs ?? 3_600_000,
    ...more,
  };
}
