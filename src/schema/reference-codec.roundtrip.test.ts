import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { unwrapEnvelope, wrapEnvelope } from './envelope.ts';
import { messageOf } from './names.ts';
import { referenceCodec } from './reference-codec.ts';

const fixtures = join(import.meta.dirname, '../../test/fixtures');

/** `group.version.Kind.json` → its type. */
function gvkOf(file: string): { apiVersion: string; kind: string } {
  const [, group, version, kind] = /^(.+)\.(v[^.]+)\.([^.]+)\.json$/.exec(file)!;
  return { apiVersion: group === 'core' ? version! : `${group}/${version}`, kind: kind! };
}

for (const [folder, kinds] of [
  ['api-roundtrip', 185],
  ['apiextensions-roundtrip', 4],
] as const) {
  const files = readdirSync(join(fixtures, folder)).filter((file) => file.endsWith('.json'));
  describe(`${folder} of upstream`, () => {
    test('is complete', () => assert.equal(files.length, kinds));
    for (const file of files) {
      const gvk = gvkOf(file);
      const message = messageOf(gvk)!;
      const json = readFileSync(join(fixtures, folder, file));
      const proto = readFileSync(join(fixtures, folder, file.replace(/json$/, 'pb')));
      const envelope = unwrapEnvelope(proto);

      test(`${file}: JSON becomes upstream's protobuf`, () => {
        const decoded = referenceCodec.fromJson(message, json, { defaults: false });
        assert.deepEqual(decoded.problems, []);
        const wrapped = wrapEnvelope(envelope, decoded.bytes);
        assert.equal(Buffer.from(wrapped).toString('hex'), proto.toString('hex'));
      });
      test(`${file}: protobuf becomes upstream's JSON`, () => {
        const type = envelope.kind ? gvk : undefined;
        const text = Buffer.from(referenceCodec.toJson(message, envelope.message, type)).toString();
        assert.equal(
          text,
          json.toString().replace(/"(?:[^"\\]|\\.)*"|\s+/g, (token) => (token[0] === '"' ? token : '')),
        );
      });
      test(`${file}: protobuf is canonical already`, () => {
        const decoded = referenceCodec.fromProto(message, envelope.message, { defaults: false });
        assert.deepEqual(Buffer.from(decoded.bytes), Buffer.from(envelope.message));
      });
    }
  });
}

/** The value with parts left out, as `keeps` decides. */
function sparse(value: unknown, keeps: () => boolean): unknown {
  if (Array.isArray(value)) return value.filter(keeps).map((item) => sparse(item, keeps));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(keeps);
  return Object.fromEntries(members.map(([key, member]) => [key, sparse(member, keeps)]));
}

test('sparse objects read from their own JSON are the same bytes, with defaults set and then no more', () => {
  const folder = join(fixtures, 'api-roundtrip');
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  const decisions = fc.infiniteStream(fc.integer({ min: 0, max: 3 }));
  const property = fc.property(fc.constantFrom(...files), decisions, fc.boolean(), (file, stream, defaults) => {
    const whole = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    const object = sparse(whole, () => stream.next().value !== 0);
    const message = messageOf(gvkOf(file))!;
    const first = referenceCodec.fromJson(message, Buffer.from(JSON.stringify(object)), { defaults });
    assert.deepEqual(first.problems, []);
    const again = referenceCodec.fromJson(message, referenceCodec.toJson(message, first.bytes), { defaults });
    assert.deepEqual(again.bytes, first.bytes);
  });
  fc.assert(property, { numRuns: 500 });
});
