import type { discoveryV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type Endpoint = Unchecked<generated.Endpoint>;
export type EndpointSlice = Unchecked<generated.EndpointSlice>;
