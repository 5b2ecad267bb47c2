import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { CodecError, referenceCodec } from '../schema/index.ts';
import { IsolatedCodec } from './codec.ts';
import { createWasmCodec, reserveMemory } from './index.ts';
import { CodecInstance } from './instance.ts';

const codec = createWasmCodec();
const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (json: Uint8Array): string => Buffer.from(json).toString();
const hex = (proto: Uint8Array): string => Buffer.from(proto).toString('hex');
const plain = { defaults: false };

function failure(run: () => unknown): CodecError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof CodecError, String(error));
    return error;
  }
  return assert.fail('no error');
}

/** What comes back when JSON is stored and read again. */
const stored = (message: string, json: string): string =>
  text(codec.toJson(message, codec.fromJson(message, bytes(json), plain).bytes));

describe('JSON', () => {
  test('unknown and repeated fields are named, in order of appearance, once each', () => {
    const input = `{"foo":1,"metadata":{"labels":{"b":"1","a":"2","b":"3"},"bar":{"x":[1,2]},"foo":1},"foo":2,
      "spec":{"containers":[{"name":"a"},{"name":"b","nme":1,"name":"c"}]}}`;
    const { problems, bytes: proto } = codec.fromJson('core/v1.Pod', bytes(input), plain);
    assert.deepEqual(problems, [
      { type: 'unknown', path: 'foo' },
      { type: 'duplicate', path: 'metadata.labels.b' },
      { type: 'unknown', path: 'metadata.bar' },
      { type: 'unknown', path: 'metadata.foo' },
      { type: 'unknown', path: 'spec.containers[1].nme' },
      { type: 'duplicate', path: 'spec.containers[1].name' },
    ]);
    assert.match(text(codec.toJson('core/v1.Pod', proto)), /"labels":\{"a":"2","b":"3"\}.*"name":"c"/);
  });

  test('at most 100 problems are reported', () => {
    const fields = Array.from({ length: 3000 }, (_, i) => `"field${i}":${i}`);
    const { problems } = codec.fromJson('core/v1.Pod', bytes(`{${fields.join(',')}}`), plain);
    assert.equal(problems.length, 100);
    assert.equal(problems[99]!.path, 'field99');
  });

  test('kind and apiVersion are found and left out of the bytes', () => {
    const input = bytes('{"kind":"ConfigMap","apiVersion":"v1","data":{"a":"b"}}');
    const decoded = codec.fromJson('core/v1.ConfigMap', input, plain);
    assert.equal(decoded.kind, 'ConfigMap');
    assert.equal(decoded.apiVersion, 'v1');
    const gvk = { apiVersion: 'v1', kind: 'ConfigMap' };
    assert.equal(
      text(codec.toJson('core/v1.ConfigMap', decoded.bytes, gvk)),
      '{"kind":"ConfigMap","apiVersion":"v1","metadata":{},"data":{"a":"b"}}',
    );
  });

  test('null stands for the zero value wherever it may stand', () => {
    assert.equal(
      stored(
        'core/v1.Pod',
        '{"metadata":null,"spec":{"containers":[null],"nodeSelector":{"a":null},"overhead":{"cpu":null}}}',
      ),
      '{"metadata":{},"spec":{"containers":[{"name":"","resources":{}}],"nodeSelector":{"a":""},"overhead":{"cpu":"0"}},"status":{}}',
    );
    assert.equal(stored('core/v1.Pod', 'null'), stored('core/v1.Pod', '{}'));
  });

  test('text is escaped as Go does', () => {
    assert.equal(
      stored(
        'core/v1.ConfigMap',
        '{"data":{"k":"<&>\\u2028\\u2029\\u0001\\b\\f\\n\\r\\t\\"\\\\\\/\\ud83d\\ude00\\ud83d \\u007f"}}',
      ),
      '{"metadata":{},"data":{"k":"\\u003c\\u0026\\u003e\\u2028\\u2029\\u0001\\b\\f\\n\\r\\t\\"\\\\/😀\ufffd \u007f"}}',
    );
  });

  test('errors are worded as the reference words them', () => {
    for (const input of [
      '',
      '{',
      '{"a" 1}',
      '{"metadata":{}}}',
      '{"metadata":[]}',
      '{"spec":{"replicas":"1"}}',
      '{"spec":{"replicas":1.5}}',
      '{"spec":{"replicas":4294967296}}',
      '{"spec":{"template":{"spec":{"containers":[{"resources":{"limits":{"cpu":"x"}}}]}}}}',
      '{"metadata":{"creationTimestamp":"yesterday"}}',
      '"Deployment"',
      '{"metadata":{"name":"\xff"}}',
      `{"metadata":{"labels":${'['.repeat(10_001)}`,
    ]) {
      const raw = Buffer.from(input, 'latin1');
      const expected = failure(() => referenceCodec.fromJson('apps/v1.Deployment', raw, plain));
      const actual = failure(() => codec.fromJson('apps/v1.Deployment', raw, plain));
      assert.deepEqual([actual.kind, actual.message, actual.path], [expected.kind, expected.message, expected.path]);
    }
  });

  test('a long body is not read twice to word its error', () => {
    const long = bytes(`{"data":{"a":"${'x'.repeat(2 << 20)}","b":7}}`);
    const error = failure(() => codec.fromJson('core/v1.ConfigMap', long, plain));
    assert.deepEqual([error.kind, error.path], ['type', 'data.b']);
    assert.match(error.message, /^a value of the wrong type at byte 2097/);
  });

  test('a time is read digit by digit', () => {
    const at = (time: string): Uint8Array => bytes(`{"metadata":{"creationTimestamp":"${time}"}}`);
    const good = '1996-12-31T23:59:59Z';
    assert.match(stored('core/v1.Pod', text(at(good))), /"creationTimestamp":"1996-12-31T23:59:59Z"/);
    for (let i = 0; i < good.length; i++) {
      for (const char of ['/', ':', ']', 'x', '9']) {
        const damaged = at(good.slice(0, i) + char + good.slice(i + 1));
        const outcome = (of: typeof codec): string =>
          attempt(() => hex(of.fromJson('core/v1.Pod', damaged, plain).bytes));
        assert.equal(outcome(codec), outcome(referenceCodec), `${char} at ${i}`);
      }
    }
  });

  test('schemas nest up to a limit', () => {
    const nested = (depth: number): string =>
      `{"spec":{"versions":[{"schema":{"openAPIV3Schema":${'{"not":'.repeat(depth)}{}${'}'.repeat(depth)}}}]}}`;
    const message = 'apiextensions/v1.CustomResourceDefinition';
    const { bytes: proto } = codec.fromJson(message, bytes(nested(495)), plain);
    assert.ok(text(codec.toJson(message, proto)).includes('{"not":{"not":{}}}'));
    assert.equal(hex(codec.fromProto(message, proto, plain).bytes), hex(proto));
    const branched = nested(0).replace('{}}}]}}', `${'{"properties":{"a":'.repeat(495)}{}${'}}'.repeat(495)}}}]}}`);
    const wide = codec.fromJson(message, bytes(branched), plain);
    assert.deepEqual(wide.problems, []);
    assert.equal(hex(codec.fromProto(message, wide.bytes, plain).bytes), hex(wide.bytes));
    assert.ok(text(codec.toJson(message, wide.bytes)).includes('{"properties":{"a":{}}}'));
    assert.equal(failure(() => codec.fromJson(message, bytes(nested(496)), plain)).kind, 'depth');
    assert.equal(failure(() => codec.fromJson(message, bytes(nested(100_000)), plain)).kind, 'depth');
  });

  test('a map with many keys in the worst order does not take quadratic time', () => {
    const keys = Array.from({ length: 100_000 }, (_, i) => `"${(99_999 - i).toString().padStart(6, '0')}":""`);
    const began = performance.now();
    const { bytes: proto } = codec.fromJson('core/v1.ConfigMap', bytes(`{"data":{${keys.join(',')}}}`), plain);
    assert.ok(performance.now() - began < 5_000);
    assert.ok(
      text(codec.toJson('core/v1.ConfigMap', proto)).startsWith('{"metadata":{},"data":{"000000":"","000001":""'),
    );
  });
});

