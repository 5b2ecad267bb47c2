import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CodecError } from './codec.ts';
import { referenceCodec } from './reference-codec.ts';
import { schema } from './schema.ts';

const encoder = new TextEncoder();
const pod = { apiVersion: 'v1', kind: 'Pod' };

const decode = (message: string, json: string, defaults = false) =>
  referenceCodec.fromJson(message, encoder.encode(json), { defaults });

/** JSON → storage bytes → JSON. */
const through = (message: string, json: string, defaults = false): string =>
  Buffer.from(referenceCodec.toJson(message, decode(message, json, defaults).bytes)).toString();

const failure = (message: string, json: string): CodecError => {
  try {
    decode(message, json);
  } catch (error) {
    assert.ok(error instanceof CodecError);
    return error;
  }
  throw new assert.AssertionError({ message: 'decoded' });
};

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('zero values', () => {
  test('what is not a pointer is written, zero or not', () => {
    assert.equal(hex(decode('core/v1.ConfigMap', '{}').bytes), '0a100a0012001a0022002a00320038004200');
    assert.equal(
      hex(decode('core/v1.Service', '{}').bytes),
      '0a100a0012001a0022002a00320038004200' + '12101a0022003a00420052005a0060006800' + '1a020a00',
    );
  });
  test('messages that are not pointers are printed even when omitempty; null lists without omitempty as null', () => {
    assert.equal(through('core/v1.Pod', '{}'), '{"metadata":{},"spec":{"containers":null},"status":{}}');
    assert.equal(through('rbac/v1.Role', '{"rules":[]}'), '{"metadata":{},"rules":null}');
  });
  test('a pointer to zero is kept', () => {
    assert.equal(
      through(
        'core/v1.Pod',
        '{"spec":{"containers":[],"priority":0,"enableServiceLinks":false,"runtimeClassName":""}}',
      ),
      '{"metadata":{},"spec":{"containers":null,"priority":0,"runtimeClassName":"","enableServiceLinks":false},"status":{}}',
    );
  });
  test('a pointer to a zero time is an empty message, and null', () => {
    const json = '{"metadata":{"deletionTimestamp":"0001-01-01T00:00:00Z"}}';
    const { bytes } = decode('core/v1.ConfigMap', json);
    assert.equal(hex(bytes), '0a120a0012001a0022002a003200380042004a00');
    assert.deepEqual(referenceCodec.fromProto('core/v1.ConfigMap', bytes, { defaults: false }).bytes, bytes);
    assert.equal(through('core/v1.ConfigMap', json), '{"metadata":{"deletionTimestamp":null}}');
  });
  test('zero times: omitzero leaves them out, others are null', () => {
    assert.equal(through('core/v1.ConfigMap', '{"metadata":{"creationTimestamp":null}}'), '{"metadata":{}}');
    assert.match(through('core/v1.Event', '{"firstTimestamp":"0001-01-01T00:00:00Z"}'), /"firstTimestamp":null/);
  });
});

describe('null', () => {
  test('unsets pointers, lists and maps, and is zero for the rest', () => {
    const json = '{"metadata":{"name":null,"labels":null},"data":null,"immutable":null,"binaryData":null}';
    assert.equal(through('core/v1.ConfigMap', json), '{"metadata":{}}');
  });
  test('is the zero value within lists and maps', () => {
    const json = '{"metadata":{"finalizers":["a",null],"labels":{"a":null}},"data":{"b":null}}';
    assert.equal(
      through('core/v1.ConfigMap', json),
      '{"metadata":{"labels":{"a":""},"finalizers":["a",""]},"data":{"b":""}}',
    );
    assert.match(
      through('policy/v1.PodDisruptionBudget', '{"status":{"disruptedPods":{"a":null}}}'),
      /"disruptedPods":\{"a":null\}/,
    );
  });
  test('of bytes and of lists within maps comes back from storage as empty', () => {
    const json = '{"binaryData":{"a":null,"b":""}}';
    assert.match(hex(decode('core/v1.ConfigMap', json).bytes), /1a030a01611a050a01621200$/);
    assert.equal(through('core/v1.ConfigMap', json), '{"metadata":{},"binaryData":{"a":"","b":""}}');
    assert.equal(
      through('authentication/v1.UserInfo', '{"extra":{"a":null,"b":[],"c":["x"]}}'),
      '{"extra":{"a":[],"b":[],"c":["x"]}}',
    );
  });
});

