/** The wire format of DNS (RFC 1035, 2782, 6891), as much of it as a server of one zone and a forwarder need. */

export const recordTypes = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  ANY: 255,
} as const;

export const rcodes = { noError: 0, formErr: 1, servFail: 2, nxDomain: 3, notImp: 4, refused: 5, badVers: 16 } as const;

export const classIn = 1;

export const headerBytes = 12;

/** Bits of the header's second word. */
export const flags = { response: 0x8000, opcode: 0x7800, authoritative: 0x0400, truncated: 0x0200 } as const;
const recursion = { desired: 0x0100, available: 0x0080 } as const;
const checkingDisabled = 0x0010;
const dnssecOk = 0x8000;

export interface Query {
  id: number;
  /** As they were sent. */
  flags: number;
  /** In lower case, without the root: `['kubernetes', 'default', 'svc', 'cluster', 'local']`. */
  labels: readonly string[];
  type: number;
  class: number;
  /** The question as it was sent. */
  question: Buffer;
  /** Undefined when the client does not speak EDNS. */
  edns: { payloadBytes: number; dnssecOk: boolean; version: number } | undefined;
}

/** A message that is no query that can be answered; `rcode` is what its sender is told. */
export interface BadQuery {
  id: number;
  rcode: number;
}

/** Undefined when it is not worth an answer: not a query at all. Never throws. */
export function parseQuery(message: Buffer): Query | BadQuery | undefined {
  if (message.length < headerBytes) return undefined;
  const id = message.readUInt16BE(0);
  const bits = message.readUInt16BE(2);
  if (bits & flags.response) return undefined;
  if (bits & flags.opcode) return { id, rcode: rcodes.notImp };
  const name = message.readUInt16BE(4) === 1 ? readName(message, headerBytes, false) : undefined;
  if (!name || name.end + 4 > message.length) return { id, rcode: rcodes.formErr };
  const end = name.end + 4;
  const edns = recordsIn(message) > recordsLimit ? 'malformed' : readEdns(message, end);
  if (edns === 'malformed') return { id, rcode: rcodes.formErr };
  return {
    id,
    flags: bits,
    labels: name.labels,
    type: message.readUInt16BE(name.end),
    class: message.readUInt16BE(name.end + 2),
    question: message.subarray(headerBytes, end),
    edns,
  };
}

/** A query has one at most, of EDNS, and perhaps a signature. */
const recordsLimit = 4;

const recordsIn = (message: Buffer): number =>
  message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);

const nameLimitBytes = 255;
const jumpsLimit = 64;

