import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatMap, goQuote, metadataField, splitSubscript } from './field-ref.ts';
import { configMapPayload, secretPayload } from './payload.ts';
import { containerNamed, resourceField } from './resource-ref.ts';
import { containerOf, podOf } from './testing.ts';

const text = (payload: ReadonlyMap<string, { data: Uint8Array; mode: number }>) =>
  Object.fromEntries([...payload].map(([path, { data, mode }]) => [path, `${Buffer.from(data)} ${mode.toString(8)}`]));

const configMap = {
  metadata: {},
  data: { one: '1', two: '2' },
  binaryData: { raw: Buffer.from('bin').toString('base64') },
};
const whole = { defaultMode: 0o644, optional: false };

test('without items every key is a file with the default mode', () => {
  assert.deepEqual(text(configMapPayload(configMap, whole)), { one: '1 644', two: '2 644', raw: 'bin 644' });
});

test('items choose keys, paths and modes', () => {
  const items = [
    { key: 'one', path: 'a/one' },
    { key: 'raw', path: 'raw', mode: 0o400 },
  ];
  assert.deepEqual(text(configMapPayload(configMap, { ...whole, items })), { 'a/one': '1 644', raw: 'bin 400' });
});

test('an item without its key fails unless it is optional', () => {
  const items = [{ key: 'none', path: 'x' }];
  const message = 'configmap references non-existent config key: none';
  assert.throws(() => configMapPayload(configMap, { ...whole, items }), { message });
  assert.equal(configMapPayload(configMap, { ...whole, items, optional: true }).size, 0);
  const ofSecret = { message: 'references non-existent secret key: none' };
  assert.throws(() => secretPayload({ metadata: {} }, { ...whole, items }), ofSecret);
});

test('a Secret is decoded', () => {
  const secret = { metadata: {}, data: { key: Buffer.from([0, 255]).toString('base64') } };
  assert.deepEqual([...secretPayload(secret, whole).get('key')!.data], [0, 255]);
});

const object = podOf({}, { labels: { b: 'two', a: 'one' }, annotations: { 'x.io/Y': 'line\n"quoted"' } });

for (const [path, value] of [
  ['metadata.name', 'web'],
  ['metadata.namespace', 'shop'],
  ['metadata.uid', 'uid-1'],
  ['metadata.labels', 'a="one"\nb="two"'],
  ['metadata.annotations', 'x.io/Y="line\\n\\"quoted\\""'],
  ["metadata.labels['a']", 'one'],
  ["metadata.labels['none']", ''],
  ["metadata.annotations['x.io/Y']", 'line\n"quoted"'],
] as const) {
  test(`${path} is ${JSON.stringify(value)}`, () => assert.equal(metadataField(object, path), value));
}

for (const [path, message] of [
  ['spec.nodeName', 'unsupported fieldPath: spec.nodeName'],
  ["metadata.name['a']", 'fieldPath "metadata.name[\'a\']" does not support subscript'],
] as const) {
  test(`${path} is refused`, () => assert.throws(() => metadataField(object, path), { message }));
}

test('a key that is no label key is refused', () => {
  assert.throws(
    () => metadataField(object, "metadata.labels['a b']"),
    /^Error: invalid key subscript in metadata.labels\['a b'\]: /,
  );
});

for (const [path, expected] of [
  ["metadata.annotations['a[b]c']", { path: 'metadata.annotations', key: 'a[b]c' }],
  ["metadata.labels['']", { path: 'metadata.labels', key: '' }],
  ['metadata.labels', undefined],
  ["['a']", undefined],
  ["metadata.labels['", undefined],
] as const) {
  test(`subscript of ${path}`, () => assert.deepEqual(splitSubscript(path), expected));
}

for (const [raw, quoted] of [
  ['plain', '"plain"'],
  ['\x07\b\f\n\r\t\v\\"', '"\\a\\b\\f\\n\\r\\t\\v\\\\\\""'],
  ['\x00\x1f\x7f', '"\\x00\\x1f\\x7f"'],
  ['äöü 世界 😀', '"äöü 世界 😀"'],
  ['\u00a0\u200b\u2028', '"\\u00a0\\u200b\\u2028"'],
  ['\u{e0001}', '"\\U000e0001"'],
] as const) {
  test(`Go quotes ${JSON.stringify(raw)}`, () => assert.equal(goQuote(raw), quoted));
}

test('maps are sorted by key', () => assert.equal(formatMap({ c: '', a: '1', b: 'x' }), 'a="1"\nb="x"\nc=""'));

const sized = containerOf({
  resources: {
    requests: { cpu: '250m', memory: '32Mi', 'ephemeral-storage': '1Gi', 'hugepages-2Mi': '4Mi' },
    limits: { cpu: '1250m', memory: '64Mi' },
  },
});
const allocatable = { cpu: '4', memory: '8Gi', 'ephemeral-storage': '100Gi' };

for (const [resource, divisor, value] of [
  ['limits.cpu', undefined, '2'],
  ['limits.cpu', '1m', '1250'],
  ['requests.cpu', '0', '1'],
  ['requests.cpu', '1m', '250'],
  ['limits.memory', undefined, '67108864'],
  ['limits.memory', '1Mi', '64'],
  ['requests.memory', '1M', '34'],
  ['limits.ephemeral-storage', '1Gi', '100'],
  ['requests.ephemeral-storage', '1Gi', '1'],
  ['requests.hugepages-2Mi', '1Mi', '4'],
  ['limits.hugepages-2Mi', '1Mi', '0'],
] as const) {
  test(`${resource} in units of ${divisor ?? 'one'} is ${value}`, () =>
    assert.equal(resourceField({ resource, ...(divisor && { divisor }) }, sized, allocatable), value));
}

test('a limit that is not set is what the node has to give; a request is not', () => {
  const none = containerOf();
  assert.equal(resourceField({ resource: 'limits.cpu' }, none, allocatable), '4');
  assert.equal(resourceField({ resource: 'limits.memory', divisor: '1Gi' }, none, allocatable), '8');
  assert.equal(resourceField({ resource: 'requests.memory' }, none, allocatable), '0');
});

test('other resources and containers are refused', () => {
  const message = 'unsupported container resource : limits.pods';
  assert.throws(() => resourceField({ resource: 'limits.pods' }, sized, {}), { message });
  assert.throws(() => containerNamed(podOf(), 'other'), { message: 'container other not found' });
});