describe('strings', () => {
  test('HTML characters and line separators are escaped on output only', () => {
    const json = '{"data":{"a":"<&>\u2028\u2029\\u003c\\/\\b\\f\\n\\r\\t\\u0001\u007f"}}';
    assert.equal(
      through('core/v1.ConfigMap', json),
      '{"metadata":{},"data":{"a":"\\u003c\\u0026\\u003e\\u2028\\u2029\\u003c/\\b\\f\\n\\r\\t\\u0001\u007f"}}',
    );
    assert.ok(hex(decode('core/v1.ConfigMap', json).bytes).includes(Buffer.from('<&>').toString('hex')));
  });
  test('surrogate pairs join, unpaired ones become U+FFFD', () => {
    assert.equal(
      through('core/v1.ConfigMap', '{"data":{"a":"\\ud83d\\ude00","b":"\\ud800x\\udc00"}}'),
      '{"metadata":{},"data":{"a":"😀","b":"\ufffdx\ufffd"}}',
    );
  });
  test('map keys are sorted by their UTF-8 bytes', () => {
    assert.equal(
      through('core/v1.ConfigMap', '{"data":{"\ud83d\ude00":"3","\uff5e":"2","b":"1","10":"0"}}'),
      '{"metadata":{},"data":{"10":"0","b":"1","\uff5e":"2","😀":"3"}}',
    );
  });
  test('bytes that are not UTF-8 are refused', () => {
    const bytes = Uint8Array.from([...encoder.encode('{"data":{"a":"'), 0xff, ...encoder.encode('"}}')]);
    assert.throws(() => referenceCodec.fromJson('core/v1.ConfigMap', bytes, { defaults: false }), { kind: 'utf8' });
    const proto = Buffer.from('0a030a01ff', 'hex');
    assert.throws(() => referenceCodec.fromProto('core/v1.ConfigMap', proto, { defaults: false }), { kind: 'utf8' });
  });
});

describe('numbers', () => {
  test('int64 is exact', () => {
    const json = '{"metadata":{"generation":9223372036854775807},"value":-9223372036854775808}';
    assert.match(through('core/v1.ConfigMap', json), /"generation":9223372036854775807/);
  });
  test('doubles print as in Go', () => {
    const schemaOf = (value: string): string => {
      const json = `{"spec":{"versions":[{"schema":{"openAPIV3Schema":{"maximum":${value}}}}]}}`;
      return /"maximum":([^}]*)/.exec(through('apiextensions/v1.CustomResourceDefinition', json))![1]!;
    };
    assert.deepEqual(['1.0', '1e21', '1e20', '0.000001', '1E-7', '-0.0', '123456789.5'].map(schemaOf), [
      '1',
      '1e+21',
      '100000000000000000000',
      '0.000001',
      '1e-7',
      '-0',
      '123456789.5',
    ]);
  });
});

describe('raw JSON', () => {
  test('is kept as written, without white space between tokens', () => {
    const json = '{"data": {"b": 1.50, "a": [ 1e2, " x " ], "b": null}, "revision": 1}';
    assert.equal(
      through('apps/v1.ControllerRevision', json),
      '{"metadata":{},"data":{"b":1.50,"a":[1e2," x "],"b":null},"revision":1}',
    );
  });
  test('from protobuf is checked', () => {
    const proto = Buffer.from('12030a017b', 'hex');
    assert.throws(() => referenceCodec.fromProto('apps/v1.ControllerRevision', proto, { defaults: false }), {
      message: 'unexpected end of JSON input',
    });
  });
});

