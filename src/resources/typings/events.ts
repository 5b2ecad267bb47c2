import type { eventsV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type Event = Unchecked<generated.Event>;
