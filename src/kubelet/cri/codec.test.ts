import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeMessage, encodeMessage } from './codec.ts';
import { type CriMessages, criEnums, criFields } from './generated/messages.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const fromHex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');

test('bytes are what protobuf says they are', () => {
  assert.equal(
    hex(encodeMessage('StopContainerRequest', { containerId: 'ab', timeout: 300 })),
    '0a026162 10ac02'.replaceAll(' ', ''),
  );
  assert.equal(hex(encodeMessage('Int64Value', { value: -1 })), '08ffffffffffffffffff01');
  assert.equal(hex(encodeMessage('LinuxSandboxSecurityContext', { supplementalGroups: [1, 300] })), '2a0301ac02');
  assert.equal(hex(encodeMessage('PodSandboxStateValue', { state: 'SANDBOX_NOTREADY' })), '0801');
  assert.equal(
    hex(encodeMessage('ImageSpec', { image: 'x', annotations: { a: 'b' } })),
    '0a0178 1206 0a0161 120162'.replaceAll(' ', ''),
  );
});

test('zero values are not sent, empty messages are', () => {
  assert.equal(hex(encodeMessage('StopContainerRequest', { containerId: '', timeout: 0 })), '');
  assert.equal(hex(encodeMessage('ContainerFilter', { state: { state: 'CONTAINER_CREATED' } })), '1200');
});

test('what is not sent is read as zero; messages are absent', () => {
  const status = decodeMessage('ContainerStatus', new Uint8Array(0));
  assert.equal(status.id, '');
  assert.equal(status.state, 'CONTAINER_CREATED');
  assert.deepEqual(status.labels, {});
  assert.deepEqual(status.mounts, []);
  assert.equal(status.metadata, undefined);
});

test('unknown fields of every wire type are passed over', () => {
  const { podSandboxId } = decodeMessage(
    'RunPodSandboxResponse',
    fromHex(`f80701 f907 0102030405060708 fa07026162 fd0701020304 0a0178`),
  );
  assert.equal(podSandboxId, 'x');
});

test('an unknown enumeration value is read as its number', () => {
  assert.equal(decodeMessage('PodSandboxStateValue', fromHex('0863')).state, '99');
});

test('an enumeration value that does not exist cannot be sent', () => {
  assert.throws(
    () => encodeMessage('PodSandboxStateValue', { state: 'READY' as 'SANDBOX_READY' }),
    new TypeError('PodSandboxState has no member READY'),
  );
});

test('repeated scalars are read packed and not packed', () => {
  const read = (text: string) => decodeMessage('LinuxSandboxSecurityContext', fromHex(text)).supplementalGroups;
  assert.deepEqual(read('2a0301ac02'), [1, 300]);
  assert.deepEqual(read('2801 28ac02'), [1, 300]);
  assert.deepEqual(read('2801 2a02ac02'), [1, 300]);
});

test('text that is not UTF-8 does not make a message unreadable', () => {
  assert.equal(decodeMessage('RunPodSandboxResponse', fromHex('0a0361ff62')).podSandboxId, 'a\ufffdb');
});

test('a map key named like a property of every object is only a key', () => {
  const annotations = JSON.parse('{"__proto__":"x","constructor":"y"}');
  const back = decodeMessage('ImageSpec', encodeMessage('ImageSpec', { annotations })).annotations;
  assert.deepEqual(Object.entries(back), Object.entries(annotations));
});

test('a message that is cut off is refused', () => {
  assert.throws(() => decodeMessage('RunPodSandboxResponse', fromHex('0a05616263')), /unexpected EOF/);
});

/** Any value of a message, as deep as `depth`. */
function arbitrary(name: keyof CriMessages, depth: number): fc.Arbitrary<unknown> {
  const text = fc.string({ maxLength: 8, unit: 'grapheme' });
  const scalars: Record<string, fc.Arbitrary<unknown>> = {
    string: text,
    bool: fc.boolean(),
    int32: fc.integer(),
    uint32: fc.nat(),
    int64: fc.maxSafeInteger(),
    uint64: fc.maxSafeNat(),
    double: fc.double({ noNaN: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
    bytes: fc.uint8Array({ maxLength: 8 }),
  };
  const of = (type: string): fc.Arbitrary<unknown> =>
    scalars[type] ??
    (type in criEnums
      ? fc.constantFrom(...Object.keys(criEnums[type as keyof typeof criEnums]))
      : arbitrary(type as keyof CriMessages, depth - 1));
  const fields = criFields[name]
    .split(',')
    .filter(Boolean)
    .map((field) => field.split(' '));
  const shape = fields.flatMap(([key = '', , type = '']) => {
    const base = type.replace('*', '');
    if (base.includes(':')) return [[key, fc.dictionary(text, text, { maxKeys: 3 })]];
    const isMessage = !(base in scalars) && !(base in criEnums);
    if (isMessage && depth === 0) return type.startsWith('*') ? [[key, fc.constant([])]] : [];
    return [[key, type.startsWith('*') ? fc.array(of(base), { maxLength: 3 }) : of(base)]];
  });
  return fc.record(Object.fromEntries(shape));
}

test('what is written is read back, for every message', () => {
  const names = Object.keys(criFields) as (keyof CriMessages)[];
  for (const name of names) {
    fc.assert(
      fc.property(arbitrary(name, 2), (value) => {
        assert.deepEqual(plain(decodeMessage(name, encodeMessage(name, value as never))), plain(value));
      }),
      { numRuns: 20 },
    );
  }
});

/** Without prototypes and kinds of byte arrays, to compare by content. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}
