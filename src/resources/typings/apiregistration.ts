import type { apiregistrationV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type APIService = Unchecked<generated.APIService>;
