/** Controllers: each watches, plans and writes as a user of its own. */
import type { UserInfo } from '../resources/define.ts';
import { clusterRoleAggregationController } from './cluster-role-aggregation.ts';
import { deploymentController } from './deployment/index.ts';
import { endpointSliceMirroringController, endpointsControllers } from './endpoints/index.ts';
import { eventExpiry } from './event-expiry.ts';
import { type GarbageCollectorOptions, garbageCollector } from './garbage-collector/index.ts';
import { type KubernetesServiceOptions, kubernetesServiceController } from './kubernetes-service.ts';
import { type NamespaceOptions, namespaceController } from './namespace/index.ts';
import { nodeLifecycleController } from './node-lifecycle/index.ts';
import { podGcController } from './pod-gc.ts';
import { type RootCaOptions, rootCaController } from './root-ca.ts';
import { replicaSetController, replicationController } from './replicas/index.ts';
import type { Controller, ControllerEnv } from './runtime/index.ts';
import { serviceCidrController } from './service-cidr.ts';
import { serviceAccountController } from './service-account.ts';
import { type TokenOptions, tokenController } from './service-account-tokens.ts';
import { storageProtectionControllers } from './storage-protection.ts';
import { taintEvictionController } from './taint-eviction.ts';

export { type GarbageCollectorOptions, type Ownership, storeOwnership } from './garbage-collector/index.ts';
export type { KubernetesServiceOptions } from './kubernetes-service.ts';
export { type NamespacedResource, namespacedResources } from './namespace/index.ts';
export type { Controller, ControllerEnv } from './runtime/index.ts';
export type { TokenOptions } from './service-account-tokens.ts';

export interface ControllersOptions extends ControllerEnv {
  namespace: NamespaceOptions;
  rootCa: RootCaOptions;
  kubernetesService: KubernetesServiceOptions;
  garbageCollector: GarbageCollectorOptions;
  /** Without it, secrets of type kubernetes.io/service-account-token stay empty. */
  tokens?: TokenOptions;
}

/** Starts all controllers. They wait for nothing and catch up by themselves when the API answers. */
export function startControllers(options: ControllersOptions): { stop(): Promise<void> } {
  const env = (name: string): ControllerEnv => ({ ...options, log: options.log.child(name) });
  const controllers: Controller[] = [
    namespaceController(env('namespace'), options.namespace),
    serviceAccountController(env('service-account')),
    rootCaController(env('root-ca'), options.rootCa),
    kubernetesServiceController(env('kubernetes-service'), options.kubernetesService),
    clusterRoleAggregationController(env('cluster-role-aggregation')),
    ...storageProtectionControllers(env),
    serviceCidrController(env('service-cidr')),
    eventExpiry(env('event-expiry')),
    garbageCollector(env('garbage-collector'), options.garbageCollector),
    replicaSetController(env('replica-set')),
    replicationController(env('replication')),
    deploymentController(env('deployment')),
    ...endpointsControllers(env('endpoints')),
    endpointSliceMirroringController(env('endpointslice-mirroring')),
    nodeLifecycleController(env('node-lifecycle')),
    taintEvictionController(env('taint-eviction')),
    podGcController(env('pod-gc')),
    ...(options.tokens ? [tokenController(env('tokens'), options.tokens)] : []),
  ];
  return {
    async stop() {
      await Promise.all(controllers.map((controller) => controller.stop()));
    },
  };
}

const components: ReadonlySet<string> = new Set(['kube-controller-manager', 'kube-scheduler', 'kube-proxy']);

const everyoneKnown = 'system:authenticated';

/** The user that a controller or component acts as, by the name it gives to `clientFor`. */
export function controllerUser(name: string): UserInfo {
  if (name === 'apiserver') return { name: 'system:apiserver', groups: ['system:masters', everyoneKnown] };
  if (components.has(name)) return { name: `system:${name}`, groups: [everyoneKnown] };
  return {
    name: `system:serviceaccount:kube-system:${name}`,
    groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', everyoneKnown],
  };
}
