/** Answers of other servers, for as long as they allow but never long, in a bounded number of bytes. */
import type { Clock } from '../../kernel/index.ts';
import { flags, headerBytes, type Query, rcodes, readRecords, recordTypes, type RecordPlace } from './wire.ts';

interface Entry {
  message: Buffer;
  storedMs: number;
  expiresMs: number;
  ttls: readonly { at: number; seconds: number }[];
}

const ttlLimitSeconds = 30;
/** What an entry takes besides its message, about. */
const overheadBytes = 300;

export class AnswerCache {
  readonly #clock: Clock;
  readonly #limitBytes: number;
  /** In order of use. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(clock: Clock, limitBytes: number) {
    this.#clock = clock;
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The answer as the client's own: its id, its spelling of the name, times to live that have gone on. */
  find(query: Query, limitBytes: number): Buffer | undefined {
    const key = keyOf(query);
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs >= entry.expiresMs) {
      this.#drop(key, entry);
      return undefined;
    }
    if (entry.message.length > limitBytes) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const message = Buffer.from(entry.message);
    message.writeUInt16BE(query.id, 0);
    query.question.copy(message, headerBytes);
    const ageSeconds = Math.floor((nowMs - entry.storedMs) / 1_000);
    for (const { at, seconds } of entry.ttls) message.writeUInt32BE(Math.max(0, seconds - ageSeconds), at);
    return message;
  }

  store(query: Query, message: Buffer): void {
    const records = isCacheable(message) ? readRecords(message, headerBytes + query.question.length) : undefined;
    const lifeSeconds = records ? lifetime(message, records) : 0;
    const key = keyOf(query);
    const old = this.#entries.get(key);
    if (old) this.#drop(key, old);
    if (!records || lifeSeconds === 0 || message.length + overheadBytes > this.#limitBytes / 4) return;
    const storedMs = this.#clock.monotonicMs();
    const ttls = records
      .filter(({ type }) => type !== recordTypes.OPT)
      .map(({ ttlAt, ttl }) => ({ at: ttlAt, seconds: ttl }));
    this.#entries.set(key, { message, storedMs, expiresMs: storedMs + lifeSeconds * 1_000, ttls });
    this.#bytes += message.length + overheadBytes;
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= this.#limitBytes) break;
      this.#drop(oldest, entry);
    }
  }

  #drop(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.message.length + overheadBytes;
  }
}

/** By the name as it is on the wire: a label may have a dot in it, and is not two labels. */
const keyOf = ({ question, type, class: kind, edns, flags: bits }: Query): string =>
  `${question.toString('latin1', 0, question.length - 4).toLowerCase()} ${type} ${kind} ${edns ? (edns.dnssecOk ? 2 : 1) : 0} ${bits & 0x10}`;

function isCacheable(message: Buffer): boolean {
  const bits = message.readUInt16BE(2);
  const rcode = bits & 0xf;
  return !(bits & flags.truncated) && (rcode === rcodes.noError || rcode === rcodes.nxDomain);
}

/** In seconds. Of an answer that says no, by its SOA (RFC 2308); without one it is not kept. */
function lifetime(message: Buffer, records: readonly RecordPlace[]): number {
  const answers = records.filter(({ section, type }) => section === 'answer' && type !== recordTypes.OPT);
  if (answers.length > 0 && (message.readUInt16BE(2) & 0xf) === rcodes.noError) {
    return Math.min(ttlLimitSeconds, ...answers.map(({ ttl }) => ttl));
  }
  const soa = records.find(({ type, section }) => type === recordTypes.SOA && section === 'authority');
  if (!soa || soa.dataBytes < 20) return 0;
  return Math.min(ttlLimitSeconds, soa.ttl, message.readUInt32BE(soa.dataAt + soa.dataBytes - 4));
}
