import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StatusError } from '../../kernel/index.ts';
import { strictDecodingText, undecodablePatch } from './errors.ts';
import { jsonPatch, jsonPatchProblems } from './json-patch.ts';
import { mergePatch } from './merge-patch.ts';
import { duplicateFields, parsePatchText } from './patch-text.ts';
import { strategicMergePatch } from './strategic.ts';

const refusal = (work: () => unknown): StatusError => {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    return error;
  }
  assert.fail('not refused');
};

const pod = (containers: object[], more: object = {}): object => ({
  metadata: { name: 'p' },
  spec: { containers, ...more },
});
const smp = (object: object, patch: unknown): unknown => strategicMergePatch('core/v1.Pod', object, patch);

// --- JSON patch -------------------------------------------------------------------------------------------------

test('JSON patch: replace adds what is absent, -1 counts from the end, moved values keep their place', () => {
  const document = { a: [1, 2, 3], b: { c: 1 } };
  const patched = jsonPatch(document as object, [
    { op: 'replace', path: '/x', value: 1 },
    { op: 'replace', path: '/a/-1', value: 9 },
    { op: 'move', from: '/b/c', path: '/a/0' },
    { op: 'add', path: '/a/-', value: 10 },
    { op: 'copy', from: '/a', path: '/d' },
    { op: 'add', path: '/d/0', value: 'own' },
    { op: 'test', path: '/nowhere', value: null },
  ]);
  assert.deepEqual(patched, { a: [1, 1, 2, 9, 10], b: {}, x: 1, d: ['own', 1, 1, 2, 9, 10] });
  assert.deepEqual(document, { a: [1, 2, 3], b: { c: 1 } });
});

test('JSON patch: what cannot be applied is 422, what is malformed 400, too many operations 413', () => {
  const cannot = refusal(() => jsonPatch({ a: 1 }, [{ op: 'remove', path: '/b' }]));
  assert.equal(cannot.code, 422);
  assert.equal(cannot.message, 'the server rejected our request due to an error in our request');
  assert.equal(refusal(() => jsonPatch({}, [{ op: 'test', path: '/a', value: 1 }])).code, 422);
  assert.equal(refusal(() => jsonPatch({}, [{ op: 'jump', path: '/a' }])).code, 422);
  const malformed = refusal(() => jsonPatch({}, { op: 'add' }));
  assert.equal(malformed.code, 400);
  assert.equal(
    malformed.message,
    'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
  );
  const many = refusal(() =>
    jsonPatch(
      {},
      Array.from({ length: 10_001 }, () => ({ op: 'add', path: '/a', value: 1 })),
    ),
  );
  assert.equal(many.code, 413);
  assert.equal(
    many.message,
    'Request entity is too large: The allowed maximum operations in a JSON patch is 10000, got 10001',
  );
});

test('JSON patch: copies are bounded', () => {
  const doubling = Array.from({ length: 40 }, () => ({ op: 'copy', from: '/a', path: '/a/-' }));
  assert.equal(refusal(() => jsonPatch({ a: ['x'.repeat(1000)] }, doubling)).code, 422);
});

test('JSON patch: unknown members of operations are reported as strict decoding does', () => {
  assert.deepEqual(jsonPatchProblems([{ op: 'add', path: '/a', foo: 1 }, { bar: 2 }]), [
    'unknown field "[0].foo"',
    'unknown field "[1].bar"',
  ]);
});

// --- merge patch ------------------------------------------------------------------------------------------------

test('merge patch: null removes, objects merge, lists are replaced, new objects lose their nulls', () => {
  const object = { a: { x: 1, y: 2 }, l: [1], keep: {} };
  const patched = mergePatch(object, { a: { x: null, z: { deep: null, v: 1 } }, l: [{ n: null }, null] });
  assert.deepEqual(patched, { a: { y: 2, z: { v: 1 } }, l: [{}, null], keep: {} });
  assert.equal((patched as typeof object).keep, object.keep);
  assert.equal(refusal(() => mergePatch({}, [])).code, 400);
  assert.equal(refusal(() => mergePatch({}, null)).message, 'Invalid JSON Patch');
});

test('merge patch and JSON patch take __proto__ for a name', () => {
  const merged = mergePatch({ data: {} }, JSON.parse('{"data":{"__proto__":"x"}}'));
  assert.equal(JSON.stringify(merged), '{"data":{"__proto__":"x"}}');
  const patched = jsonPatch({ data: {} }, [{ op: 'add', path: '/data/__proto__', value: 'x' }]);
  assert.equal(JSON.stringify(patched), '{"data":{"__proto__":"x"}}');
});

test('an object without nulls, taken as a patch for itself, changes nothing', () => {
  const object = fc
    .json({ maxDepth: 4 })
    .map((text) => ({ value: JSON.parse(text) as unknown }))
    .filter((value) => !JSON.stringify(value).includes('null'));
  fc.assert(fc.property(object, (value) => assert.deepEqual(mergePatch(value, value), value)));
});

// --- strategic merge patch --------------------------------------------------------------------------------------

