import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressRecord, queryBytes, queryOf } from './testing.ts';
import { datagramLimit, encodeReply, parseQuery, readName, readRecords, rcodes, type Reply } from './wire.ts';

const reply = (answers: Reply['answers'], additional: Reply['additional'] = []): Reply => ({
  ...{ rcode: rcodes.noError, authoritative: true, answers, authority: [], additional },
});

test('a query is read: names in lower case, EDNS when it is spoken', () => {
  const query = queryOf('Web.Shop.svc.cluster.LOCAL', { id: 0xbeef, type: 'SRV', edns: 4_096 });
  assert.deepEqual([query.id, query.type, query.class], [0xbeef, 33, 1]);
  assert.deepEqual(query.labels, ['web', 'shop', 'svc', 'cluster', 'local']);
  assert.deepEqual(query.edns, { payloadBytes: 4_096, dnssecOk: false, version: 0 });
  assert.equal(datagramLimit(query), 1_232);
  assert.equal(datagramLimit(queryOf('web')), 512);
});

for (const [what, bytes, expected] of [
  ['an answer', Buffer.from(queryBytes('a')).fill(0x80, 2, 3), undefined],
  ['less than a header', Buffer.alloc(11), undefined],
  ['another operation', Buffer.from(queryBytes('a')).fill(0x28, 2, 3), { id: 7, rcode: rcodes.notImp }],
  ['no question', Buffer.from(queryBytes('a')).fill(0, 5, 6), { id: 7, rcode: rcodes.formErr }],
  ['a name without end', queryBytes('a').subarray(0, 14), { id: 7, rcode: rcodes.formErr }],
  [
    'a pointer in the question',
    Buffer.concat([queryBytes('a').subarray(0, 12), Buffer.of(0xc0, 0x0c, 0, 1, 0, 1)]),
    { id: 7, rcode: rcodes.formErr },
  ],
  ['records without end', Buffer.from(queryBytes('a')).fill(0xff, 10, 12), { id: 7, rcode: rcodes.formErr }],
] as const) {
  test(`${what} is no query`, () => assert.deepEqual(parseQuery(bytes), expected));
}

test('pointers that lead in circles end', () => {
  const message = Buffer.concat([Buffer.alloc(12), Buffer.of(0xc0, 12)]);
  assert.equal(readName(message, 12), undefined);
  const growing = Buffer.concat([Buffer.alloc(12), Buffer.of(1, 0x61, 0xc0, 12)]);
  assert.equal(readName(growing, 12), undefined);
});

test('an answer repeats the question as it was spelled, and names are written once', () => {
  const query = queryOf('WEB.shop', { id: 9 });
  const bytes = encodeReply(query, reply([addressRecord('web.shop', 5, '10.0.0.1')]), 512);
  assert.equal(bytes.readUInt16BE(0), 9);
  assert.ok(bytes.includes('\x03WEB\x04shop'));
  assert.equal(bytes.indexOf('shop'), bytes.lastIndexOf('shop'));
  const [record] = readRecords(bytes, 12 + query.question.length) ?? [];
  assert.deepEqual(record?.labels, ['web', 'shop']);
  assert.deepEqual([...bytes.subarray(record?.dataAt, (record?.dataAt ?? 0) + 4)], [10, 0, 0, 1]);
});

test('what does not fit is left out, whole records at a time, and marked', () => {
  const query = queryOf('many', { edns: 1_232 });
  const many = Array.from({ length: 100 }, () => addressRecord('many', 5));
  const bytes = encodeReply(query, reply(many), 512);
  assert.ok(bytes.length <= 512 && bytes.length > 450);
  assert.ok(bytes.readUInt16BE(2) & 0x0200);
  assert.equal(readRecords(bytes, 12 + query.question.length)?.length, bytes.readUInt16BE(6) + 1);
  const whole = encodeReply(query, reply(many), 65_535);
  assert.equal(whole.readUInt16BE(6), 100);
  assert.equal(whole.readUInt16BE(2) & 0x0200, 0);
});

test('additional records that do not fit are no loss', () => {
  const more = Array.from({ length: 100 }, (_, index) => addressRecord(`more${index}`, 5));
  const bytes = encodeReply(queryOf('one'), reply([addressRecord('one', 5)], more), 512);
  assert.equal(bytes.readUInt16BE(2) & 0x0200, 0);
  assert.equal(bytes.readUInt16BE(6), 1);
  assert.ok(bytes.readUInt16BE(10) > 10);
});

test('whatever bytes come, reading them ends and throws nothing', () => {
  const mutated = fc
    .tuple(
      fc.constantFrom(queryBytes('web.shop.svc'), queryBytes('a.b', { edns: 1_232 })),
      fc.array(fc.tuple(fc.nat(60), fc.nat(255))),
    )
    .map(([bytes, changes]) => {
      const copy = Buffer.from(bytes);
      for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
      return copy;
    });
  const random = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(mutated, random), (bytes) => {
      const query = parseQuery(bytes);
      if (bytes.length >= 12) readRecords(bytes, 12);
      if (!query || 'rcode' in query) return;
      const answer = encodeReply(query, reply([addressRecord('x', 5)]), datagramLimit(query));
      assert.ok(answer.length <= datagramLimit(query));
      assert.equal(readRecords(answer, 12 + query.question.length)?.length, query.edns ? 2 : 1);
    }),
    { numRuns: 2_000 },
  );
});
