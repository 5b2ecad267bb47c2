import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Codec, FieldModel, MessageModel, Schema } from '../schema/index.ts';
import { reserveMemory } from './index.ts';
import { CodecInstance } from './instance.ts';
import { writeTable } from './table.ts';

// No message of today has more than 64 fields; the module's masks have as many words as it takes.
const fieldCount = 150;
const message = 'test/v1.Wide';

const fields: FieldModel[] = Array.from({ length: fieldCount }, (_, i) => ({
  json: `field${i}`,
  type: { kind: 'string' },
  wire: [fieldCount - i],
  pointer: true,
  omitEmpty: true,
  omitZero: false,
  required: false,
  atomic: false,
  patchStrategy: [],
}));
const model: MessageModel = {
  name: message,
  isKind: false,
  fields,
  byJson: new Map(fields.map((field) => [field.json, field])),
  atomic: false,
};
const schema: Schema = { message: () => model, has: () => true, names: () => [message] };
/** Nothing stands for a pointer that nobody set. */
const absent = {
  fromJson: () => ({ bytes: new Uint8Array(), problems: [] }),
  toJson: () => Buffer.from('{}'),
} as unknown as Codec;

test('messages may have more than 64 fields', () => {
  const instance = new CodecInstance(reserveMemory(8 << 20), writeTable(schema, [message], absent));
  const { exports, memory, end } = instance;
  const [arena, output, input] = [end, end + (1 << 20), end + (2 << 20)];
  const place = (bytes: Uint8Array): number => {
    memory.set(bytes, input);
    return bytes.length;
  };
  for (const step of [1, 2, 7, 63, 64, 65, 149]) {
    const shown = fields.filter((_, i) => i % step === 0).map(({ json }) => [json, json.toUpperCase()]);
    const json = JSON.stringify(Object.fromEntries(shown));
    const offset = instance.message(message);
    const at = exports.fromJson(input, place(Buffer.from(json)), offset, 0, arena, output, output, input);
    assert.notEqual(at, 0);
    const proto = memory.slice(at, input);
    const length = exports.toJson(input, place(proto), offset, 0, 0, 0, arena, output, output, input);
    assert.equal(instance.text(output, length), json);
    const again = exports.fromProto(input, place(proto), offset, 0, arena, output, output, input);
    assert.deepEqual(memory.slice(again, input), proto);
  }
});
