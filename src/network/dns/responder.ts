/** What one message is answered with. */
import type { Forwarder } from './forwarder.ts';
import type { Transport } from './upstream.ts';
import {
  classIn,
  datagramLimit,
  encodeBadQuery,
  encodeName,
  encodeReply,
  headerBytes,
  parseQuery,
  type Query,
  rcodes,
  readName,
  readRecords,
  recordTypes,
  type Reply,
  type ResourceRecord,
} from './wire.ts';
import { answerFromZone, type ZoneFacts, type ZoneReply } from './zone.ts';

const streamLimitBytes = 0xffff;
/** Names that an answer may pass through. */
const chaseLimit = 8;

export class Responder {
  readonly #zone: ZoneFacts;
  readonly #forwarder: Forwarder;

  constructor(zone: ZoneFacts, forwarder: Forwarder) {
    this.#zone = zone;
    this.#forwarder = forwarder;
  }

  /** At once for names of the cluster. Undefined: no answer is due. Never throws, whatever the message. */
  respond(message: Buffer, transport: Transport): Buffer | Promise<Buffer> | undefined {
    const query = parseQuery(message);
    if (!query) return undefined;
    if ('rcode' in query) return encodeBadQuery(query);
    const encode = (reply: Reply): Buffer =>
      encodeReply(query, reply, transport === 'udp' ? datagramLimit(query) : streamLimitBytes);
    if ((query.edns?.version ?? 0) !== 0) return encode(failure(rcodes.badVers));
    if (query.class !== classIn) return encode(failure(rcodes.refused));
    const reply = answerFromZone(this.#zone, query.labels, query.type);
    if (!reply) return this.#forward(query, transport, encode);
    return reply.chase === undefined ? encode(reply) : this.#chase(query, reply).then(encode);
  }

  async #forward(query: Query, transport: Transport, encode: (reply: Reply) => Buffer): Promise<Buffer> {
    const answer = await this.#forwarder.forward(query, transport);
    return typeof answer === 'number' ? encode(failure(answer)) : answer;
  }

  /** Goes on with the name that an ExternalName leads to: the resolvers of pods do not ask again themselves. */
  async #chase(query: Query, first: ZoneReply): Promise<Reply> {
    const answers = [...first.answers];
    let reply = first;
    for (let steps = 0; reply.chase !== undefined && steps < chaseLimit; steps++) {
      const target = reply.chase;
      const next = answerFromZone(this.#zone, target.split('.'), query.type);
      if (!next) {
        const outside = await this.#outside(query, target);
        return { ...first, answers: [...answers, ...outside.answers], rcode: outside.rcode };
      }
      answers.push(...next.answers);
      reply = next;
    }
    return { ...reply, answers };
  }

  async #outside(query: Query, name: string): Promise<Pick<Reply, 'rcode' | 'answers'>> {
    const encoded = encodeName(name);
    const question = Buffer.concat([encoded, Buffer.of(query.type >> 8, query.type & 0xff, 0, classIn)]);
    const asked: Query = { ...query, labels: name.split('.'), question };
    const answer = await this.#forwarder.forward(asked, 'udp');
    if (typeof answer === 'number') return { rcode: answer, answers: [] };
    return { rcode: answer.readUInt16BE(2) & 0xf, answers: recordsOf(answer, headerBytes + question.length) };
  }
}

const failure = (rcode: number): Reply => ({
  rcode,
  authoritative: false,
  answers: [],
  authority: [],
  additional: [],
});

/** Answers of another server. Data with names in it, other than aliases, cannot be taken out of their message. */
function recordsOf(message: Buffer, from: number): ResourceRecord[] {
  return (readRecords(message, from) ?? []).flatMap(({ section, type, labels, ttl, dataAt, dataBytes }) => {
    if (section !== 'answer') return [];
    const record = (data: ResourceRecord['data']): ResourceRecord[] => [
      { name: labels.join('.'), ttlSeconds: ttl, data },
    ];
    if (type === recordTypes.CNAME) {
      const target = readName(message, dataAt);
      return target ? record({ type: 'CNAME', target: target.labels.join('.') }) : [];
    }
    const isPlain = type === recordTypes.A || type === recordTypes.AAAA || type === recordTypes.TXT;
    return isPlain ? record({ type: 'raw', code: type, bytes: message.subarray(dataAt, dataAt + dataBytes) }) : [];
  });
}
