import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Container, Pod, PodSpec } from '../../schema/generated/index.ts';
import { podCgroup, sharesToWeight, weightToShares } from './pod-limits.ts';

const mib = 1 << 20;

function container(requests: [cpu: string, memory: string], limits: [cpu: string, memory: string]): Container {
  const list = ([cpu, memory]: [string, string]) => ({ ...(cpu && { cpu }), ...(memory && { memory }) });
  return { name: 'c', resources: { requests: list(requests), limits: list(limits) } };
}

const pod = (spec: Partial<PodSpec>): Pod => ({ metadata: { name: 'p', uid: 'u' }, spec: { containers: [], ...spec } });
const limitsOf = (...containers: Container[]) => podCgroup(pod({ containers })).limits;

test('weights of shares, as upstream has them', () => {
  assert.deepEqual([2, 102, 1024, 262_144].map(sharesToWeight), [1, 4, 39, 10_000]);
});

test('weights stay within what the kernel takes, and come back near the shares they came from', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 262_144 }), (shares) => {
      const weight = sharesToWeight(shares);
      assert.ok(weight >= 1 && weight <= 10_000);
      assert.ok(Math.abs(weightToShares(weight) - shares) <= 27);
    }),
  );
});

test('limits by quality of service', () => {
  const cases: [string, Container[], object][] = [
    ['best effort', [container(['', ''], ['', ''])], { cpuShares: 2 }],
    ['burstable without limits', [container(['100m', '100Mi'], ['', ''])], { cpuShares: 102 }],
    [
      'burstable with limits',
      [container(['100m', '100Mi'], ['200m', '200Mi'])],
      { cpuShares: 102, cpuQuota: 20_000, memoryBytes: 200 * mib },
    ],
    [
      'burstable, one container without limits',
      [container(['100m', '100Mi'], ['200m', '200Mi']), container(['100m', '100Mi'], ['', ''])],
      { cpuShares: 204 },
    ],
    [
      'guaranteed',
      [container(['100m', '100Mi'], ['100m', '100Mi'])],
      { cpuShares: 102, cpuQuota: 10_000, memoryBytes: 100 * mib },
    ],
  ];
  for (const [name, containers, expected] of cases) assert.deepEqual(limitsOf(...containers), expected, name);
});

test('an init container without a limit makes the pod’s sum meaningless', () => {
  const bounded = container(['100m', '100Mi'], ['100m', '100Mi']);
  const unbounded = container(['100m', '100Mi'], ['', '']);
  const { limits } = podCgroup(pod({ containers: [bounded], initContainers: [unbounded] }));
  assert.deepEqual(limits, { cpuShares: 102 });
});

test('an init container behind a sidecar counts with it', () => {
  const bounded = container(['100m', '100Mi'], ['100m', '100Mi']);
  const sidecar: Container = { ...bounded, restartPolicy: 'Always' };
  const unbounded = container(['50m', '50Mi'], ['', '']);
  const { limits } = podCgroup(pod({ containers: [bounded], initContainers: [sidecar, unbounded] }));
  assert.deepEqual(limits, { cpuShares: 204, cpuQuota: 20_000, memoryBytes: 200 * mib });
});

test('limits of the pod as a whole go before those of its containers', () => {
  const resources = { requests: { cpu: '100m', memory: '100Mi' }, limits: { cpu: '200m', memory: '200Mi' } };
  const { limits, qosClass } = podCgroup(pod({ resources, containers: [{ name: 'c' }] }));
  assert.equal(qosClass, 'Burstable');
  assert.deepEqual(limits, { cpuShares: 102, cpuQuota: 20_000, memoryBytes: 200 * mib });
});

test('overhead is added to requests and to limits that there are', () => {
  const overhead = { cpu: '50m', memory: '10Mi' };
  const bounded = podCgroup(pod({ overhead, containers: [container(['100m', ''], ['200m', '100Mi'])] }));
  assert.deepEqual(bounded.limits, { cpuShares: 153, cpuQuota: 25_000, memoryBytes: 110 * mib });
  const unbounded = podCgroup(pod({ overhead, containers: [container(['100m', ''], ['', ''])] }));
  assert.deepEqual(unbounded.limits, { cpuShares: 153 });
});
