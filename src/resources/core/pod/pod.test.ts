import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Container, Pod, PodSpec } from '../../typings/core.ts';
import { podColumns } from './columns.ts';
import { defaultPod, pullPolicy } from './defaults.ts';
import { pod as definition } from './pod.ts';
import { qosClass } from './resources.ts';
import { validatePodUpdate } from './update.ts';
import { validatePod } from './validation.ts';

function make(spec: PodSpec = {}, rest: Partial<Pod> = {}): Pod {
  const pod: Pod = {
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'c', image: 'busybox' }], ...spec },
    ...rest,
  };
  defaultPod(pod);
  return pod;
}

const first = (pod: Pod): Container => pod.spec?.containers?.[0] ?? {};

describe('defaults', () => {
  test('of a bare pod', () => {
    const { spec } = make();
    assert.deepEqual(
      [spec?.restartPolicy, spec?.dnsPolicy, spec?.terminationGracePeriodSeconds, spec?.schedulerName],
      ['Always', 'ClusterFirst', 30, 'default-scheduler'],
    );
  });

  test('requests come from limits', () => {
    const pod = make({ containers: [{ name: 'c', resources: { limits: { cpu: '1', memory: '1Gi' } } }] });
    assert.deepEqual(first(pod).resources?.requests, { cpu: '1', memory: '1Gi' });
  });

  test('host ports follow from the host network', () => {
    const pod = make({ hostNetwork: true, containers: [{ name: 'c', ports: [{ containerPort: 80 }] }] });
    assert.equal(first(pod).ports?.[0]?.hostPort, 80);
  });

  test('images are pulled always only when their tag can move', () => {
    const cases = {
      a: 'Always',
      'a:latest': 'Always',
      'a:1': 'IfNotPresent',
      'h:5000/a': 'Always',
      'h:5/a:2': 'IfNotPresent',
    };
    for (const [image, policy] of Object.entries(cases)) assert.equal(pullPolicy(image), policy, image);
  });

  test('twice is once', () => {
    const pod = make({ volumes: [{ name: 'v' }], hostNetwork: true });
    const before = structuredClone(pod);
    defaultPod(pod);
    assert.deepEqual(pod, before);
  });
});

test('quality of service', () => {
  const of = (resources: NonNullable<Container['resources']>): string =>
    qosClass(make({ containers: [{ name: 'c', resources }] }).spec ?? {});
  assert.equal(of({}), 'BestEffort');
  assert.equal(of({ requests: { cpu: '1' } }), 'Burstable');
  assert.equal(of({ limits: { cpu: '1', memory: '1Gi' } }), 'Guaranteed');
});

describe('printed status', () => {
  const cell = (pod: Pod, name: string): unknown =>
    podColumns.find((column) => column.name === name)?.value(pod, Date.parse('2024-01-01T01:00:00Z'));
  const waiting = { name: 'c', image: '', imageID: '', ready: false, restartCount: 3 };

  test('is the phase, or what keeps the containers from running', () => {
    assert.equal(cell(make({}, { status: { phase: 'Running' } }), 'Status'), 'Running');
    const crashing = { ...waiting, state: { waiting: { reason: 'CrashLoopBackOff' } } };
    const pod = make({}, { status: { phase: 'Running', containerStatuses: [crashing] } });
    assert.deepEqual(
      [cell(pod, 'Status'), cell(pod, 'Ready'), cell(pod, 'Restarts')],
      ['CrashLoopBackOff', '0/1', '3'],
    );
  });

  test('names the init container that is on', () => {
    const state = { running: { startedAt: '2024-01-01T00:00:00Z' } };
    const status = { phase: 'Pending', initContainerStatuses: [{ ...waiting, name: 'i', state }] };
    assert.equal(cell(make({ initContainers: [{ name: 'i', image: 'a' }] }, { status }), 'Status'), 'Init:0/1');
  });

  test('says when the last restart was', () => {
    const lastState = { terminated: { exitCode: 1, finishedAt: '2024-01-01T00:58:00Z' } };
    const state = { running: { startedAt: '2024-01-01T00:59:00Z' } };
    const pod = make({}, { status: { phase: 'Running', containerStatuses: [{ ...waiting, state, lastState }] } });
    assert.equal(cell(pod, 'Restarts'), '3 (2m ago)');
  });

  test('is Terminating for a pod that has to go', () => {
    const pod = make({}, { status: { phase: 'Running' } });
    pod.metadata.deletionTimestamp = '2024-01-01T00:00:00Z';
    assert.equal(cell(pod, 'Status'), 'Terminating');
  });
});

describe('updates', () => {
  const errors = (change: (pod: Pod) => void): string[] => {
    const previous = make();
    const next = structuredClone(previous);
    change(next);
    return [...validatePodUpdate(next, previous)].map((error) => error.message);
  };

  test('may change an image and add tolerations', () => {
    const change = (pod: Pod): void => {
      first(pod).image = 'other';
      pod.spec = { ...pod.spec, tolerations: [{ key: 'a', operator: 'Exists' }] };
    };
    assert.deepEqual(errors(change), []);
  });

  test('may not change the rest', () => {
    const changes: ((spec: PodSpec) => void)[] = [
      (spec) => {
        spec.nodeName = 'n';
      },
      (spec) => {
        spec.restartPolicy = 'Never';
      },
      (spec) => {
        spec.volumes = [{ name: 'v', emptyDir: {} }];
      },
    ];
    for (const change of changes) {
      const [message = ''] = errors((pod) => change(pod.spec ?? {}));
      assert.match(message, /pod updates may not change fields other than `spec.containers\[\*\].image`/);
    }
  });

  test('may shorten a deadline only', () => {
    const previous = make({ activeDeadlineSeconds: 10 });
    const to = (seconds: number): number =>
      [...validatePodUpdate(make({ activeDeadlineSeconds: seconds }), previous)].length;
    assert.deepEqual([to(5), to(10), to(20)], [0, 0, 1]);
  });
});

test('a pod without containers or with two of a name is wrong', () => {
  const fields = (spec: PodSpec): string[] => [...validatePod(make(spec))].map((error) => error.field);
  assert.deepEqual(fields({ containers: [] }), ['spec.containers']);
  const twins = [
    { name: 'c', image: 'a' },
    { name: 'c', image: 'b' },
  ];
  assert.deepEqual(fields({ containers: twins }), ['spec.containers[1].name']);
});

test('grace of a deletion: none when no kubelet is there to wait for', () => {
  const grace = (pod: Pod, asked?: number): number | undefined => definition.gracePeriodSeconds?.(pod, asked);
  const bound = make({ nodeName: 'n' }, { status: { phase: 'Running' } });
  assert.deepEqual([grace(bound), grace(bound, 5), grace(bound, 0)], [30, 5, 0]);
  assert.equal(grace(make(), 5), 0);
  assert.equal(grace(make({ nodeName: 'n' }, { status: { phase: 'Succeeded' } }), 5), 0);
});
