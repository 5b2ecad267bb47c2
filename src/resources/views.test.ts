import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KubeObject } from '../schema/object.ts';
import { definition } from './index.ts';

const view = (group: string, version: string, resource: string) => {
  const one = definition(group, version, resource)?.view;
  assert.ok(one);
  return one;
};
const isSoft = (group: string, resource: string, next: object, previous?: object): boolean =>
  definition(group, 'v1', resource)?.isSoft?.(next as KubeObject, previous as KubeObject | undefined) ?? false;

test('an events.k8s.io Event is the core one under other names', () => {
  const { toStorage, fromStorage } = view('events.k8s.io', 'v1', 'events');
  const event = {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name: 'e', namespace: 'n' },
    regarding: { kind: 'Pod', name: 'p' },
    note: 'text',
    reason: 'r',
    reportingController: 'c',
    deprecatedCount: 3,
  };
  const core = toStorage(event) as unknown as Record<string, unknown>;
  assert.deepEqual(
    [core['apiVersion'], core['involvedObject'], core['message'], core['reportingComponent'], core['count']],
    ['v1', event.regarding, 'text', 'c', 3],
  );
  assert.deepEqual(fromStorage(core as unknown as KubeObject), event);
});

describe('autoscaling/v1', () => {
  const { toStorage, fromStorage } = view('autoscaling', 'v1', 'horizontalpodautoscalers');
  const v2 = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'h', namespace: 'n', annotations: { a: 'b' } },
    spec: {
      scaleTargetRef: { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' },
      minReplicas: 1,
      maxReplicas: 3,
      metrics: [
        { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Mi' } } },
        { type: 'Pods', pods: { metric: { name: 'q' }, target: { type: 'AverageValue', averageValue: '5' } } },
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
      ],
    },
    status: { currentReplicas: 1, desiredReplicas: 2 },
  };

  test('annotations that users filled with something else are left out', () => {
    for (const text of [
      '7',
      'null',
      '"a"',
      '[7]',
      '[null]',
      '{"ScaleUp":7}',
      '{"ScaleUp":{"Policies":[null]}}',
      '{bad',
    ]) {
      const annotations = Object.fromEntries(
        ['metrics', 'current-metrics', 'conditions', 'behavior'].map((key) => [
          `autoscaling.alpha.kubernetes.io/${key}`,
          text,
        ]),
      );
      const spec = { scaleTargetRef: v2.spec.scaleTargetRef, maxReplicas: 1 };
      const object = { metadata: { name: 'h', namespace: 'n', annotations }, spec };
      const stored = toStorage(object as KubeObject) as KubeObject & { spec: { behavior?: object } };
      assert.deepEqual([stored.metadata.annotations, stored.spec.behavior], [undefined, undefined], text);
    }
  });

  test('shows the CPU target and carries the rest in annotations, in the shapes of v1', () => {
    const shown = fromStorage(v2) as KubeObject & { spec: Record<string, unknown> };
    assert.equal(shown.spec['targetCPUUtilizationPercentage'], 50);
    assert.deepEqual(JSON.parse(shown.metadata.annotations?.['autoscaling.alpha.kubernetes.io/metrics'] ?? ''), [
      { type: 'Resource', resource: { name: 'memory', targetAverageValue: '1Mi' } },
      { type: 'Pods', pods: { metricName: 'q', targetAverageValue: '5' } },
    ]);
  });

  test('there and back changes nothing', () => {
    assert.deepEqual(toStorage(fromStorage(v2)), v2);
    const behavior = {
      scaleUp: {
        stabilizationWindowSeconds: 5,
        selectPolicy: 'Max',
        policies: [{ type: 'Pods', value: 1, periodSeconds: 15 }],
      },
      scaleDown: {
        stabilizationWindowSeconds: 9,
        selectPolicy: 'Min',
        policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
      },
    };
    const withRules = { ...v2, spec: { ...v2.spec, behavior } };
    assert.deepEqual(toStorage(fromStorage(withRules)), withRules);
  });
});

describe('soft writes', () => {
  const lease = (holderIdentity: string, renewTime: string) => ({
    metadata: { name: 'l' },
    spec: { holderIdentity, renewTime },
  });
  const node = (heartbeat: string, status: string) => ({
    metadata: { name: 'n' },
    status: { conditions: [{ type: 'Ready', status, lastHeartbeatTime: heartbeat }] },
  });

  test('a renewal is, a change of holder and a new Lease are not', () => {
    assert.equal(isSoft('coordination.k8s.io', 'leases', lease('a', '2'), lease('a', '1')), true);
    assert.equal(isSoft('coordination.k8s.io', 'leases', lease('b', '2'), lease('a', '1')), false);
    assert.equal(isSoft('coordination.k8s.io', 'leases', lease('a', '1')), false);
  });

  test('a heartbeat of a Node is, a change of its conditions is not', () => {
    assert.equal(isSoft('', 'nodes', node('2', 'True'), node('1', 'True')), true);
    assert.equal(isSoft('', 'nodes', node('2', 'False'), node('1', 'True')), false);
  });

  test('Events are', () => assert.equal(isSoft('', 'events', { metadata: {} }), true));
});

test('a Namespace that has to go says so', () => {
  const one = { metadata: { name: 'n' }, status: { phase: 'Active' } };
  definition('', 'v1', 'namespaces')?.markDeleting?.(one);
  assert.equal(one.status.phase, 'Terminating');
});
