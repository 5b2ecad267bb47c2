/** Messages as clients and other servers write them. For tests. */
import { encodeName, encodeReply, parseQuery, type Query, recordTypes, type ResourceRecord } from './wire.ts';

export interface TestQuestion {
  id?: number;
  type?: keyof typeof recordTypes;
  /** Payload that the client takes; 0: it does not speak EDNS. */
  edns?: number;
}

export function queryBytes(name: string, { id = 7, type = 'A', edns = 0 }: TestQuestion = {}): Buffer {
  const header = Buffer.from([id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, edns ? 1 : 0]);
  const question = Buffer.concat([encodeName(name), Buffer.of(0, recordTypes[type], 0, 1)]);
  const option = edns ? Buffer.of(0, 0, 41, edns >> 8, edns & 0xff, 0, 0, 0, 0, 0, 0) : Buffer.alloc(0);
  return Buffer.concat([header, question, option]);
}

export function queryOf(name: string, question: TestQuestion = {}): Query {
  const query = parseQuery(queryBytes(name, question));
  if (!query || 'rcode' in query) throw new Error('not a query');
  return query;
}

export const addressRecord = (name: string, ttlSeconds: number, address = '198.51.100.1'): ResourceRecord => ({
  name,
  ttlSeconds,
  data: { type: 'A', address },
});

export const answerBytes = (query: Query, answers: readonly ResourceRecord[], rcode = 0, soaSeconds = -1): Buffer => {
  const soa: ResourceRecord = {
    name: 'example',
    ttlSeconds: 3_600,
    data: { type: 'SOA', primary: 'a.example', contact: 'b.example', serial: 1, minimumSeconds: soaSeconds },
  };
  const authority = soaSeconds < 0 ? [] : [soa];
  return encodeReply(query, { rcode, authoritative: false, answers, authority, additional: [] }, 65_535);
};
