import type { ResourceRef } from './types.ts';

const v1 =
  (group: string) =>
  (resource: string): ResourceRef => ({ group, version: 'v1', resource });

const core = v1('');
const discovery = v1('discovery.k8s.io');
const networking = v1('networking.k8s.io');
const rbac = v1('rbac.authorization.k8s.io');
const scheduling = v1('scheduling.k8s.io');
const storage = v1('storage.k8s.io');

export const clusterRoles = rbac('clusterroles');
export const configMaps = core('configmaps');
export const endpoints = core('endpoints');
export const endpointSlices = discovery('endpointslices');
export const ipAddresses = networking('ipaddresses');
export const namespaces = core('namespaces');
export const persistentVolumeClaims = core('persistentvolumeclaims');
export const persistentVolumes = core('persistentvolumes');
export const pods = core('pods');
export const priorityClasses = scheduling('priorityclasses');
export const serviceAccounts = core('serviceaccounts');
export const serviceCidrs = networking('servicecidrs');
export const services = core('services');
export const volumeAttributesClasses = storage('volumeattributesclasses');
