import type { Toleration } from './core.ts';
import type { KubeObject } from '../../schema/object.ts';

export interface RuntimeClass extends KubeObject {
  handler?: string;
  overhead?: Overhead;
  scheduling?: Scheduling;
}

export interface Overhead {
  podFixed?: Record<string, string>;
}

export interface Scheduling {
  nodeSelector?: Record<string, string>;
  tolerations?: Toleration[];
}
