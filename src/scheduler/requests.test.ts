import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, ContainerStatus, Pod, PodSpec } from '../schema/generated/index.ts';
import { type RequestOptions, podRequests } from './requests.ts';
import { container, makePod } from './testing.ts';

const requestsOf = (spec: Partial<PodSpec>, options?: RequestOptions, status: Pod['status'] = {}) =>
  Object.fromEntries(podRequests({ ...makePod('a', spec), status }, options));

const sidecar = (cpu: string, name: string): Container => ({ ...container({ cpu }, name), restartPolicy: 'Always' });
const mib = 2 ** 20;

test('containers run side by side', () => {
  const containers = [container({ cpu: '100m', memory: '1Mi' }), container({ cpu: '1', 'example.com/x': '2' })];
  assert.deepEqual(requestsOf({ containers }), { cpu: 1_100, memory: mib, 'example.com/x': 2 });
});

test('init containers run one after the other, before the containers', () => {
  const containers = [container({ cpu: '1' })];
  assert.deepEqual(requestsOf({ containers, initContainers: [container({ cpu: '3' }), container({ cpu: '2' })] }), {
    cpu: 3_000,
  });
});

test('sidecars go on running: they add to the containers and to the init containers behind them', () => {
  const containers = [container({ cpu: '1' })];
  const initContainers = [container({ cpu: '4' }), sidecar('2', 's1'), container({ cpu: '3' }), sidecar('1', 's2')];
  assert.deepEqual(requestsOf({ containers, initContainers }), { cpu: 5_000 });
  assert.deepEqual(requestsOf({ containers, initContainers: [sidecar('2', 's'), container({ cpu: '1' })] }), {
    cpu: 3_000,
  });
});

test('what is asked for the pod as a whole counts instead, where that may be said', () => {
  const resources = { requests: { cpu: '5', 'example.com/x': '9' } };
  assert.deepEqual(requestsOf({ containers: [container({ cpu: '1', memory: '1Mi' })], resources }), {
    cpu: 5_000,
    memory: mib,
  });
});

test('the overhead of the runtime comes on top', () => {
  const overhead = { cpu: '250m', 'example.com/x': '250' };
  assert.deepEqual(requestsOf({ containers: [container({ cpu: '1' })], overhead }), {
    cpu: 1_250,
    'example.com/x': 250,
  });
});

test('where scores are computed, containers that ask for nothing count', () => {
  const containers = [container({ cpu: '1' }), container({ memory: '1Mi' }, 'b'), container({ cpu: '0' }, 'c')];
  assert.deepEqual(requestsOf({ containers }, { withDefaults: true }), { cpu: 1_100, memory: 401 * mib });
});

test('a pod that is being resized counts with the most of what is wanted and what is in force', () => {
  const containers = [container({ cpu: '1', memory: '4Mi' })];
  const containerStatuses = [
    { name: 'main', resources: { requests: { cpu: '3', memory: '2Mi' } }, allocatedResources: { cpu: '2' } },
  ] as unknown as ContainerStatus[];
  const fromStatus = { fromStatus: true };
  assert.deepEqual(requestsOf({ containers }, fromStatus, { containerStatuses }), { cpu: 3_000, memory: 4 * mib });
  const conditions = [{ type: 'PodResizePending', status: 'True', reason: 'Infeasible' }];
  assert.deepEqual(requestsOf({ containers }, fromStatus, { containerStatuses, conditions }), {
    cpu: 3_000,
    memory: 2 * mib,
  });
});

test('fractions are rounded up', () => {
  assert.deepEqual(requestsOf({ containers: [container({ cpu: '0.0001', memory: '1.5' })] }), { cpu: 1, memory: 2 });
});
