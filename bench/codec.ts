/** npm run bench:codec: the WASM codec beside the TypeScript reference and JavaScript's own JSON, on one realistic Pod. */
import { Bench } from 'tinybench';
import { referenceCodec } from '../src/schema/index.ts';
import { createWasmCodec, reserveMemory } from '../src/wasm/index.ts';

const message = 'core/v1.Pod';
const gvk = { apiVersion: 'v1', kind: 'Pod' };
const plain = { defaults: false };
/** Different pods, so that no branch predictor learns one by heart. */
const podCount = 256;

const codec = createWasmCodec();
const memory = reserveMemory(16 << 20);
const records = createWasmCodec({ memory, isolated: codec });

interface Sample {
  json: Buffer;
  proto: Uint8Array;
  object: unknown;
  pointer: number;
}

let heapEnd = records.heapBase;
const pods = Array.from({ length: podCount }, (_, i) => sample(i));
const meanBytes = (size: (pod: Sample) => number): number =>
  Math.round(pods.reduce((sum, pod) => sum + size(pod), 0) / podCount);

function sample(i: number): Sample {
  const object = pod(i);
  const json = Buffer.from(JSON.stringify(object));
  const proto = codec.fromJson(message, json, plain).bytes;
  const pointer = heapEnd;
  Buffer.from(memory.buffer).set(proto, pointer);
  heapEnd = Math.ceil((pointer + proto.length) / 8) * 8;
  return { json, proto, object, pointer };
}

function pod(i: number): object {
  const labels = { app: `web-${i % 17}`, 'pod-template-hash': `${(i * 2654435761) % 1e9}`, tier: 'front' };
  const container = (name: string): object => ({
    name,
    image: `registry.example.com/team-${i % 5}/${name}:1.${i}.0`,
    ports: [{ name: 'http', containerPort: 8080 + (i % 10), protocol: 'TCP' }],
    env: [
      { name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
      { name: 'LEVEL', value: i % 2 ? 'debug' : 'info' },
    ],
    resources: { limits: { cpu: '500m', memory: '128Mi' }, requests: { cpu: `${100 + (i % 9)}m`, memory: '64Mi' } },
    volumeMounts: [{ name: 'token', readOnly: true, mountPath: '/var/run/secrets/kubernetes.io/serviceaccount' }],
    livenessProbe: {
      httpGet: { path: '/healthz', port: 8080, scheme: 'HTTP' },
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    },
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
    securityContext: { capabilities: { drop: ['ALL'] }, runAsNonRoot: true, allowPrivilegeEscalation: false },
  });
  const time = `2026-0${1 + (i % 9)}-11T10:2${i % 10}:05Z`;
  return {
    ...gvk,
    metadata: {
      name: `web-${i}-5d4f8c7b9-x${i}`,
      namespace: `team-${i % 5}`,
      uid: `6b1f0c5e-2d5a-4c0e-9a53-${String(i).padStart(12, '0')}`,
      resourceVersion: `${100_000 + i}`,
      creationTimestamp: time,
      labels,
      annotations: { 'kubernetes.io/limit-ranger': 'LimitRanger plugin set: cpu request for container web' },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: `web-${i}`,
          uid: `u-${i}`,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
      managedFields: [
        {
          manager: 'kube-controller-manager',
          operation: 'Update',
          apiVersion: 'v1',
          time,
          fieldsType: 'FieldsV1',
          fieldsV1: {
            'f:metadata': { 'f:labels': { '.': {}, 'f:app': {}, 'f:tier': {} } },
            'f:spec': {
              'f:containers': {
                'k:{"name":"web"}': { '.': {}, 'f:env': {}, 'f:image': {}, 'f:name': {}, 'f:resources': {} },
              },
            },
          },
        },
      ],
    },
    spec: {
      volumes: [
        {
          name: 'token',
          projected: {
            sources: [
              { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
              { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
            ],
            defaultMode: 420,
          },
        },
      ],
      containers: [container('web'), container('sidecar')],
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      dnsPolicy: 'ClusterFirst',
      serviceAccountName: 'default',
      nodeName: `node-${i % 3}`,
      securityContext: {},
      schedulerName: 'default-scheduler',
      tolerations: [
        { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
      ],
      priority: 0,
      enableServiceLinks: true,
    },
    status: {
      phase: 'Running',
      conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
        type,
        status: 'True',
        lastProbeTime: null,
        lastTransitionTime: time,
      })),
      hostIP: '10.0.0.7',
      podIP: `10.42.0.${i % 250}`,
      podIPs: [{ ip: `10.42.0.${i % 250}` }],
      startTime: time,
      qosClass: 'Burstable',
    },
  };
}

const bench = new Bench({ time: 400, warmupTime: 200 });

function each(name: string, run: (pod: Sample) => unknown): void {
  let next = 0;
  bench.add(name, () => {
    next = (next + 1) % podCount;
    return void run(pods[next]!);
  });
}

each('protobuf → JSON: WASM, where it lies, view', (p) => records.toJsonAt(message, p.pointer, p.proto.length, gvk));
each('protobuf → JSON: WASM, copied in and out', (p) => codec.toJson(message, p.proto, gvk));
each('protobuf → JSON: reference', (p) => referenceCodec.toJson(message, p.proto, gvk));
each('object → JSON: JSON.stringify', (p) => Buffer.from(JSON.stringify(p.object)));
each('JSON → protobuf: WASM', (p) => codec.fromJson(message, p.json, plain));
each('JSON → protobuf: WASM with defaults', (p) => codec.fromJson(message, p.json, { defaults: true }));
each('JSON → protobuf: reference', (p) => referenceCodec.fromJson(message, p.json, plain));
each('JSON → object: JSON.parse', (p) => JSON.parse(p.json.toString()));
each('protobuf → protobuf: WASM', (p) => codec.fromProto(message, p.proto, plain));
each('protobuf → protobuf: reference', (p) => referenceCodec.fromProto(message, p.proto, plain));
each('protobuf → object: WASM and JSON.parse', (p) =>
  JSON.parse(Buffer.from(records.toJsonAt(message, p.pointer, p.proto.length, gvk)).toString()),
);
each('stamp a revision', (p) => codec.stampRevision(p.proto, 123_456));
each('peek at the metadata', (p) => records.peekAt(p.pointer, p.proto.length));

await bench.run();
console.log(
  `${podCount} pods, on average ${meanBytes((p) => p.json.length)} bytes of JSON, ${meanBytes((p) => p.proto.length)} of protobuf`,
);
console.table(
  bench.tasks.map(({ name, result }) => {
    if (result.state !== 'completed') return { name, state: result.state };
    const { p50, p99 } = result.latency;
    return { name, 'µs median': (p50 * 1000).toFixed(2), 'µs p99': (p99 * 1000).toFixed(2) };
  }),
);
