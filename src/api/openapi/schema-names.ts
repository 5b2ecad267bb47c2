/** Names of definitions: `core/v1.Pod` is `io.k8s.api.core.v1.Pod`. */
import type { MessageName } from '../../schema/index.ts';

const prefixes: Readonly<Record<string, string>> = {
  meta: 'io.k8s.apimachinery.pkg.apis.meta',
  apiextensions: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
  apiregistration: 'io.k8s.kube-aggregator.pkg.apis.apiregistration',
};

/** Definitions that stand for named scalars. */
export const scalarNames = {
  quantity: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  intOrString: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  time: 'io.k8s.apimachinery.pkg.apis.meta.v1.Time',
  microTime: 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime',
  fieldsV1: 'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1',
  rawExtension: 'io.k8s.apimachinery.pkg.runtime.RawExtension',
  json: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON',
  schemaOrArray: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray',
  schemaOrBool: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool',
  schemaOrStringArray: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray',
} as const;

export const patchName = 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch';

export function definitionName(message: MessageName): string {
  const dot = message.lastIndexOf('.');
  const [first, ...rest] = message.slice(0, dot).split('/');
  const name = message.slice(dot + 1);
  if (first === 'openshift') return ['com.github.openshift.api', ...rest, name].join('.');
  return [prefixes[first!] ?? `io.k8s.api.${first}`, ...rest, name].join('.');
}
