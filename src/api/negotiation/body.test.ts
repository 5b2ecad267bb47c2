import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type TestCluster, testCluster } from '../testing/cluster.ts';

let cluster: TestCluster;
before(async () => {
  cluster = await testCluster();
});
after(() => cluster.close());

const typeMeta =
  'Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
const noVersionAndKind = "couldn't get version/kind; json parse error: json: cannot unmarshal";

/** Texts of Kubernetes 1.36 for bodies that are no ConfigMap. */
const cases: readonly [body: string, message: string][] = [
  [
    '[]',
    `the object provided is unrecognized (must be of type ConfigMap): ${noVersionAndKind} array into ${typeMeta} (5b5d)`,
  ],
  [
    '{"kind":1}',
    `the object provided is unrecognized (must be of type ConfigMap): ${noVersionAndKind} number into Go struct field .kind of type string ({"kind":1})`,
  ],
  [
    '{"apiVersion":"a/b/c"}',
    'the object provided is unrecognized (must be of type ConfigMap): unexpected GroupVersion string: a/b/c ({"apiVersion":"a/b/c"})',
  ],
  [
    '{"kind":"Foo"}',
    'Foo in version "v1" cannot be handled as a ConfigMap: no kind "Foo" is registered for version "v1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
  ],
  [
    '{"kind":"Pod"}',
    'Pod in version "v1" cannot be handled as a ConfigMap: converting (v1.Pod) to (core.ConfigMap): unknown conversion',
  ],
  [
    '{"kind":"ConfigMapList"}',
    'ConfigMapList in version "v1" cannot be handled as a ConfigMap: converting (v1.ConfigMapList) to (core.ConfigMap): unknown conversion',
  ],
  [
    '{"kind":"Status"}',
    'Status in version "v1" cannot be handled as a ConfigMap: converting (v1.Status) to (core.ConfigMap): unknown conversion',
  ],
];

for (const [body, message] of cases) {
  test(`${body} is refused in upstream's words`, async () => {
    const answer = await cluster.ask('POST', '/api/v1/namespaces/default/configmaps', { body });
    assert.deepEqual([answer.status, (JSON.parse(answer.text) as { message: string }).message], [400, message]);
  });
}
