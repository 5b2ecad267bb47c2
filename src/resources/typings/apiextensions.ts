import type { apiextensionsV1 as generated } from '../../schema/generated/index.ts';
import type { Unchecked } from './unchecked.ts';

export type CustomResourceDefinition = Unchecked<generated.CustomResourceDefinition>;
export type CustomResourceDefinitionSpec = Unchecked<generated.CustomResourceDefinitionSpec>;
