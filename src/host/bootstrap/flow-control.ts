/** The FlowSchemas and PriorityLevelConfigurations that every API server keeps (API Priority and Fairness). */
import type {
  FlowSchema,
  FlowSchemaSpec,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
} from '../../schema/generated/index.ts';

const apiVersion = 'flowcontrol.apiserver.k8s.io/v1';
export const autoUpdateKey = 'apf.kubernetes.io/autoupdate-spec';

/** These two are enforced; the others are suggestions that an administrator may take over. */
export const mandatory: ReadonlySet<string> = new Set(['exempt', 'catch-all']);

const metadata = (name: string) => ({ name, annotations: { [autoUpdateKey]: 'true' } });

function level(name: string, spec: PriorityLevelConfigurationSpec): PriorityLevelConfiguration {
  return { apiVersion, kind: 'PriorityLevelConfiguration', metadata: metadata(name), spec };
}

function queued(name: string, shares: number, lendablePercent: number, queues = 128, handSize = 6) {
  return level(name, {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares: shares,
      limitResponse: { type: 'Queue', queuing: { queues, handSize, queueLengthLimit: 50 } },
      lendablePercent,
    },
  });
}

export const priorityLevels = (): PriorityLevelConfiguration[] => [
  level('exempt', { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } }),
  level('catch-all', {
    type: 'Limited',
    limited: { nominalConcurrencyShares: 5, limitResponse: { type: 'Reject' }, lendablePercent: 0 },
  }),
  queued('system', 30, 33, 64),
  queued('node-high', 40, 25, 64),
  queued('leader-election', 10, 0, 16, 4),
  queued('workload-high', 40, 50),
  queued('workload-low', 100, 90),
  queued('global-default', 20, 50),
];

type Subjects = NonNullable<PolicyRulesWithSubjects['subjects']>;
type ResourceRules = NonNullable<PolicyRulesWithSubjects['resourceRules']>;

const groups = (...names: string[]): Subjects => names.map((name) => ({ kind: 'Group', group: { name } }));
const users = (...names: string[]): Subjects => names.map((name) => ({ kind: 'User', user: { name } }));
const systemAccounts: Subjects = [{ kind: 'ServiceAccount', serviceAccount: { namespace: 'kube-system', name: '*' } }];
const everyone = groups('system:unauthenticated', 'system:authenticated');

const onResources = (
  verbs: string[],
  apiGroups: string[],
  resources: string[],
  clusterScope: boolean,
): ResourceRules => [{ verbs, apiGroups, resources, ...(clusterScope && { clusterScope }), namespaces: ['*'] }];

const everything = {
  resourceRules: onResources(['*'], ['*'], ['*'], true),
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
};

function schema(
  name: string,
  priorityLevel: string,
  matchingPrecedence: number,
  distinguisher: '' | 'ByUser' | 'ByNamespace',
  rules: PolicyRulesWithSubjects,
): FlowSchema {
  const spec: FlowSchemaSpec = {
    priorityLevelConfiguration: { name: priorityLevel },
    matchingPrecedence,
    ...(distinguisher && { distinguisherMethod: { type: distinguisher } }),
    rules: [rules],
  };
  return { apiVersion, kind: 'FlowSchema', metadata: metadata(name), spec };
}

export const flowSchemas = (): FlowSchema[] => [
  schema('exempt', 'exempt', 1, '', { subjects: groups('system:masters'), ...everything }),
  schema('probes', 'exempt', 2, '', {
    subjects: everyone,
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
  }),
  schema('system-leader-election', 'leader-election', 100, 'ByUser', {
    subjects: [...users('system:kube-controller-manager', 'system:kube-scheduler'), ...systemAccounts],
    resourceRules: onResources(['get', 'create', 'update'], ['coordination.k8s.io'], ['leases'], false),
  }),
  schema('system-node-high', 'node-high', 400, 'ByUser', {
    subjects: groups('system:nodes'),
    resourceRules: [
      ...onResources(['*'], [''], ['nodes', 'nodes/status'], true),
      ...onResources(['*'], ['coordination.k8s.io'], ['leases'], false),
    ],
  }),
  schema('system-nodes', 'system', 500, 'ByUser', { subjects: groups('system:nodes'), ...everything }),
  schema('kube-controller-manager', 'workload-high', 800, 'ByNamespace', {
    subjects: users('system:kube-controller-manager'),
    ...everything,
  }),
  schema('kube-scheduler', 'workload-high', 800, 'ByNamespace', {
    subjects: users('system:kube-scheduler'),
    ...everything,
  }),
  schema('kube-system-service-accounts', 'workload-high', 900, 'ByNamespace', {
    subjects: systemAccounts,
    ...everything,
  }),
  schema('service-accounts', 'workload-low', 9000, 'ByUser', {
    subjects: groups('system:serviceaccounts'),
    ...everything,
  }),
  schema('global-default', 'global-default', 9900, 'ByUser', { subjects: everyone, ...everything }),
  schema('catch-all', 'catch-all', 10000, 'ByUser', { subjects: everyone, ...everything }),
];
