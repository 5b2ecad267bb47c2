import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { messageOf, referenceCodec, unwrapEnvelope } from '../schema/index.ts';
import { IsolatedCodec } from './codec.ts';
import { RecordCodec, reserveMemory } from './index.ts';

const fixtures = join(import.meta.dirname, '../../test/fixtures');
const codec = new IsolatedCodec({ explain: undefined });
const memory = reserveMemory(8 << 20);
const records = new RecordCodec(memory, codec);

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

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

  test(`${folder} has ${kinds} kinds`, () => assert.equal(files.length, kinds));

  for (const file of files) {
    const json = readFileSync(join(fixtures, folder, file));
    const envelope = unwrapEnvelope(readFileSync(join(fixtures, folder, file.replace(/json$/, 'pb'))));
    const gvk = gvkOf(file);
    const message = messageOf(gvk)!;
    const shown = envelope.kind ? gvk : undefined;

    test(`${file}: JSON becomes upstream's protobuf`, () => {
      const decoded = codec.fromJson(message, json, { defaults: false });
      assert.deepEqual(decoded.problems, []);
      assert.equal(hex(decoded.bytes), hex(envelope.message));
      assert.equal(decoded.kind ?? '', envelope.kind);
    });

    test(`${file}: protobuf stays as it is`, () => {
      assert.equal(hex(codec.fromProto(message, envelope.message, { defaults: false }).bytes), hex(envelope.message));
    });

    test(`${file}: protobuf becomes upstream's JSON, also where it lies`, () => {
      const expected = text(referenceCodec.toJson(message, envelope.message, shown));
      assert.deepEqual(JSON.parse(expected), JSON.parse(text(json)));
      assert.equal(text(codec.toJson(message, envelope.message, shown)), expected);
      const at = memory.buffer.byteLength - envelope.message.length;
      Buffer.from(memory.buffer).set(envelope.message, at);
      assert.equal(text(records.toJsonAt(message, at, envelope.message.length, shown)), expected);
    });

    test(`${file}: defaults are the reference's`, () => {
      for (const input of [json, Buffer.from('{}')]) {
        const decoded = codec.fromJson(message, input, { defaults: true });
        const expected = referenceCodec.fromJson(message, input, { defaults: true });
        assert.equal(hex(decoded.bytes), hex(expected.bytes));
        assert.equal(hex(codec.fromProto(message, decoded.bytes, { defaults: true }).bytes), hex(expected.bytes));
      }
    });
  }
}
