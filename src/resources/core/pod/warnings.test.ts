import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodSpec, PodTemplateSpec } from '../../typings/core.ts';
import { podWarnings, templateWarnings } from './warnings.ts';

const container = { name: 'c', image: 'i' };
const noMatch = 'a null labelSelector results in matching no pod';

const cases: readonly (readonly [PodSpec, readonly string[]])[] = [
  [{ containers: [container] }, []],
  [
    {
      containers: [
        {
          ...container,
          env: [
            { name: 'A', value: '1' },
            { name: 'A', value: '$(A)2' },
          ],
        },
      ],
    },
    [],
  ],
  [
    {
      containers: [
        {
          ...container,
          env: [
            { name: 'A', value: '1' },
            { name: 'A', value: '2' },
          ],
        },
      ],
    },
    ['spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply'],
  ],
  [
    { imagePullSecrets: [{}, { name: 's' }, { name: 's' }] },
    ['spec.imagePullSecrets[2].name: duplicate name "s"', 'spec.imagePullSecrets[0].name: invalid empty name ""'],
  ],
  [
    {
      containers: [{ ...container, ports: [{ name: 'a', containerPort: 80, protocol: 'TCP' }] }],
      initContainers: [{ ...container, ports: [{ name: 'a', containerPort: 80, protocol: 'TCP' }] }],
    },
    [
      'spec.containers[0].ports[0]: duplicate port definition with spec.initContainers[0].ports[0]',
      'spec.containers[0].ports[0]: duplicate port name "a" with spec.initContainers[0].ports[0], services and probes that select ports by name will use spec.initContainers[0].ports[0]',
    ],
  ],
  [
    { containers: [{ ...container, ports: [{ containerPort: 80, protocol: 'TCP', hostIP: '127.0.0.1' }] }] },
    [
      'spec.containers[0].ports[0]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:80 Protocol:TCP HostIP:127.0.0.1}',
    ],
  ],
  [
    { topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 't', whenUnsatisfiable: 'DoNotSchedule' }] },
    [`spec.topologySpreadConstraints[0].labelSelector: ${noMatch}`],
  ],
  [
    { affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1 }] } } },
    [
      `spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.labelSelector: ${noMatch}`,
    ],
  ],
  [
    { nodeSelector: { 'beta.kubernetes.io/os': 'linux' } },
    ['spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead'],
  ],
  [
    { volumes: [{ name: 'v', storageos: {} }] },
    ['spec.volumes[0].storageOS: deprecated in v1.22, non-functional in v1.25+'],
  ],
];

test('pods are warned about in the words of upstream', () => {
  for (const [spec, expected] of cases) assert.deepEqual([...podWarnings({ spec } as PodTemplateSpec, [])], expected);
});

test('a template is warned about when it is made and when the spec has changed', () => {
  const template: PodTemplateSpec = { spec: { imagePullSecrets: [{}] } };
  const at = (generation: number) => ({ metadata: { generation } });
  const texts = (next: object, previous?: object): string[] => [
    ...templateWarnings(next as never, previous as never, template, ['spec', 'template']),
  ];
  assert.deepEqual(texts(at(1)), ['spec.template.spec.imagePullSecrets[0].name: invalid empty name ""']);
  assert.equal(texts(at(2), at(1)).length, 1);
  assert.deepEqual(texts(at(1), at(1)), []);
});