describe('protobuf', () => {
  test('maps are sorted, unknown tags dropped, parts joined, missing zeros filled in', () => {
    const entry = (key: string): string => `1205${hex(Buffer.from([0x0a, 1, key.charCodeAt(0), 0x12, 0]))}`;
    const input = Buffer.from(`${entry('b')}${entry('a')}0a030a0178${entry('b')}f80707${'0a031a0179'}`, 'hex');
    const { bytes: proto } = codec.fromProto('core/v1.ConfigMap', input, plain);
    assert.equal(
      text(codec.toJson('core/v1.ConfigMap', proto)),
      '{"metadata":{"name":"x","namespace":"y"},"data":{"a":"","b":""}}',
    );
    assert.equal(hex(proto), hex(referenceCodec.fromProto('core/v1.ConfigMap', input, plain).bytes));
    assert.equal(text(codec.toJson('core/v1.ConfigMap', input)), text(codec.toJson('core/v1.ConfigMap', proto)));
  });

  test('truncation at every byte is refused or read as what is there', () => {
    const pod = referenceCodec.fromJson('core/v1.Pod', bytes(podJson), plain).bytes;
    for (let length = 0; length < pod.length; length++) {
      const input = pod.subarray(0, length);
      const expected = attempt(() => hex(referenceCodec.fromProto('core/v1.Pod', input, plain).bytes));
      assert.equal(
        attempt(() => hex(codec.fromProto('core/v1.Pod', input, plain).bytes)),
        expected,
      );
    }
  });

  test('raw JSON must be JSON', () => {
    const raw = (value: string): Uint8Array => {
      const content = Buffer.from(value);
      return Buffer.concat([Buffer.from([0x12, content.length + 2, 0x0a, content.length]), content]);
    };
    const message = 'apps/v1.ControllerRevision';
    const { bytes: proto } = codec.fromProto(message, raw('{"a": [1 ,2]}'), plain);
    assert.match(text(codec.toJson(message, proto)), /"data":\{"a":\[1,2\]\}/);
    assert.equal(failure(() => codec.fromProto(message, raw('{"a": [1 ,2}'), plain)).kind, 'syntax');
  });
});

