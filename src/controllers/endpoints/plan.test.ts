import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EndpointSlice, Endpoints, Pod, Service } from '../../schema/generated/index.ts';
import type { Action } from '../runtime/index.ts';
import { capacity, planEndpoints } from './endpoints-plan.ts';
import { planSlices, type SlicePlan } from './slices-plan.ts';

const service = (more: object = {}): Service => ({
  metadata: { name: 'web', namespace: 'shop', uid: 'service-1', labels: { team: 'a' } },
  spec: {
    clusterIP: '10.43.0.9',
    ipFamilies: ['IPv4'],
    selector: { app: 'web' },
    ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 'http' }],
    ...more,
  },
});

interface PodSetting {
  ready?: boolean;
  port?: number;
  terminating?: boolean;
  phase?: 'Pending' | 'Running' | 'Succeeded';
  node?: string;
}

const pod = (
  id: number,
  { ready = true, port = 8080, terminating = false, phase = 'Running', node = 'n1' }: PodSetting = {},
): Pod => ({
  metadata: {
    name: `web-${id}`,
    namespace: 'shop',
    uid: `uid-${id}`,
    ...(terminating && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
  },
  spec: { nodeName: node, containers: [{ name: 'web', ports: [{ name: 'http', containerPort: port }] }] },
  status: {
    phase,
    podIP: `10.42.${id >> 8}.${id & 255}`,
    podIPs: [{ ip: `10.42.${id >> 8}.${id & 255}` }],
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
  },
});

const zoneOf = (node: string): string | undefined => (node === 'n1' ? 'zone-a' : undefined);

const plan = (pods: readonly Pod[], slices: readonly EndpointSlice[] = [], of = service()): SlicePlan =>
  planSlices({ service: of, pods, slices, zoneOf, triggerTime: undefined });

/** The slices after the plan, with the names that a server would give. */
function apply(slices: readonly EndpointSlice[], actions: readonly Action[]): EndpointSlice[] {
  const next = new Map(slices.map((slice) => [slice.metadata.name ?? '', slice]));
  for (const { do: verb, object } of actions) {
    if (verb === 'delete') next.delete(object.metadata.name ?? '');
    else {
      const name = object.metadata.name ?? `web-${Math.random().toString(36).slice(2)}`;
      next.set(name, { ...(object as EndpointSlice), metadata: { ...object.metadata, name } });
    }
  }
  return [...next.values()];
}

const addresses = (slices: readonly EndpointSlice[]): string[] =>
  slices.flatMap(({ endpoints }) => (endpoints ?? []).flatMap((endpoint) => endpoint.addresses)).sort();

test('a Service that prefers what is near has hints of its ready endpoints, and loses them with the wish', () => {
  const pods = [pod(1), pod(2, { ready: false })];
  const hints = (of: Service, slices: readonly EndpointSlice[] = []) =>
    apply(slices, plan(pods, slices, of).actions)[0]?.endpoints?.map((endpoint) => endpoint.hints);
  const near = service({ trafficDistribution: 'PreferSameNode' });
  const forZones = [{ name: 'zone-a' }];
  assert.deepEqual(hints(service({ trafficDistribution: 'PreferClose' })), [{ forZones }, undefined]);
  assert.deepEqual(hints(near), [{ forZones, forNodes: [{ name: 'n1' }] }, undefined]);
  const annotations = { 'service.kubernetes.io/topology-mode': 'Auto' };
  assert.deepEqual(hints({ ...near, metadata: { ...near.metadata, annotations } }), [undefined, undefined]);
  const slices = apply([], plan(pods, [], near).actions);
  assert.deepEqual(plan(pods, slices, near).actions, []);
  assert.deepEqual(hints(service(), slices), [undefined, undefined]);
});

test('an endpoint says where its pod is and how it does', () => {
  const [action] = plan([pod(1, { ready: true, terminating: true })]).actions;
  const slice = action?.object as EndpointSlice;
  assert.deepEqual(slice, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: 'web-',
      namespace: 'shop',
      labels: {
        team: 'a',
        'kubernetes.io/service-name': 'web',
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
      annotations: {},
      ownerReferences: [
        {
          apiVersion: 'v1',
          kind: 'Service',
          name: 'web',
          uid: 'service-1',
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    addressType: 'IPv4',
    endpoints: [
      {
        addresses: ['10.42.0.1'],
        conditions: { ready: false, serving: true, terminating: true },
        targetRef: { kind: 'Pod', namespace: 'shop', name: 'web-1', uid: 'uid-1' },
        nodeName: 'n1',
        zone: 'zone-a',
      },
    ],
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  });
});

test('without endpoints there is one empty slice, which the first endpoint fills', () => {
  const empty = apply([], plan([pod(1, { phase: 'Succeeded' })]).actions);
  assert.deepEqual([empty.length, empty[0]?.endpoints, empty[0]?.ports], [1, [], []]);
  assert.deepEqual(plan([], empty).actions, []);
  const filled = apply(empty, plan([pod(1)], empty).actions);
  assert.deepEqual([filled.length, filled[0]?.metadata.name], [1, empty[0]?.metadata.name]);
  const again = apply(filled, plan([], filled).actions);
  assert.deepEqual([again.length, again[0]?.metadata.name, again[0]?.endpoints], [1, empty[0]?.metadata.name, []]);
});

test('pods on a node that is not there are left out, unless the Service publishes what is not ready', () => {
  const lost = pod(1, { node: 'gone', ready: false });
  const { actions, missingNode } = plan([lost]);
  assert.deepEqual([missingNode, apply([], actions)[0]?.endpoints], [[lost], []]);
  const eager = plan([lost], [], service({ publishNotReadyAddresses: true }));
  assert.deepEqual(addresses(apply([], eager.actions)), ['10.42.0.1']);
  const [made] = apply([], eager.actions);
  assert.equal(made?.endpoints?.[0]?.conditions?.ready, true);
});

test('a Service of both families has slices of each', () => {
  const both = service({ ipFamilies: ['IPv4', 'IPv6'] });
  const dual = pod(1);
  dual.status!.podIPs = [{ ip: '10.42.0.1' }, { ip: 'fd00::1' }];
  const slices = apply([], plan([dual], [], both).actions);
  assert.deepEqual(slices.map(({ addressType }) => addressType).sort(), ['IPv4', 'IPv6']);
  const single = apply(slices, plan([dual], slices).actions);
  assert.deepEqual(
    single.map(({ addressType }) => addressType),
    ['IPv4'],
  );
});

test('labels follow those of the Service', () => {
  const slices = apply([], plan([pod(1)]).actions);
  const renamed = service();
  renamed.metadata.labels = { team: 'b' };
  const [action] = plan([pod(1)], slices, renamed).actions;
  assert.equal(action?.object.metadata.labels?.['team'], 'b');
});

const podSettings = fc.uniqueArray(
  fc.record({ id: fc.integer({ min: 1, max: 400 }), ready: fc.boolean(), port: fc.constantFrom(8080, 9090) }),
  { selector: ({ id }) => id, maxLength: 300 },
);

test('each pod is in one slice, of at most a hundred, and stays there', () =>
  fc.assert(
    fc.property(fc.array(podSettings, { minLength: 1, maxLength: 4 }), (rounds) => {
      let slices: EndpointSlice[] = [];
      for (const settings of rounds) {
        const pods = settings.map(({ id, ready, port }) => pod(id, { ready, port }));
        const before = new Map(slices.flatMap((slice) => placesIn(slice)));
        slices = apply(slices, plan(pods, slices).actions);
        assert.deepEqual(addresses(slices), pods.map(({ status }) => status?.podIP ?? '').sort());
        for (const { endpoints, ports } of slices) {
          assert.ok((endpoints ?? []).length <= 100);
          for (const { targetRef } of endpoints ?? []) {
            const setting = settings.find(({ id }) => targetRef?.name === `web-${id}`);
            assert.equal(ports?.[0]?.port, setting?.port);
          }
        }
        for (const [place, slice] of slices.flatMap(placesIn))
          assert.ok([undefined, slice].includes(before.get(place)));
        assert.deepEqual(plan(pods, slices).actions, []);
      }
    }),
    { numRuns: 100 },
  ));

/** By pod and port: with another port a pod has to move. */
const placesIn = ({ metadata, endpoints, ports }: EndpointSlice): [string, string][] =>
  (endpoints ?? []).map(({ targetRef }) => [`${targetRef?.name} ${ports?.[0]?.port}`, metadata.name ?? '']);

const endpointsOf = (pods: readonly Pod[], current?: Endpoints, of = service()): Endpoints | undefined =>
  planEndpoints({ service: of, pods, current, triggerTime: undefined })[0]?.object as Endpoints | undefined;

test('Endpoints tell the ready from the others', () => {
  const made = endpointsOf([pod(1), pod(2, { ready: false }), pod(3, { terminating: true })]);
  assert.deepEqual(made?.metadata.labels, { team: 'a', 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' });
  const address = (id: number) => ({
    ip: `10.42.0.${id}`,
    nodeName: 'n1',
    targetRef: { kind: 'Pod', namespace: 'shop', name: `web-${id}`, uid: `uid-${id}` },
  });
  const ports = [{ name: 'http', port: 8080, protocol: 'TCP' }];
  assert.deepEqual(made?.subsets, [{ addresses: [address(1)], notReadyAddresses: [address(2)], ports }]);
  assert.equal(endpointsOf([pod(1), pod(2, { ready: false })], made), undefined);
});

test('addresses with the same ports are one subset', () => {
  const two = service({
    ports: [
      { name: 'a', port: 80, targetPort: 8080 },
      { name: 'b', port: 81, targetPort: 8081 },
    ],
  });
  const made = endpointsOf([pod(1), pod(2)], undefined, two);
  assert.deepEqual(
    made?.subsets?.map(({ addresses, ports }) => [addresses?.length, ports?.length]),
    [[2, 2]],
  );
});

test('a headless Service without ports has addresses', () => {
  const headless = service({ clusterIP: 'None', ports: undefined });
  const made = endpointsOf([pod(1)], undefined, headless);
  assert.equal(made?.metadata.labels?.['service.kubernetes.io/headless'], '');
  assert.deepEqual(
    made?.subsets?.map(({ addresses, ports }) => [addresses?.length, ports]),
    [[1, undefined]],
  );
});

test('beyond the capacity Endpoints are cut, and say so, the ready ones before the others', () => {
  const many = Array.from({ length: capacity + 50 }, (_, id) => pod(id, { ready: id % 21 !== 0 }));
  const made = endpointsOf(many);
  const count = (field: 'addresses' | 'notReadyAddresses') =>
    made?.subsets?.reduce((total, subset) => total + (subset[field]?.length ?? 0), 0);
  assert.deepEqual([count('addresses'), count('notReadyAddresses')], [1000, 0]);
  assert.equal(made?.metadata.annotations?.['endpoints.kubernetes.io/over-capacity'], 'truncated');
  const fewer = endpointsOf(many.slice(0, 10), made);
  assert.equal(fewer?.metadata.annotations?.['endpoints.kubernetes.io/over-capacity'], undefined);
});