describe('problems', () => {
  test('unknown and duplicate fields have paths, in order, each once', () => {
    const json =
      '{"spec":{"containers":[{"name":"a","foo":1,"foo":2},{"env":[{"bar":1}]}],"x":1},"spec":{"nodeName":"n"},"Kind":"","kind":"Pod"}';
    assert.deepEqual(decode('core/v1.Pod', json).problems, [
      { type: 'unknown', path: 'spec.containers[0].foo' },
      { type: 'unknown', path: 'spec.containers[1].env[0].bar' },
      { type: 'unknown', path: 'spec.x' },
      { type: 'duplicate', path: 'spec' },
      { type: 'unknown', path: 'Kind' },
    ]);
  });
  test('duplicate keys of maps count; the last value stays', () => {
    const decoded = decode('core/v1.ConfigMap', '{"data":{"a":"1","a":"2"}}');
    assert.deepEqual(decoded.problems, [{ type: 'duplicate', path: 'data.a' }]);
    assert.match(hex(decoded.bytes), /0a016112013[2]/);
  });
  test('at most 100 are listed', () => {
    const json = `{${Array.from({ length: 150 }, (_, i) => `"x${i}":1`).join(',')}}`;
    assert.equal(decode('core/v1.Pod', json).problems.length, 100);
  });
  test('kind and apiVersion are handed back', () => {
    const { apiVersion, kind } = decode('core/v1.Pod', '{"kind":"Pod","apiVersion":"v1"}');
    assert.deepEqual({ apiVersion, kind }, pod);
  });
});

describe('errors in the words of Go', () => {
  for (const [message, json, text] of [
    [
      'core/v1.Pod',
      '{"spec":{"containers":[{"name":1}]}}',
      'number into Go struct field Container.spec.containers.name of type string',
    ],
    [
      'core/v1.Pod',
      '{"spec":{"containers":[{"name":["x"],"image":2}]}}',
      'array into Go struct field Container.spec.containers.name of type string',
    ],
    [
      'core/v1.Pod',
      '{"spec":{"volumes":[{"secret":3}]}}',
      'number into Go struct field Volume.spec.volumes.VolumeSource.secret of type v1.SecretVolumeSource',
    ],
    [
      'apps/v1.Deployment',
      '{"spec":{"replicas":"3"}}',
      'string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'apps/v1.Deployment',
      '{"spec":{"replicas":3.5}}',
      'number 3.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'apps/v1.Deployment',
      '{"spec":{"replicas":3000000000}}',
      'number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'core/v1.Service',
      '{"spec":{"type":1}}',
      'number into Go struct field ServiceSpec.spec.type of type v1.ServiceType',
    ],
    [
      'core/v1.Pod',
      '{"metadata":{"labels":{"a":1}}}',
      'number into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    [
      'core/v1.Pod',
      '{"metadata":{"labels":[]}}',
      'array into Go struct field ObjectMeta.metadata.labels of type map[string]string',
    ],
    [
      'core/v1.Pod',
      '{"spec":{"containers":{}}}',
      'object into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    [
      'core/v1.Pod',
      '{"metadata":{"creationTimestamp":1}}',
      'number into Go struct field ObjectMeta.metadata.creationTimestamp of type string',
    ],
    ['core/v1.Pod', '[]', 'array into Go value of type v1.Pod'],
  ] as const) {
    test(json, () => assert.equal(failure(message, json).message, `json: cannot unmarshal ${text}`));
  }
  for (const [json, text] of [
    ['', 'unexpected end of JSON input'],
    ['{"a":1', 'unexpected end of JSON input'],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":tru}', "invalid character '}' in literal true (expecting 'e')"],
    ['{"a":01}', "invalid character '1' after object key:value pair"],
    ['{"a":[1 2]}', "invalid character '2' after array element"],
    ['{} x', "invalid character 'x' after top-level value"],
    ['{"a":"\n"}', "invalid character '\\n' in string literal"],
    ['{"a":"\\x"}', "invalid character 'x' in string escape code"],
    ['{"a":-}', "invalid character '}' in numeric literal"],
    ['{,}', "invalid character ',' looking for beginning of object key string"],
    ['\ufeff{}', "invalid character 'ï' looking for beginning of value"],
  ] as const) {
    test(JSON.stringify(json), () => assert.equal(failure('core/v1.Pod', json).message, text));
  }
  test('values with a reader of their own', () => {
    const metadata = (time: string): string => `{"metadata":{"creationTimestamp":"${time}"}}`;
    assert.equal(
      failure('core/v1.Pod', metadata('today')).message,
      'parsing time "today" as "2006-01-02T15:04:05Z07:00": cannot parse "today" as "2006"',
    );
    assert.match(
      failure('core/v1.Pod', '{"spec":{"overhead":{"cpu":"1x"}}}').message,
      /^unable to parse quantity's suffix$|^quantities must match/,
    );
    assert.equal(failure('core/v1.Secret', '{"data":{"a":"*"}}').message, 'illegal base64 data at input byte 0');
  });
  test('the path is told', () => {
    assert.equal(failure('core/v1.Pod', '{"spec":{"containers":[{},{"name":1}]}}').path, 'spec.containers[1].name');
  });
});