test('strategic merge: lists merge by key, new items come behind, $patch deletes', () => {
  const object = pod([
    { name: 'a', image: '1' },
    { name: 'b', image: '1' },
  ]);
  assert.deepEqual(smp(object, { spec: { containers: [{ name: 'b', image: '2' }, { name: 'c' }] } }), {
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'a', image: '1' }, { name: 'b', image: '2' }, { name: 'c' }] },
  });
  assert.deepEqual(
    smp(object, { spec: { containers: [{ name: 'a', $patch: 'delete' }] } }),
    pod([{ name: 'b', image: '1' }]),
  );
  assert.deepEqual(smp(object, { spec: { containers: [{ name: 'z' }, { $patch: 'replace' }] } }), pod([{ name: 'z' }]));
});

test('strategic merge: $setElementOrder orders, $deleteFromPrimitiveList removes, $retainKeys clears', () => {
  const object = { ...pod([{ name: 'a' }, { name: 'b' }]), metadata: { finalizers: ['x', 'y'] } };
  assert.deepEqual(
    smp(object, {
      metadata: { '$deleteFromPrimitiveList/finalizers': ['x'] },
      spec: {
        '$setElementOrder/containers': [{ name: 'c' }, { name: 'b' }, { name: 'a' }],
        containers: [{ name: 'c' }],
      },
    }),
    { metadata: { finalizers: ['y'] }, spec: { containers: [{ name: 'c' }, { name: 'b' }, { name: 'a' }] } },
  );
  const volumes = [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }];
  const retain = { spec: { volumes: [{ name: 'v', $retainKeys: ['name', 'secret'], secret: { secretName: 's' } }] } };
  assert.deepEqual(
    smp(pod([], { volumes }), retain),
    pod([], { volumes: [{ name: 'v', secret: { secretName: 's' } }] }),
  );
});

test('strategic merge: maps can be replaced and emptied, null removes', () => {
  const object = { metadata: { labels: { a: '1', b: '2' }, annotations: { c: '3' } } };
  assert.deepEqual(
    smp(object, { metadata: { labels: { $patch: 'replace', z: '9' }, annotations: { $patch: 'delete' } } }),
    {
      metadata: { labels: { z: '9' }, annotations: {} },
    },
  );
  assert.deepEqual(smp(object, { metadata: { labels: { a: null } } }), {
    metadata: { labels: { b: '2' }, annotations: { c: '3' } },
  });
});

test('strategic merge: errors are upstream’s', () => {
  const object = pod([{ name: 'a' }], { volumes: [{ name: 'v' }] });
  const answer = (patch: unknown): [number, string] => {
    const { code, message } = refusal(() => smp(object, patch));
    return [code, message];
  };
  assert.deepEqual(answer([]), [400, 'json: cannot unmarshal array into Go value of type map[string]interface {}']);
  assert.deepEqual(answer({ spec: { $retainKeys: 'x' } }), [400, 'invalid patch format of retainKeys']);
  assert.deepEqual(answer({ spec: { containers: [{ image: 'x' }] } }), [
    500,
    'map: map[image:x] does not contain declared merge key: name',
  ]);
  assert.deepEqual(answer({ metadata: { $patch: 'bogus' } }), [
    500,
    'unknown patch type: bogus in map: map[$patch:bogus]',
  ]);
  assert.equal(refusal(() => smp(object, { metadata: { $patch: 'bogus' } })).status.reason, undefined);
});

test('strategic merge: what the patch does not touch is shared', () => {
  const object = pod([{ name: 'a' }]) as { spec: object; metadata: object };
  const patched = smp(object, { metadata: { labels: { a: 'b' } } }) as typeof object;
  assert.equal(patched.spec, object.spec);
  assert.notEqual(patched.metadata, object.metadata);
});

// --- texts ------------------------------------------------------------------------------------------------------

test('duplicate fields are found with their paths', () => {
  const text = '{"a":1,"b":{"c":"}{,","c":2},"l":[{"x":1},{"x":1,"x":2,"x":3}],"a":[]}';
  assert.deepEqual(duplicateFields(text), ['duplicate field "b.c"', 'duplicate field "l[1].x"', 'duplicate field "a"']);
  assert.deepEqual(duplicateFields('[{"op":"add","op":"x"}]'), ['duplicate field "[0].op"']);
});

test('a body without repeated names has no problems', () => {
  fc.assert(fc.property(fc.json(), (text) => assert.deepEqual(parsePatchText(text).problems, [])));
});

test('bad syntax is told in Go’s words', () => {
  const { code, message } = refusal(() => parsePatchText('{"a":}', 'error decoding patch: '));
  assert.equal(code, 400);
  assert.equal(message, "error decoding patch: invalid character '}' looking for beginning of value");
});

test('what strict decoding refuses is an invalid patch', () => {
  const error = undecodablePatch('{"a":1}', strictDecodingText(['unknown field "a"']));
  assert.equal(error.code, 422);
  assert.equal(
    error.message,
    ' "" is invalid: patch: Invalid value: "{\\"a\\":1}": strict decoding error: unknown field "a"',
  );
});
