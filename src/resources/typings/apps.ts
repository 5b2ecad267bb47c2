import type { appsV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type ControllerRevision = Unchecked<generated.ControllerRevision>;
export type DaemonSet = Unchecked<generated.DaemonSet>;
export type DaemonSetSpec = Unchecked<generated.DaemonSetSpec>;
export type Deployment = Unchecked<generated.Deployment>;
export type DeploymentSpec = Unchecked<generated.DeploymentSpec>;
export type DeploymentStatus = Unchecked<generated.DeploymentStatus>;
export type ReplicaSet = Unchecked<generated.ReplicaSet>;
export type StatefulSet = Unchecked<generated.StatefulSet>;
export type StatefulSetSpec = Unchecked<generated.StatefulSetSpec>;
export type StatefulSetStatus = Unchecked<generated.StatefulSetStatus>;