const podJson = JSON.stringify({
  metadata: { name: 'a', labels: { app: 'b', tier: 'c' }, creationTimestamp: '2024-01-01T00:00:00Z' },
  spec: {
    containers: [{ name: 'c', image: 'd', ports: [{ containerPort: 80 }], resources: { limits: { cpu: '500m' } } }],
  },
});

function attempt(run: () => string): string {
  try {
    return run();
  } catch (error) {
    assert.ok(error instanceof CodecError);
    return 'refused';
  }
}

describe('bounds', () => {
  test('input beyond the limit is refused before it is read', () => {
    const small = new IsolatedCodec({ inputLimitBytes: 100 });
    assert.equal(failure(() => small.fromJson('core/v1.Pod', new Uint8Array(101), plain)).kind, 'size');
    assert.ok(small.fromJson('core/v1.Pod', bytes('{}'), plain).bytes.length > 0);
  });

  test('output beyond the limit is refused', () => {
    const small = new IsolatedCodec({ inputLimitBytes: 1 << 20, outputLimitBytes: 1 << 12 });
    const objects = `{"items":[${'{},'.repeat(1000)}{}]}`;
    assert.equal(failure(() => small.fromJson('apps/v1.DeploymentList', bytes(objects), plain)).kind, 'size');
    const proto = codec.fromJson('apps/v1.DeploymentList', bytes(objects), plain).bytes;
    assert.equal(failure(() => small.toJson('apps/v1.DeploymentList', proto)).kind, 'size');
    assert.ok(small.fromJson('core/v1.Pod', bytes('{}'), plain).bytes.length > 0);
  });

  test('the smallest regions hold nothing, and nothing is written beside them', () => {
    for (const outputLimitBytes of [0, 1, 7, 8, 9, 31, 32, 33, 40]) {
      const tiny = new IsolatedCodec({ inputLimitBytes: 1 << 10, outputLimitBytes });
      assert.equal(failure(() => tiny.fromJson('core/v1.Pod', bytes('{}'), plain)).kind, 'size');
      assert.equal(failure(() => tiny.toJson('core/v1.Pod', new Uint8Array())).kind, 'size');
    }
  });

  test('after a trap the next call finds a fresh instance', () => {
    const isolated = new IsolatedCodec();
    assert.ok(isolated.fromJson('core/v1.Pod', bytes('{}'), plain).bytes.length > 0);
    const nowhere = mock.method(CodecInstance.prototype, 'message', () => 0x7fff_0000);
    assert.match(failure(() => isolated.fromJson('core/v1.Pod', bytes('{}'), plain)).message, /cannot be decoded/);
    assert.match(failure(() => isolated.toJson('core/v1.Pod', new Uint8Array(2))).message, /cannot be decoded/);
    nowhere.mock.restore();
    assert.ok(isolated.fromJson('core/v1.Pod', bytes('{}'), plain).bytes.length > 0);
  });

  test('the largest body fits, whatever is in it', () => {
    const size = 3 << 20;
    for (const [message, unit, wrap] of [
      ['core/v1.ConfigMap', '"":"",', (s: string) => `{"data":{${s}"":""}}`],
      ['core/v1.PodList', 'null,', (s: string) => `{"items":[${s}null]}`],
      ['core/v1.Pod', '"",', (s: string) => `{"spec":{"containers":[{"args":[${s}""]}]}}`],
      ['core/v1.Pod', '0,', (s: string) => `{"spec":{"securityContext":{"supplementalGroups":[${s}0]}}}`],
      ['apiextensions/v1.JSONSchemaProps', '{},', (s: string) => `{"allOf":[${s}{}]}`],
    ] as const) {
      const input = bytes(wrap(unit.repeat(Math.floor(size / unit.length) - 30)));
      const outcome = attempt(() => {
        codec.fromJson(message, input, plain);
        return 'accepted';
      });
      assert.equal(outcome, 'accepted', message);
    }
  });

  test('the smallest map entries a protobuf body can hold fit', () => {
    const input = Buffer.alloc(3 << 20);
    for (let i = 0; i < input.length; i += 2) input[i] = 0x12;
    const { bytes: proto } = codec.fromProto('core/v1.ConfigMap', input, plain);
    assert.equal(text(codec.toJson('core/v1.ConfigMap', proto)), '{"metadata":{},"data":{"":""}}');
  });
});

