import type { ResourceRef } from './types.ts';

const v1 =
  (group: string) =>
  (resource: string): ResourceRef => ({ group, version: 'v1', resource });

const apps = v1('apps');
const coordination = v1('coordination.k8s.io');
const core = v1('');
const discovery = v1('discovery.k8s.io');
const node = v1('node.k8s.io');
const networking = v1('networking.k8s.io');
const rbac = v1('rbac.authorization.k8s.io');
const policy = v1('policy');
const scheduling = v1('scheduling.k8s.io');
const storage = v1('storage.k8s.io');

export const clusterRoles = rbac('clusterroles');
export const configMaps = core('configmaps');
export const csiNodes = storage('csinodes');
export const deployments = apps('deployments');
export const endpointSlices = discovery('endpointslices');
export const endpoints = core('endpoints');
export const events = core('events');
export const ipAddresses = networking('ipaddresses');
export const leases = coordination('leases');
export const namespaces = core('namespaces');
export const nodes = core('nodes');
export const persistentVolumeClaims = core('persistentvolumeclaims');
export const persistentVolumes = core('persistentvolumes');
export const podDisruptionBudgets = policy('poddisruptionbudgets');
export const pods = core('pods');
export const priorityClasses = scheduling('priorityclasses');
export const replicaSets = apps('replicasets');
export const replicationControllers = core('replicationcontrollers');
export const runtimeClasses = node('runtimeclasses');
export const secrets = core('secrets');
export const serviceAccounts = core('serviceaccounts');
export const serviceCidrs = networking('servicecidrs');
export const services = core('services');
export const statefulSets = apps('statefulsets');
export const storageClasses = storage('storageclasses');
export const volumeAttributesClasses = storage('volumeattributesclasses');
