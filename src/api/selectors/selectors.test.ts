import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { referenceCodec } from '../../schema/index.ts';
import { isJsonRecord, labelKey, readLabels } from './labels.ts';

const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,20}$/);

test('labels read from bytes are the labels of the object', () =>
  fc.assert(
    fc.property(fc.dictionary(name, name, { maxKeys: 8 }), fc.array(name, { maxLength: 4 }), (labels, others) => {
      const object = {
        metadata: { name: 'x', namespace: 'n', generation: 300, labels, annotations: labels },
        data: labels,
      };
      const json = new TextEncoder().encode(JSON.stringify(object));
      const { bytes } = referenceCodec.fromJson('core/v1.ConfigMap', json, { defaults: false });
      const stamped = referenceCodec.stampRevision(bytes, 12345);
      const wanted = [...Object.keys(labels).slice(0, 3), ...others];
      const expected = Object.fromEntries(Object.entries(labels).filter(([key]) => wanted.includes(key)));
      assert.deepEqual(readLabels(stamped, wanted.map(labelKey)), expected);
      assert.ok(!isJsonRecord(stamped));
    }),
  ));
