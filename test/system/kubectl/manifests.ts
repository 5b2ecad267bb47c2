/**
 * One object or more of each API group, as a user writes them. `NAME` and `NAMESPACE` are replaced: every kubectl
 * version gets its own.
 */

export interface Manifest {
  /** As on the command line: `deployments.apps`. */
  resource: string;
  apiVersion: string;
  /** What `explain` is asked for. */
  field: string;
  yaml: string;
}

const template =
  'template: {metadata: {labels: {app: a}}, spec: {containers: [{name: main, image: "registry.example/a:1"}]}}';
const jobTemplate =
  'template: {spec: {restartPolicy: Never, containers: [{name: main, image: "registry.example/a:1"}]}}';
/** EC key, CN=jane, O=team. */
const request =
  'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIWU1JR0FBZ0VBTUI0eERUQUxCZ05WQkFvTUJIUmxZVzB4RFRBTEJnTlZCQU1NQkdwaGJtVXdXVEFUQmdjcQpoa2pPUFFJQkJnZ3Foa2pPUFFNQkJ3TkNBQVN2bjU2RkdoWmp6M0pxZWlabGI3UTBwVWJDak03U1k4K2JXZ3ZzCjhTc0JDZ3Jpa2syV3ZSZmhZVVgrcXA2TnVXZlFDTkxsd2ZnT2NMbjhuNGN6ZlZrWm9BQXdDZ1lJS29aSXpqMEUKQXdJRFJ3QXdSQUlnWVIwMk5qNWZSS2Z4WGpKMlhaNjZiNlFoMFlrM2xjNGk5c3YweC80cUkrUUNJQXJPaGUzRwpyeEhpdjVKT0ZXT2dsM1lzRTJReE5xSFNrZ09UMzRVcDY1UWwKLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg==';

const manifest = (resource: string, apiVersion: string, kind: string, field: string, body: string): Manifest => ({
  resource,
  apiVersion,
  field,
  yaml: `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: NAME, labels: {app: a}}\n${body}\n`,
});