describe('records in a shared memory', () => {
  const memory = reserveMemory(8 << 20);
  const records = createWasmCodec({ memory });
  const place = (record: Uint8Array): number => {
    const at = memory.buffer.byteLength - record.length;
    Buffer.from(memory.buffer).set(record, at);
    return at;
  };

  test('the heap begins behind what the codec uses', () => {
    assert.ok(records.heapBase > 0 && records.heapBase < 4 << 20);
    assert.throws(() => createWasmCodec({ memory: reserveMemory(1 << 20) }), /the codec needs/);
  });

  test('a view stays as it is for the next six calls', () => {
    const config = (size: number): Uint8Array =>
      codec.fromJson('core/v1.ConfigMap', bytes(`{"data":{"k":"${'x'.repeat(size)}"}}`), plain).bytes;
    const sizes = [100, 100_000, 130_000, 7, 60_000, 131_000, 131_000, 90_000, 131_000, 3];
    for (let round = 0; round < 20; round++) {
      const views = sizes.map((size, i) => {
        const record = config(size - ((round + i) % 3));
        const view = records.toJsonAt('core/v1.ConfigMap', place(record), record.length);
        return { view, copy: view.slice() };
      });
      for (const { view, copy } of views.slice(-7)) assert.ok(Buffer.compare(view, copy) === 0);
    }
  });

  test('what is too large for the ring comes as a copy', () => {
    const record = codec.fromJson('core/v1.ConfigMap', bytes(`{"data":{"k":"${'<'.repeat(200_000)}"}}`), plain).bytes;
    const json = records.toJsonAt('core/v1.ConfigMap', place(record), record.length);
    assert.notEqual(json.buffer, memory.buffer);
    assert.equal(text(json), text(referenceCodec.toJson('core/v1.ConfigMap', record)));
  });

  describe('items of a list', () => {
    const lead = bytes('[');
    const gathered = (sizes: readonly number[]): Uint8Array[] => {
      let at = memory.buffer.byteLength;
      return sizes.map((size, i) => {
        const record = codec.fromJson('core/v1.ConfigMap', bytes(`{"data":{"k":"${'x'.repeat(size)}"}}`), plain).bytes;
        at -= record.length;
        Buffer.from(memory.buffer).set(record, at);
        records.spans[i * 2] = at;
        records.spans[i * 2 + 1] = record.length;
        return record;
      });
    };

    test('as many as fit, with commas between them', () => {
      const all = gathered([5, 0, 60_000, 60_000, 60_000]);
      const run = records.jsonItems('core/v1.ConfigMap', all.length, lead);
      assert.equal(run.count, 4);
      const expected = all.slice(0, 4).map((record) => text(codec.toJson('core/v1.ConfigMap', record)));
      assert.equal(text(run.bytes), `[${expected.join(',')}`);
    });

    test('records with their heads', () => {
      const all = gathered([5, 0, 130, 60_000, 60_000, 60_000]);
      const run = records.recordItems(all.length, lead);
      assert.equal(run.count, 5);
      const heads = (length: number): number[] =>
        length < 128
          ? [length]
          : length < 16_384
            ? [(length & 127) | 128, length >> 7]
            : [(length & 127) | 128, ((length >> 7) & 127) | 128, length >> 14];
      const expected = all.slice(0, 5).flatMap((record) => [Buffer.from([0x12, ...heads(record.length)]), record]);
      assert.equal(hex(run.bytes), hex(Buffer.concat([lead, ...expected])));
    });

    test('none, when the first does not fit', () => {
      const all = gathered([140_000, 1]);
      assert.equal(records.jsonItems('core/v1.ConfigMap', all.length, lead).count, 0);
      assert.equal(records.recordItems(all.length, lead).count, 0);
      assert.equal(records.recordItems(1, new Uint8Array(1 << 20)).count, 0);
    });
  });

  test('metadata is peeked at without decoding', () => {
    const record = codec.stampRevision(
      codec.fromJson(
        'core/v1.Pod',
        bytes('{"metadata":{"name":"n","namespace":"s","uid":"u","labels":{"a":"b"}}}'),
        plain,
      ).bytes,
      42,
    );
    const expected = { name: 'n', namespace: 's', uid: 'u', resourceVersion: '42' };
    assert.deepEqual(records.peekAt(place(record), record.length), expected);
    assert.equal(failure(() => records.peekAt(place(Buffer.from([0x0a, 5])), 2)).kind, 'syntax');
  });
});

test('a revision is stamped as the reference stamps it', () => {
  for (const json of [
    '{}',
    podJson,
    '{"metadata":{"resourceVersion":"123456"}}',
    '{"metadata":{"managedFields":[{}]}}',
  ]) {
    const record = codec.fromJson('core/v1.Pod', bytes(json), plain).bytes;
    for (const revision of [0, 1, 999, Number.MAX_SAFE_INTEGER]) {
      const stamped = codec.stampRevision(record, revision);
      assert.equal(hex(stamped), hex(referenceCodec.stampRevision(record, revision)));
      assert.equal(hex(codec.stampRevision(stamped, 0)), hex(referenceCodec.stampRevision(stamped, 0)));
    }
  }
  assert.equal(hex(codec.stampRevision(new Uint8Array(), 7)), hex(referenceCodec.stampRevision(new Uint8Array(), 7)));
  assert.equal(failure(() => codec.stampRevision(Buffer.from([0x12, 0]), 7)).kind, 'syntax');
  assert.equal(failure(() => codec.stampRevision(Buffer.from([0x0a, 9, 1]), 7)).kind, 'syntax');
});