describe('bounds', () => {
  test('nesting beyond 10,000 is refused, wherever it stands', () => {
    const deep = '['.repeat(10_001) + ']'.repeat(10_001);
    assert.equal(failure('core/v1.Pod', `{"x":${deep}}`).kind, 'depth');
    const unknown = '['.repeat(9_999) + ']'.repeat(9_999);
    assert.equal(decode('core/v1.Pod', `{"x":${unknown}}`).problems.length, 1);
  });
  test('messages that nest without end are refused', () => {
    const depth = 4_000;
    const json = `{"spec":{"versions":[{"schema":{"openAPIV3Schema":${'{"not":'.repeat(depth)}{}${'}'.repeat(depth)}}}]}}`;
    assert.equal(failure('apiextensions/v1.CustomResourceDefinition', json).kind, 'depth');
    let proto = Buffer.alloc(0);
    for (let i = 0; i < depth; i++) {
      const length =
        proto.length < 128
          ? [proto.length]
          : [
              (proto.length & 0x7f) | 0x80,
              ...(proto.length < 16384
                ? [proto.length >> 7]
                : [((proto.length >> 7) & 0x7f) | 0x80, proto.length >> 14]),
            ];
      proto = Buffer.concat([Buffer.from([0xe2, 0x01, ...length]), proto]);
    }
    assert.throws(() => referenceCodec.fromProto('apiextensions/v1.JSONSchemaProps', proto, { defaults: false }), {
      kind: 'depth',
    });
  });
  test('corrupted and truncated protobuf is refused or read, never out of bounds', () => {
    const whole = decode(
      'core/v1.Pod',
      '{"metadata":{"name":"a","labels":{"b":"c"}},"spec":{"containers":[{"name":"d","resources":{"limits":{"cpu":"1"}}}]}}',
    ).bytes;
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, byte, end) => {
        const bytes = Uint8Array.from(whole);
        bytes[at] = byte;
        try {
          const { bytes: canonical } = referenceCodec.fromProto('core/v1.Pod', bytes.subarray(0, end), {
            defaults: false,
          });
          const again = referenceCodec.fromProto('core/v1.Pod', canonical, { defaults: false });
          assert.deepEqual(again.bytes, canonical);
        } catch (error) {
          assert.ok(error instanceof CodecError, String(error));
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('protobuf of clients', () => {
  const normalised = (message: string, proto: string): string =>
    hex(referenceCodec.fromProto(message, Buffer.from(proto, 'hex'), { defaults: false }).bytes);
  const empty = hex(decode('core/v1.ConfigMap', '{}').bytes);

  test('missing zero values are filled in, unknown tags dropped', () => {
    assert.equal(normalised('core/v1.ConfigMap', ''), empty);
    assert.equal(
      normalised('core/v1.ConfigMap', 'f80601' + 'fa060161' + 'f90600000000000000ff' + 'fb060801fc06'),
      empty,
    );
  });
  test('a message that comes twice is merged, quantities become canonical, times lose their nanoseconds', () => {
    assert.equal(normalised('core/v1.ConfigMap', '0a030a0161' + '0a021a00'), empty.replace('0a100a00', '0a110a0161'));
    const half = Buffer.from(normalised('core/v1.ResourceRequirements', '0a0d0a0363707512060a04302e3530'), 'hex');
    assert.match(half.toString('latin1'), /500m/);
    assert.match(normalised('core/v1.ConfigMap', '0a0642040805106f'), /420408051000/);
  });
  test('wrong wire types are refused', () => {
    assert.throws(() => normalised('core/v1.ConfigMap', '0801'), { message: 'proto: wrong wireType = 0 for field 1' });
  });
});

describe('defaults', () => {
  test('go where the field is absent or zero, into lists and into messages that are not pointers', () => {
    const json =
      '{"spec":{"containers":[{"name":"a","ports":[{"containerPort":1}],"livenessProbe":{"httpGet":{"port":1}}}]}}';
    const object = JSON.parse(through('core/v1.Pod', json, true));
    assert.equal(object.spec.restartPolicy, 'Always');
    assert.equal(object.spec.terminationGracePeriodSeconds, 30);
    assert.deepEqual(object.spec.securityContext, {});
    const [container] = object.spec.containers;
    assert.equal(container.ports[0].protocol, 'TCP');
    assert.equal(container.terminationMessagePath, '/dev/termination-log');
    assert.deepEqual(container.livenessProbe, {
      httpGet: { path: '/', port: 1, scheme: 'HTTP' },
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    });
  });
  test('do not replace what is set, and do not make what is behind an absent pointer', () => {
    const object = JSON.parse(
      through('apps/v1.Deployment', '{"spec":{"replicas":0,"strategy":{"type":"Recreate"}}}', true),
    );
    assert.equal(object.spec.replicas, 0);
    assert.deepEqual(object.spec.strategy, { type: 'Recreate' });
  });
});

describe('stampRevision', () => {
  const revisionOf = (bytes: Uint8Array): string | undefined =>
    JSON.parse(Buffer.from(referenceCodec.toJson('core/v1.ConfigMap', bytes)).toString()).metadata.resourceVersion;

  test('sets, replaces and clears the revision and changes nothing else', () => {
    const bytes = decode('core/v1.ConfigMap', '{"metadata":{"name":"a","labels":{"x":"y"}},"data":{"a":"b"}}').bytes;
    const stamped = referenceCodec.stampRevision(bytes, 1234567890123);
    assert.equal(revisionOf(stamped), '1234567890123');
    assert.equal(revisionOf(referenceCodec.stampRevision(stamped, 7)), '7');
    assert.deepEqual(referenceCodec.stampRevision(stamped, 0), bytes);
    assert.deepEqual(referenceCodec.fromProto('core/v1.ConfigMap', stamped, { defaults: false }).bytes, stamped);
  });
  test('makes the metadata when there is none', () => {
    assert.equal(revisionOf(referenceCodec.stampRevision(new Uint8Array(), 5)), '5');
  });
});

test('every message survives its zero value', () => {
  for (const name of schema.names().filter((name) => !/^meta\/v1\.Table/.test(name))) {
    const { bytes } = decode(name, '{}');
    assert.deepEqual(referenceCodec.fromProto(name, bytes, { defaults: false }).bytes, bytes, name);
    referenceCodec.toJson(name, bytes);
  }
});
