import { type MessageName, schema } from '../schema/index.ts';
import { writeTable } from './table.ts';

/** Packages of stable versions: what is served by default. Other messages join the table when first asked for. */
const stable = /^[a-z./]+\/v[0-9]+\./;

export const servedMessages = (): MessageName[] =>
  schema.names().filter((name) => stable.test(name) && !name.startsWith('meta/v1.Table'));

/** The table that is built into `build/schema.bin`. */
export const writeServedTable = (): Uint8Array => writeTable(schema, servedMessages());