export const manifests: readonly Manifest[] = [
  manifest('configmaps', 'v1', 'ConfigMap', 'data', 'data: {one: "1"}'),
  manifest('secrets', 'v1', 'Secret', 'stringData', 'stringData: {one: "1"}'),
  manifest('pods', 'v1', 'Pod', 'spec.containers', 'spec: {containers: [{name: main, image: "registry.example/a:1"}]}'),
  manifest('services', 'v1', 'Service', 'spec.ports', 'spec: {selector: {app: a}, ports: [{port: 80}]}'),
  manifest('serviceaccounts', 'v1', 'ServiceAccount', 'secrets', 'automountServiceAccountToken: false'),
  manifest('resourcequotas', 'v1', 'ResourceQuota', 'spec.hard', 'spec: {hard: {pods: "50"}}'),
  manifest(
    'persistentvolumeclaims',
    'v1',
    'PersistentVolumeClaim',
    'spec',
    'spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}',
  ),
  manifest(
    'deployments.apps',
    'apps/v1',
    'Deployment',
    'spec.strategy',
    `spec: {selector: {matchLabels: {app: a}}, ${template}}`,
  ),
  manifest('daemonsets.apps', 'apps/v1', 'DaemonSet', 'spec', `spec: {selector: {matchLabels: {app: a}}, ${template}}`),
  manifest(
    'statefulsets.apps',
    'apps/v1',
    'StatefulSet',
    'spec',
    `spec: {serviceName: s, selector: {matchLabels: {app: a}}, ${template}}`,
  ),
  manifest('jobs.batch', 'batch/v1', 'Job', 'spec.parallelism', `spec: {${jobTemplate}}`),
  manifest(
    'cronjobs.batch',
    'batch/v1',
    'CronJob',
    'spec',
    `spec: {schedule: "0 0 * * *", jobTemplate: {spec: {${jobTemplate}}}}`,
  ),
  manifest(
    'horizontalpodautoscalers.autoscaling',
    'autoscaling/v2',
    'HorizontalPodAutoscaler',
    'spec.metrics',
    'spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: d}}',
  ),
  manifest(
    'networkpolicies.networking.k8s.io',
    'networking.k8s.io/v1',
    'NetworkPolicy',
    'spec',
    'spec: {podSelector: {}}',
  ),
  manifest(
    'ingresses.networking.k8s.io',
    'networking.k8s.io/v1',
    'Ingress',
    'spec.rules',
    'spec: {defaultBackend: {service: {name: s, port: {number: 80}}}}',
  ),
  manifest(
    'poddisruptionbudgets.policy',
    'policy/v1',
    'PodDisruptionBudget',
    'spec',
    'spec: {minAvailable: 1, selector: {}}',
  ),
  manifest(
    'roles.rbac.authorization.k8s.io',
    'rbac.authorization.k8s.io/v1',
    'Role',
    'rules',
    'rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]',
  ),
  manifest(
    'rolebindings.rbac.authorization.k8s.io',
    'rbac.authorization.k8s.io/v1',
    'RoleBinding',
    'subjects',
    'roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}\nsubjects: [{kind: ServiceAccount, name: default, namespace: default}]',
  ),
  manifest(
    'leases.coordination.k8s.io',
    'coordination.k8s.io/v1',
    'Lease',
    'spec',
    'spec: {holderIdentity: a, leaseDurationSeconds: 9}',
  ),
  manifest(
    'endpointslices.discovery.k8s.io',
    'discovery.k8s.io/v1',
    'EndpointSlice',
    'endpoints',
    'addressType: IPv4\nendpoints: [{addresses: [10.1.2.3]}]\nports: [{port: 80}]',
  ),
  manifest(
    'events.events.k8s.io',
    'events.k8s.io/v1',
    'Event',
    'note',
    'eventTime: "2026-01-01T00:00:00.000000Z"\nreason: Tested\naction: Test\ntype: Normal\nreportingController: example.com/t\nreportingInstance: t-1\nregarding: {kind: Pod, namespace: NAMESPACE, name: p}',
  ),
  manifest(
    'storageclasses.storage.k8s.io',
    'storage.k8s.io/v1',
    'StorageClass',
    'provisioner',
    'provisioner: example.com/p',
  ),
  manifest('csidrivers.storage.k8s.io', 'storage.k8s.io/v1', 'CSIDriver', 'spec', 'spec: {attachRequired: false}'),
  manifest('priorityclasses.scheduling.k8s.io', 'scheduling.k8s.io/v1', 'PriorityClass', 'value', 'value: 7'),
  manifest('runtimeclasses.node.k8s.io', 'node.k8s.io/v1', 'RuntimeClass', 'handler', 'handler: h'),
  manifest(
    'certificatesigningrequests.certificates.k8s.io',
    'certificates.k8s.io/v1',
    'CertificateSigningRequest',
    'spec.usages',
    `spec: {request: ${request}, signerName: example.com/s, usages: [client auth]}`,
  ),
  manifest(
    'validatingwebhookconfigurations.admissionregistration.k8s.io',
    'admissionregistration.k8s.io/v1',
    'ValidatingWebhookConfiguration',
    'webhooks',
    'webhooks: []',
  ),
  manifest(
    'flowschemas.flowcontrol.apiserver.k8s.io',
    'flowcontrol.apiserver.k8s.io/v1',
    'FlowSchema',
    'spec',
    'spec: {priorityLevelConfiguration: {name: catch-all}, matchingPrecedence: 9000}',
  ),
  manifest('deviceclasses.resource.k8s.io', 'resource.k8s.io/v1', 'DeviceClass', 'spec', 'spec: {}'),
  manifest('nodes', 'v1', 'Node', 'spec.taints', 'spec: {podCIDR: 10.42.0.0/24}'),
  manifest('namespaces', 'v1', 'Namespace', 'spec', 'spec: {}'),
];
