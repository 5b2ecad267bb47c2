import type { EventSource, ObjectReference } from './core.ts';
import type { KubeObject } from '../../schema/object.ts';

export interface Event extends KubeObject {
  eventTime?: string;
  series?: EventSeries;
  reportingController?: string;
  reportingInstance?: string;
  action?: string;
  reason?: string;
  regarding?: ObjectReference;
  related?: ObjectReference;
  note?: string;
  type?: string;
  deprecatedSource?: EventSource;
  deprecatedFirstTimestamp?: string;
  deprecatedLastTimestamp?: string;
  deprecatedCount?: number;
}

export interface EventSeries {
  count?: number;
  lastObservedTime?: string;
}
