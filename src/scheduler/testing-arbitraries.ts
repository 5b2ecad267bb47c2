/** For tests: random nodes and pods that the API accepts, with everything in them that decides where pods go. */
import fc from 'fast-check';
import type { Node, PodSpec, Taint, Toleration } from '../schema/generated/index.ts';
import { container, makeNode } from './testing.ts';

export const names = Array.from({ length: 9 }, (_, i) => `n${i}`);
const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const;
/** More than have a column at first. */
const devices = Array.from({ length: 12 }, (_, i) => `example.com/device-${i}`);

const taint: fc.Arbitrary<Taint> = fc.record({
  key: fc.constantFrom('a', 'b'),
  value: fc.constantFrom('x', 'y'),
  effect: fc.constantFrom(...effects),
});
/** Mostly such as keep nobody off. */
const mildTaint = fc.oneof(
  { weight: 2, arbitrary: taint.map((one) => ({ ...one, effect: effects[1] })) },
  { weight: 1, arbitrary: taint },
);
const toleration: fc.Arbitrary<Toleration> = fc
  .record({
    key: fc.constantFrom('a', 'b', 'node.kubernetes.io/unschedulable'),
    value: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }),
    effect: fc.option(fc.constantFrom(...effects), { nil: undefined }),
  })
  .map(({ key, value, effect }) => ({
    key,
    ...(value ? { operator: 'Equal' as const, value } : { operator: 'Exists' as const }),
    ...(effect && { effect }),
  }));
const zones = fc.constantFrom('east', 'west');
const sparse = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });

export const node: fc.Arbitrary<Node> = fc
  .record({
    name: fc.constantFrom(...names),
    cpu: fc.constantFrom('0', '2', '8', '16'),
    memory: fc.constantFrom('1Gi', '8Gi', '32Gi'),
    pods: fc.constantFrom('1', '110', '110'),
    device: fc.constantFrom(...devices),
    zone: fc.option(zones, { nil: undefined }),
    taints: fc.uniqueArray(mildTaint, { maxLength: 2, selector: ({ key, effect }) => key + effect }),
    unschedulable: sparse(fc.constant(true)),
    images: fc.boolean(),
  })
  .map(({ name, cpu, memory, pods, device, zone, taints, unschedulable, images }) =>
    makeNode(name, ({ metadata, spec, status }) => {
      if (zone) Object.assign(metadata.labels!, { zone, 'topology.kubernetes.io/zone': zone });
      Object.assign(spec!, { taints, ...(unschedulable && { unschedulable }) });
      Object.assign(status!.allocatable!, { cpu, memory, pods, [device]: '2' });
      if (images) status!.images = [{ names: ['registry.example.com/app:1'], sizeBytes: 500 << 20 }];
    }),
  );

export const app = fc.constantFrom('web', 'db');
const affinityTerm = app.map((value) => ({
  topologyKey: value === 'web' ? 'zone' : 'kubernetes.io/hostname',
  labelSelector: { matchLabels: { app: value } },
}));

export const podSpec: fc.Arbitrary<Partial<PodSpec>> = fc
  .record({
    requests: fc.record(
      { cpu: fc.constantFrom('0', '500m', '2'), memory: fc.constantFrom('100Mi', '4Gi') },
      { requiredKeys: [] },
    ),
    device: sparse(fc.constantFrom(...devices)),
    hostPort: sparse(fc.constantFrom(80, 81)),
    tolerations: fc.array(toleration, { maxLength: 2 }),
    zone: sparse(zones),
    name: sparse(fc.constantFrom(...names, 'gone')),
    near: sparse(affinityTerm),
    far: sparse(affinityTerm),
    wish: sparse(affinityTerm),
    spread: sparse(fc.constantFrom('DoNotSchedule' as const, 'ScheduleAnyway' as const)),
    priority: fc.constantFrom(0, 5),
  })
  .map(({ requests, device, hostPort, tolerations, zone, name, near, far, wish, spread, priority }) => {
    const main = container({ ...requests, ...(device && { [device]: '1' }) });
    if (hostPort) main.ports = [{ containerPort: hostPort, hostPort, protocol: 'TCP' }];
    const fields = name && [{ key: 'metadata.name', operator: 'In' as const, values: [name] }];
    const terms = fields && { nodeSelectorTerms: [{ matchFields: fields }] };
    const preferred = { weight: 10, preference: { matchExpressions: [{ key: 'zone', operator: 'Exists' as const }] } };
    return {
      priority,
      containers: [main],
      tolerations,
      ...(zone && { nodeSelector: { zone } }),
      affinity: {
        nodeAffinity: {
          ...(terms && { requiredDuringSchedulingIgnoredDuringExecution: terms }),
          preferredDuringSchedulingIgnoredDuringExecution: [preferred],
        },
        podAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: near ? [near] : [],
          preferredDuringSchedulingIgnoredDuringExecution: wish ? [{ weight: 5, podAffinityTerm: wish }] : [],
        },
        podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: far ? [far] : [] },
      },
      ...(spread && {
        topologySpreadConstraints: [
          {
            maxSkew: 1,
            topologyKey: 'zone',
            whenUnsatisfiable: spread,
            labelSelector: { matchLabels: { app: 'web' } },
          },
        ],
      }),
    };
  });