/** The name at `start`, in lower case, and where what follows it begins. */
export function readName(
  message: Buffer,
  start: number,
  compressed = true,
): { labels: string[]; end: number } | undefined {
  const labels: string[] = [];
  let at = start;
  let end = -1;
  let bytes = 0;
  for (let jumps = 0; jumps < jumpsLimit; ) {
    const length = message[at];
    if (length === undefined) return undefined;
    if (length === 0) return { labels, end: end < 0 ? at + 1 : end };
    if ((length & 0xc0) === 0xc0) {
      const low = message[at + 1];
      if (!compressed || low === undefined) return undefined;
      if (end < 0) end = at + 2;
      at = ((length & 0x3f) << 8) | low;
      jumps++;
      continue;
    }
    bytes += length + 1;
    if (length & 0xc0 || bytes > nameLimitBytes || at + 1 + length > message.length) return undefined;
    labels.push(message.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  return undefined;
}

export interface RecordPlace {
  labels: string[];
  type: number;
  ttl: number;
  ttlAt: number;
  section: 'answer' | 'authority' | 'additional';
  dataAt: number;
  dataBytes: number;
}

/** Where a message's records are. Undefined when it is malformed. */
export function readRecords(message: Buffer, from: number): RecordPlace[] | undefined {
  const records: RecordPlace[] = [];
  let at = from;
  for (const [index, section] of (['answer', 'authority', 'additional'] as const).entries()) {
    for (let left = message.readUInt16BE(6 + 2 * index); left > 0; left--) {
      const name = readName(message, at);
      if (!name || name.end + 10 > message.length) return undefined;
      const dataBytes = message.readUInt16BE(name.end + 8);
      const dataAt = name.end + 10;
      if (dataAt + dataBytes > message.length) return undefined;
      const [type, ttlAt] = [message.readUInt16BE(name.end), name.end + 4];
      records.push({ labels: name.labels, type, ttl: message.readUInt32BE(ttlAt), ttlAt, section, dataAt, dataBytes });
      at = dataAt + dataBytes;
    }
  }
  return records;
}

function readEdns(message: Buffer, from: number): Query['edns'] | 'malformed' {
  if (message.readUInt16BE(10) === 0) return undefined;
  const records = readRecords(message, from);
  if (!records) return 'malformed';
  const option = records.find(({ type }) => type === recordTypes.OPT);
  if (!option) return undefined;
  const payloadBytes = Math.max(minPayloadBytes, message.readUInt16BE(option.ttlAt - 2));
  return { payloadBytes, version: (option.ttl >>> 16) & 0xff, dnssecOk: (option.ttl & dnssecOk) !== 0 };
}

const minPayloadBytes = 512;
/** Fits an Ethernet frame on every path. */
const ourPayloadBytes = 1_232;

/** What one datagram to the client may hold. */
export const datagramLimit = ({ edns }: Query): number =>
  Math.min(edns?.payloadBytes ?? minPayloadBytes, ourPayloadBytes);

// --- answers ----------------------------------------------------------------------------------------------------

export type RecordData =
  | { type: 'A'; address: string }
  | { type: 'NS' | 'CNAME' | 'PTR'; target: string }
  | { type: 'SRV'; port: number; target: string }
  | { type: 'TXT'; text: string }
  | { type: 'SOA'; primary: string; contact: string; serial: number; minimumSeconds: number }
  /** As another server wrote it. */
  | { type: 'raw'; code: number; bytes: Buffer };

/** Names are without the root's dot. */
export interface ResourceRecord {
  name: string;
  ttlSeconds: number;
  data: RecordData;
}

export interface Reply {
  rcode: number;
  authoritative: boolean;
  answers: readonly ResourceRecord[];
  authority: readonly ResourceRecord[];
  additional: readonly ResourceRecord[];
}

const optBytes = 11;
const scratch = Buffer.allocUnsafe(0xffff);

/** The reply in at most `limitBytes`. Answers that do not fit are left out and the client is told to come by TCP. */
export function encodeReply(query: Query, reply: Reply, limitBytes: number): Buffer {
  const writer = new MessageWriter(Math.min(limitBytes, scratch.length) - (query.edns ? optBytes : 0));
  writer.question(query);
  const counts = [reply.answers, reply.authority, reply.additional].map((records) => {
    const unfit = records.findIndex((record) => !writer.record(record));
    return unfit < 0 ? records.length : unfit;
  });
  const truncated = counts[0] !== reply.answers.length || counts[1] !== reply.authority.length;
  const bits =
    flags.response |
    (query.flags & (recursion.desired | checkingDisabled)) |
    (reply.authoritative ? flags.authoritative : 0) |
    (truncated ? flags.truncated : 0) |
    recursion.available |
    (reply.rcode & 0xf);
  return writer.finish(query, bits, counts, reply.rcode);
}

/** What a sender of a message is told that could not even be read. */
export function encodeBadQuery({ id, rcode }: BadQuery): Buffer {
  const message = Buffer.alloc(headerBytes);
  message.writeUInt16BE(id, 0);
  message.writeUInt16BE(flags.response | rcode, 2);
  return message;
}

/** The client's question as our own: another id, and no options but those that change the answer. */
export function encodeQuestion(query: Query, id: number, question = query.question): Buffer {
  const { edns } = query;
  const message = Buffer.alloc(headerBytes + question.length + (edns ? optBytes : 0));
  message.writeUInt16BE(id, 0);
  message.writeUInt16BE(recursion.desired | (query.flags & checkingDisabled), 2);
  message.writeUInt16BE(1, 4);
  question.copy(message, headerBytes);
  if (!edns) return message;
  message.writeUInt16BE(1, 10);
  writeOpt(message, headerBytes + question.length, datagramLimit(query), edns.dnssecOk ? dnssecOk : 0);
  return message;
}

export function encodeName(name: string): Buffer {
  const parts = name.split('.').filter((label) => label !== '');
  return Buffer.concat([
    ...parts.map((label) => Buffer.from([label.length, ...Buffer.from(label, 'latin1')])),
    Buffer.of(0),
  ]);
}

function writeOpt(message: Buffer, at: number, payloadBytes: number, ttl: number): void {
  message[at] = 0;
  message.writeUInt16BE(recordTypes.OPT, at + 1);
  message.writeUInt16BE(payloadBytes, at + 3);
  message.writeUInt32BE(ttl >>> 0, at + 5);
  message.writeUInt16BE(0, at + 9);
}

class Full extends Error {}

/** Writes into one buffer that all messages share: what is written is copied out at the end. */
class MessageWriter {
  readonly #limit: number;
  /** Where names, and ends of names, have been written. */
  readonly #names = new Map<string, number>();
  #at = headerBytes;

  constructor(limit: number) {
    this.#limit = limit;
  }

  question({ question, labels }: Query): void {
    let at = headerBytes;
    for (let index = 0; index < labels.length; index++) {
      this.#names.set(labels.slice(index).join('.'), at);
      at += 1 + labels[index]!.length;
    }
    question.copy(scratch, headerBytes);
    this.#at += question.length;
  }

  /** False, and nothing is written, when there is no room for it. */
  record({ name, ttlSeconds, data }: ResourceRecord): boolean {
    const start = this.#at;
    try {
      this.#name(name);
      this.#uint16(data.type === 'raw' ? data.code : recordTypes[data.type]);
      this.#uint16(classIn);
      this.#uint32(ttlSeconds);
      const lengthAt = this.#at;
      this.#uint16(0);
      this.#data(data);
      scratch.writeUInt16BE(this.#at - lengthAt - 2, lengthAt);
      return true;
    } catch (error) {
      if (!(error instanceof Full)) throw error;
      for (const [suffix, at] of this.#names) if (at >= start) this.#names.delete(suffix);
      this.#at = start;
      return false;
    }
  }

  finish(query: Query, bits: number, counts: readonly number[], rcode: number): Buffer {
    scratch.writeUInt16BE(query.id, 0);
    scratch.writeUInt16BE(bits, 2);
    scratch.writeUInt16BE(1, 4);
    for (const [index, count] of counts.entries()) scratch.writeUInt16BE(count, 6 + 2 * index);
    if (query.edns) {
      scratch.writeUInt16BE((counts[2] ?? 0) + 1, 10);
      const extended = ((rcode >>> 4) << 24) | (query.edns.dnssecOk ? dnssecOk : 0);
      writeOpt(scratch, this.#at, ourPayloadBytes, extended);
      this.#at += optBytes;
    }
    return Buffer.from(scratch.subarray(0, this.#at));
  }

  #data(data: RecordData): void {
    switch (data.type) {
      case 'A':
        this.#bytes(Buffer.from(data.address.split('.').map(Number)));
        break;
      case 'NS':
      case 'CNAME':
      case 'PTR':
        this.#name(data.target);
        break;
      case 'SRV':
        this.#uint16(0);
        this.#uint16(100);
        this.#uint16(data.port);
        this.#bytes(encodeName(data.target));
        break;
      case 'TXT':
        this.#bytes(Buffer.from([data.text.length, ...Buffer.from(data.text, 'latin1')]));
        break;
      case 'SOA':
        this.#name(data.primary);
        this.#name(data.contact);
        for (const value of [data.serial, 7_200, 1_800, 86_400, data.minimumSeconds]) this.#uint32(value);
        break;
      case 'raw':
        this.#bytes(data.bytes);
    }
  }

  #name(name: string): void {
    for (let rest = name; rest !== ''; ) {
      const known = this.#names.get(rest.toLowerCase());
      if (known !== undefined) {
        this.#uint16(0xc000 | known);
        return;
      }
      if (this.#at < 0x4000) this.#names.set(rest.toLowerCase(), this.#at);
      const [label = ''] = rest.split('.', 1);
      this.#bytes(Buffer.from([label.length, ...Buffer.from(label, 'latin1')]));
      rest = rest.slice(label.length + 1);
    }
    this.#bytes(Buffer.of(0));
  }

  #uint16(value: number): void {
    this.#room(2);
    this.#at = scratch.writeUInt16BE(value, this.#at);
  }

  #uint32(value: number): void {
    this.#room(4);
    this.#at = scratch.writeUInt32BE(value >>> 0, this.#at);
  }

  #bytes(bytes: Buffer): void {
    this.#room(bytes.length);
    bytes.copy(scratch, this.#at);
    this.#at += bytes.length;
  }

  #room(bytes: number): void {
    if (this.#at + bytes > this.#limit) throw new Full();
  }
}
